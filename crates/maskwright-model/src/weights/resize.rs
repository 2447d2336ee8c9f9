//! Positions learned for another input size, brought to the model's.

use super::checkpoint::{Checkpoint, LazyTensor};
use super::element::Element;
use super::model::expected;
use super::state::StateTensor;
use crate::config::SamConfig;
use crate::error::Result;

impl Checkpoint {
    /// The same as a model of this configuration has it in use: positions brought to its input size,
    /// and f64 narrowed to f32; other values stay as they are, bit for bit.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a configuration that cannot be.
    pub(crate) fn fitted(mut self, config: &SamConfig) -> Result<Self> {
        for (name, shape) in expected(config)? {
            let Some(tensor) = self.tensors.get_mut(&name) else { continue };
            if tensor.element == Element::F64 {
                *tensor = tensor.to_element(Element::F32);
            }
            if tensor.shape == shape || !fits(&name, &tensor.shape, &shape) {
                continue;
            }
            let (inner, to) = (tensor.clone(), shape.clone());
            *tensor = LazyTensor::of_values(inner.element, shape, move || {
                let values = StateTensor { shape: inner.shape.clone(), values: inner.values()?.0 };
                Ok(to_fit(&name, &values, &to).unwrap_or(values).values)
            });
        }
        Ok(self)
    }
}

/// Whether a tensor of this shape can become one of the other: they are equal, or it holds positions.
pub(super) fn fits(name: &str, from: &[usize], to: &[usize]) -> bool {
    let positions = match (name.rsplit('.').next(), from, to) {
        (Some("pos_embed"), &[1, .., c], &[1, _, _, to_c]) => c == to_c,
        (Some("rel_pos_h" | "rel_pos_w"), &[_, c], &[_, to_c]) => c == to_c,
        _ => false,
    };
    from == to || (positions && from.len() == to.len() && !from.contains(&0))
}

/// A tensor of absolute or relative positions interpolated to this shape; `None` for any other
/// tensor and for one that fits already.
pub(super) fn to_fit(name: &str, tensor: &StateTensor, shape: &[usize]) -> Option<StateTensor> {
    if tensor.shape == shape || tensor.shape.len() != shape.len() || tensor.shape.contains(&0) {
        return None;
    }
    let values = match (name.rsplit('.').next()?, tensor.shape.as_slice(), shape) {
        ("pos_embed", &[1, h, w, c], &[1, to_h, to_w, to_c]) if c == to_c => {
            bicubic(&tensor.values, [h, w, c], [to_h, to_w])
        }
        ("rel_pos_h" | "rel_pos_w", &[from, c], &[to, to_c]) if c == to_c => {
            linear(&tensor.values, from, c, to)
        }
        _ => return None,
    };
    Some(StateTensor { shape: shape.to_vec(), values })
}

/// Along the first axis of `[from, c]`, half-pixel centres (align_corners=false).
fn linear(values: &[f32], from: usize, c: usize, to: usize) -> Vec<f32> {
    let scale = from as f64 / to as f64;
    let mut out = Vec::with_capacity(to * c);
    for i in 0..to {
        let at = ((i as f64 + 0.5) * scale - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let fraction = (at - low as f64) as f32;
        for k in 0..c {
            let (a, b) = (values[low * c + k], values[high * c + k]);
            out.push(a * (1.0 - fraction) + b * fraction);
        }
    }
    out
}

/// The four taps and weights of an output position: Keys' cubic with a = -0.75, half-pixel centres
/// (align_corners=false), edges repeated, as PyTorch's bicubic.
fn cubic_taps(i: usize, from: usize, to: usize) -> [(usize, f32); 4] {
    const A: f64 = -0.75;
    let at = (i as f64 + 0.5) * (from as f64 / to as f64) - 0.5;
    let floor = at.floor();
    let t = at - floor;
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    std::array::from_fn(|k| {
        let tap = (floor as i64 + k as i64 - 1).clamp(0, from as i64 - 1);
        (tap as usize, weights[k] as f32)
    })
}

/// `[h, w, c]` to `[to_h, to_w, c]`.
fn bicubic(values: &[f32], [h, w, c]: [usize; 3], [to_h, to_w]: [usize; 2]) -> Vec<f32> {
    let columns: Vec<_> = (0..to_w).map(|x| cubic_taps(x, w, to_w)).collect();
    let mut wide = vec![0f32; h * to_w * c];
    for (y, row) in wide.chunks_exact_mut(to_w * c).enumerate() {
        for (taps, cell) in columns.iter().zip(row.chunks_exact_mut(c)) {
            for &(x, weight) in taps {
                let from = &values[(y * w + x) * c..][..c];
                cell.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
            }
        }
    }
    let mut out = vec![0f32; to_h * to_w * c];
    for (y, row) in out.chunks_exact_mut(to_w * c).enumerate() {
        for (tap, weight) in cubic_taps(y, h, to_h) {
            let from = &wide[tap * to_w * c..][..to_w * c];
            row.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[f32]) -> StateTensor {
        StateTensor { shape: shape.to_vec(), values: values.to_vec() }
    }

    #[test]
    fn cubic_weights_sum_to_one_and_match_pytorch() {
        // torch.nn.functional.interpolate([[0, 1, 4, 9]], size 6, bicubic, align_corners=False),
        // by hand: output 1 is at source 0.5, its taps 0, 0, 1, 2 weigh
        // -0.09375, 0.59375, 0.59375, -0.09375.
        let taps = cubic_taps(1, 4, 6);
        assert_eq!(taps.map(|(tap, _)| tap), [0, 0, 1, 2]);
        let expected = [-0.09375, 0.59375, 0.59375, -0.09375];
        for ((_, weight), expected) in taps.iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-6);
        }
        for i in 0..13 {
            let sum: f32 = cubic_taps(i, 5, 13).iter().map(|(_, w)| w).sum();
            assert!((sum - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_plane_stays_a_constant() {
        let flat = tensor(&[1, 3, 3, 2], &[1.0, -2.0].repeat(9));
        let wide = to_fit("image_encoder.pos_embed", &flat, &[1, 5, 4, 2]).unwrap();
        assert_eq!(wide.values.len(), 40);
        for pair in wide.values.chunks_exact(2) {
            assert!((pair[0] - 1.0).abs() < 1e-5 && (pair[1] + 2.0).abs() < 1e-5);
        }
    }

    #[test]
    fn tables_are_resampled_linearly() {
        let table = tensor(&[3, 1], &[0.0, 1.0, 2.0]);
        let long = to_fit("a.attn.rel_pos_h", &table, &[5, 1]).unwrap();
        let expected = [0.0, 0.4, 1.0, 1.6, 2.0];
        for (value, expected) in long.values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{:?}", long.values);
        }
        assert!(to_fit("a.attn.qkv.weight", &table, &[5, 1]).is_none());
        assert!(to_fit("a.attn.rel_pos_h", &table, &[5, 2]).is_none());
    }
}
