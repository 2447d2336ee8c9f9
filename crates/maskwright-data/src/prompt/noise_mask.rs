//! Noise mask prompts: a coarse mask with a disturbed boundary.
//!
//! The label is resized to the prompt's size, scaled to 0..1, and thresholded at 0.5 after standard
//! normal noise is added wherever detail would be lost by resizing to an eighth and back, which is
//! the object's boundary (the incoherent regions of Mask Transfiner, Ke et al., 2022; used by
//! HQ-SAM's training).

use std::sync::{Arc, OnceLock};

use maskwright_image::Size;
use maskwright_image::sample::{Sampler, resize_plane};
use serde::{Deserialize, Serialize};

use super::config::MaskValues;
use crate::random::{Keyed, normal_cdf};

/// A mask prompt: `size` x `size` values over the model's input, row-major.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseMask {
    /// Height and width.
    pub size: usize,
    /// `size * size` values: one of the two [`MaskValues::levels`] each, or the logits of a prediction. Shared by
    /// all copies of the prompt, down to the model's.
    #[serde(with = "values")]
    pub data: Arc<[f32]>,
}

/// Shared values as a list; reading gives each mask its own.
mod values {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(data: &Arc<[f32]>, into: S) -> Result<S::Ok, S::Error> {
        data[..].serialize(into)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Arc<[f32]>, D::Error> {
        Vec::deserialize(from).map(Arc::from)
    }
}

/// By how much a pixel has to change on the way to an eighth of the size and back to count as
/// boundary.
const CHANGE: f32 = 0.01;

/// The downscaling factor that finds the boundary.
const COARSE: usize = 8;

/// Draws a noise mask from a sampled label.
///
/// `label` is `[h, w]` in 0..255. A pixel of the boundary band with value v (in 0..1) is set with
/// probability P(v + n > 0.5) = Φ(v - 0.5) for n standard normal: the same distribution as adding
/// the noise, for one table look-up and 32 random bits.
pub fn noise_mask(
    label: &[f32],
    label_size: Size,
    size: usize,
    values: MaskValues,
    draw: &mut Keyed,
) -> NoiseMask {
    Drawer::new(Sampler::new()).draw(label, label_size, size, values, draw)
}

/// Draws noise masks one after the other, in memory that it keeps.
#[derive(Debug)]
pub(super) struct Drawer {
    sampler: Sampler,
    coverage: Vec<f32>,
    small: Vec<f32>,
    recovered: Vec<f32>,
}

impl Drawer {
    pub(super) fn new(sampler: Sampler) -> Drawer {
        Drawer { sampler, coverage: Vec::new(), small: Vec::new(), recovered: Vec::new() }
    }

    /// As [`noise_mask`].
    pub(super) fn draw(
        &mut self,
        label: &[f32],
        label_size: Size,
        size: usize,
        values: MaskValues,
        draw: &mut Keyed,
    ) -> NoiseMask {
        self.sampler.resize_plane_into(label, label_size, Size::square(size), &mut self.coverage);
        self.coverage.iter_mut().for_each(|v| *v /= 255.0);
        self.recover(size);
        let (outside, inside) = values.levels();
        let pixel = |(&v, &r): (&f32, &f32)| {
            let set = if lost(v, r) { draw.next_u32() < threshold(v) } else { v > 0.5 };
            if set { inside } else { outside }
        };
        NoiseMask { size, data: self.coverage.iter().zip(&self.recovered).map(pixel).collect() }
    }

    /// Resizes the coverage to an eighth and back.
    fn recover(&mut self, size: usize) {
        let coarse = (size / COARSE).max(1);
        let Drawer { sampler, coverage, small, recovered } = self;
        sampler.resize_plane_into(coverage, Size::square(size), Size::square(coarse), small);
        sampler.resize_plane_into(small, Size::square(coarse), Size::square(size), recovered);
    }
}

/// Whether a pixel changed on the way to an eighth of the size and back.
fn lost(v: f32, recovered: f32) -> bool {
    (v - recovered).abs() >= CHANGE
}

/// The noise mask for given noise: the definition that [`noise_mask`] draws from, and what the
/// reference computes. `normals` has `size * size` values.
///
/// # Panics
///
/// If `normals` has another length.
pub fn noise_mask_from_normals(
    label: &[f32],
    label_size: Size,
    size: usize,
    values: MaskValues,
    normals: &[f32],
) -> NoiseMask {
    assert_eq!(normals.len(), size * size, "one normal number per pixel of the prompt");
    let coverage = coverage(label, label_size, size);
    let band = boundary_band(&coverage, size);
    let (outside, inside) = values.levels();
    let pixel = |((&v, &noisy), &noise): ((&f32, &bool), &f32)| {
        let v = if noisy { v + noise } else { v };
        if v > 0.5 { inside } else { outside }
    };
    NoiseMask { size, data: coverage.iter().zip(&band).zip(normals).map(pixel).collect() }
}

/// Where a `size` x `size` mask in 0..1 loses detail at an eighth of its size: true around
/// boundaries.
pub fn boundary_band(coverage: &[f32], size: usize) -> Vec<bool> {
    let mut drawer = Drawer::new(Sampler::new());
    drawer.coverage.extend_from_slice(coverage);
    drawer.recover(size);
    coverage.iter().zip(&drawer.recovered).map(|(&v, &r)| lost(v, r)).collect()
}

/// The label at the prompt's size, 0..1.
fn coverage(label: &[f32], label_size: Size, size: usize) -> Vec<f32> {
    let mut small = resize_plane(label, label_size, Size::square(size));
    small.iter_mut().for_each(|v| *v /= 255.0);
    small
}

/// Steps of the probability table: averages of four 8-bit values, which is what most labels resize
/// to, hit its entries.
const STEPS: usize = 1020;

/// Φ(v - 0.5) as a fraction of 2^32, interpolated between the entries of the table.
fn threshold(v: f32) -> u32 {
    static TABLE: OnceLock<Vec<f64>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let entry = |step| normal_cdf(step as f64 / STEPS as f64 - 0.5) * 4_294_967_296.0;
        // One entry more, so that v = 1 has a right neighbour.
        (0..=STEPS + 1).map(entry).collect()
    });
    let at = f64::from(v.clamp(0.0, 1.0)) * STEPS as f64;
    let step = at as usize;
    (table[step] + (table[step + 1] - table[step]) * (at - step as f64)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn disc(h: usize, w: usize) -> Vec<f32> {
        let inside = |at: usize| {
            let (y, x) = ((at / w) as f32 - h as f32 / 2.0, (at % w) as f32 - w as f32 / 2.0);
            y * y + x * x < (h.min(w) as f32 / 3.0).powi(2)
        };
        (0..h * w).map(|at| if inside(at) { 255.0 } else { 0.0 }).collect()
    }

    #[test]
    fn only_the_boundary_is_disturbed() {
        let label = disc(256, 256);
        let clean = coverage(&label, Size::square(256), 64);
        let band = boundary_band(&clean, 64);
        assert!(!band[0] && !band[32 * 64 + 32]);
        let noisy = band.iter().filter(|&&b| b).count();
        assert!((200..2500).contains(&noisy), "{noisy}");
        for record in 0..20 {
            let mut draw = Keyed::new(1, 0, record, Purpose::NoiseMask);
            let mask = noise_mask(&label, Size::square(256), 64, MaskValues::ZeroTo255, &mut draw);
            for (at, &value) in mask.data.iter().enumerate() {
                assert!(value == 0.0 || value == 255.0);
                if !band[at] {
                    assert_eq!(value == 255.0, clean[at] > 0.5);
                }
            }
        }
    }

    /// Drawing from the table has the distribution of adding normal noise.
    #[test]
    fn pixels_are_set_as_often_as_noise_would_set_them() {
        for v in [0.0f32, 0.1, 0.3337, 0.5, 0.9, 1.0] {
            let exact = normal_cdf(f64::from(v) - 0.5);
            assert!((f64::from(threshold(v)) / 4_294_967_296.0 - exact).abs() < 1e-6, "{v}");
        }
        let label = disc(64, 64);
        let (mut table, mut noise) = (0f64, 0f64);
        for record in 0..400 {
            let mut draw = Keyed::new(1, 0, record, Purpose::NoiseMask);
            let mask = noise_mask(&label, Size::square(64), 32, MaskValues::ZeroTo255, &mut draw);
            table += f64::from(mask.data.iter().sum::<f32>()) / 255.0;
            let mut draw = Keyed::new(2, 0, record, Purpose::NoiseMask);
            let normals: Vec<f32> = (0..32 * 32).map(|_| draw.normal()).collect();
            let mask = noise_mask_from_normals(
                &label,
                Size::square(64),
                32,
                MaskValues::ZeroTo255,
                &normals,
            );
            noise += f64::from(mask.data.iter().sum::<f32>()) / 255.0;
        }
        // Means of 400 sums of some 500 coin tosses: a standard deviation of about 0.8 between the
        // two.
        assert!((table - noise).abs() / 400.0 < 4.0, "{table} {noise}");
    }

    #[test]
    fn masks_are_shared_and_written_as_lists() {
        let mask = NoiseMask { size: 2, data: [0.0, 255.0, 0.5, -10.0].into() };
        assert!(std::ptr::eq(&mask.clone().data[..], &mask.data[..]));
        let text = serde_json::to_string(&mask).unwrap();
        assert_eq!(text, r#"{"size":2,"data":[0.0,255.0,0.5,-10.0]}"#);
        assert_eq!(serde_json::from_str::<NoiseMask>(&text).unwrap(), mask);
    }

    #[test]
    fn logits_have_the_sign_of_the_object() {
        let mut draw = Keyed::new(1, 0, 0, Purpose::NoiseMask);
        let mask = noise_mask(&disc(64, 64), Size::square(64), 16, MaskValues::Logits, &mut draw);
        assert_eq!((mask.data[0], mask.data[8 * 16 + 8]), (-10.0, 10.0));
    }
}
