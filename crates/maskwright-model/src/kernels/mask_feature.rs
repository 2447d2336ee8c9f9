//! The product of the HQ head's mask feature with each prompt's weights in one pass, for tensors that nothing is derived by: some
//! lines at a time go through both convolutions, the norm and the GELU, so that nothing between them leaves the cache.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::conv3x3::{Line, PaddedLines, line_tasks, lines_per_task};
use super::conv3x3_to_one::{CELLS, add_line};
use super::panel::{self, Row};
use super::rearrange::line_of_blocks;
use super::{Array, gelu, layer_norm, takes, zeros};

/// What it multiplies and adds with.
pub(crate) struct MaskFeature {
    /// Of the first convolution: weight `[3, 3, in, hidden]` and bias `[hidden]`.
    pub(crate) first: (Tensor<4>, Tensor<1>),
    /// Weight and bias of the norm, `[hidden]`.
    pub(crate) norm: (Tensor<1>, Tensor<1>),
    pub(crate) epsilon: f32,
    /// Of the convolution to one channel, for each map: `[b, 9, hidden]`.
    pub(crate) kernels: Tensor<3>,
}

impl MaskFeature {
    /// Whether it is computed here.
    pub(crate) fn fits(&self, x: &Tensor<4>) -> bool {
        let of_layers = [&self.first.1, &self.norm.0, &self.norm.1];
        let learns = x.is_autodiff()
            || self.first.0.is_autodiff()
            || self.kernels.is_autodiff()
            || of_layers.iter().any(|values| values.is_autodiff());
        !learns && takes(x) && takes(&self.first.0) && takes(&self.kernels)
    }

    /// Maps in blocks, `[b, h, w, 16 in]` (see [`crate::ops::unblock`]), to `[b, 4 h, 4 w]`.
    pub(crate) fn forward(self, x: Tensor<4>) -> Tensor<3> {
        let device = x.device();
        let [images, h, w, _] = x.dims();
        let x = Array::of(x);
        let of = Array::of::<1>;
        let weight = Array::of(self.first.0);
        let &[_, _, input, hidden] = weight.shape() else { unreachable!("a kernel has four axes") };
        let kernels = Array::of(self.kernels);
        let (bias, scale, shift) = (of(self.first.1), of(self.norm.0), of(self.norm.1));
        let panels = panel::panels(weight.values(), hidden);
        let kernels = kernels.values().chunks_exact(CELLS * hidden);
        let kernels: Vec<Vec<Row>> =
            kernels.map(|kernel| panel::transposed_panels(kernel, hidden)).collect();
        let blocks = w * 16 * input;
        let [h, w] = [4 * h, 4 * w];
        let mut out = zeros(images * h * w);
        let tasks = line_tasks(&mut out, [h, w], lines_per_task(images * h));
        tasks.into_par_iter().for_each_init(Work::default, |work, (image, first, out)| {
            let Work { padded, line, products } = work;
            padded.of(w * input, input);
            line.resize(w * hidden, 0.0);
            let x = &x.values()[image * h / 4 * blocks..][..h / 4 * blocks];
            let lines = first..first + out.len() / w;
            for y in first.saturating_sub(1)..h.min(lines.end + 1) {
                let around = padded.around(y, (h, input), |y, to| {
                    line_of_blocks(&x[y / 4 * blocks..][..blocks], y % 4, input, to);
                });
                pulp::Arch::new().dispatch(Line {
                    lines: around,
                    input,
                    panels: &panels,
                    bias: Some(bias.values()),
                    output: hidden,
                    out: &mut *line,
                });
                layer_norm::rows_in_place(line, scale.values(), shift.values(), self.epsilon);
                gelu::of_each(line);
                add_line(line, &kernels[image], products, y, &lines, out);
            }
        });
        Tensor::from_data(TensorData::new(out, [images, h, w]), &device)
    }
}

/// What a thread works with.
#[derive(Default)]
struct Work {
    padded: PaddedLines,
    /// Of the hidden channels.
    line: Vec<f32>,
    products: Vec<Row>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;
    use crate::ops::{self, Tf32};

    #[test]
    fn it_is_the_steps_one_after_the_other_to_the_bit() {
        for [b, h, w, input, hidden] in [[1, 1, 1, 2, 3], [2, 5, 3, 8, 16], [1, 9, 8, 32, 64]] {
            let x: Tensor<4> = random(1, [b, h, w, 16 * input]);
            let first = (random(2, [3, 3, input, hidden]), random(3, [hidden]));
            let norm = (random(4, [hidden]), random(5, [hidden]));
            let kernels: Tensor<3> = random(6, [b, 9, hidden]);
            let (f, n) = (first.clone(), norm.clone());
            let expected = ops::conv3x3(ops::unblock(x.clone()), f.0, Some(f.1), Tf32::Never);
            let expected = ops::gelu(ops::layer_norm(expected, n.0, n.1, 1e-6));
            let expected = ops::conv3x3_to_one(expected, kernels.clone(), Tf32::Never);
            let feature = MaskFeature { first, norm, epsilon: 1e-6, kernels };
            assert!(feature.fits(&x));
            assert_eq!(feature.forward(x).into_data(), expected.into_data());
        }
    }
}
