//! The mask decoder's upscaling in one pass, for tensors that nothing is derived by: some cells at a time go through both transposed
//! convolutions, the norm and the GELUs, so that nothing between them leaves the cache.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::panel::{self, Row};
use super::{Array, gelu, layer_norm, linear, takes, zeros};

/// Cells of one task.
const PER_TASK: usize = 32;

/// What an upscaling multiplies and adds with.
pub(crate) struct Upscaling {
    /// Of the transposed convolutions: weight `[in, 4 out]` and bias `[4 out]`.
    pub(crate) first: (Tensor<2>, Tensor<1>),
    pub(crate) second: (Tensor<2>, Tensor<1>),
    /// Weight and bias of the norm between them, `[out]` of the first.
    pub(crate) norm: (Tensor<1>, Tensor<1>),
    pub(crate) epsilon: f32,
    /// Whether a GELU follows.
    pub(crate) gelu: bool,
}

impl Upscaling {
    /// Whether it is computed here.
    pub(crate) fn fits(&self, x: &Tensor<4>) -> bool {
        let matrices = [&self.first.0, &self.second.0];
        let vectors = [&self.first.1, &self.second.1, &self.norm.0, &self.norm.1];
        takes(x)
            && !x.is_autodiff()
            && matrices.iter().all(|factor| takes(factor) && !factor.is_autodiff())
            && vectors.iter().all(|values| takes(values) && !values.is_autodiff())
    }

    /// `[b, h, w, in]` to `[b, h, w, 16 out]`, in blocks; see [`crate::ops::unblock`].
    pub(crate) fn forward(self, x: Tensor<4>) -> Tensor<4> {
        let device = x.device();
        let [b, h, w, _] = x.dims();
        let x = Array::of(x);
        let of = Array::of::<1>;
        let layer = |(weight, bias)| Layer::new(&Array::of::<2>(weight), of(bias));
        let (first, second) = (layer(self.first), layer(self.second));
        let (weight, bias) = (of(self.norm.0), of(self.norm.1));
        let across = 4 * second.output;
        let mut out = zeros(b * h * w * across);
        let tasks = out.par_chunks_mut(PER_TASK * across);
        let tasks = tasks.zip(x.values().par_chunks(PER_TASK * first.input));
        tasks.for_each_init(Vec::new, |hidden, (out, x)| {
            hidden.resize(x.len() / first.input * first.output, 0.0);
            first.rows(x, hidden);
            layer_norm::rows_in_place(hidden, weight.values(), bias.values(), self.epsilon);
            gelu::of_each(hidden);
            second.rows(hidden, out);
            if self.gelu {
                gelu::of_each(out);
            }
        });
        Tensor::from_data(TensorData::new(out, [b, h, w, across]), &device)
    }
}

/// A linear layer with its weight packed.
struct Layer {
    panels: Vec<Row>,
    bias: Array,
    input: usize,
    output: usize,
}

impl Layer {
    fn new(weight: &Array, bias: Array) -> Self {
        let output = weight.width();
        let panels = panel::panels(weight.values(), output);
        Self { panels, bias, input: weight.shape()[0], output }
    }

    fn rows(&self, x: &[f32], out: &mut [f32]) {
        linear::rows(x, self.input, &self.panels, Some(self.bias.values()), (out, self.output));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;
    use crate::ops::{self, Tf32};

    #[test]
    fn it_is_the_steps_one_after_the_other() {
        for ([b, h, w], [input, hidden, output], gelu) in [
            ([1, 1, 1], [3, 1, 2], true),
            ([2, 9, 7], [20, 16, 4], false),
            ([1, 8, 8], [64, 16, 8], true),
        ] {
            let x: Tensor<4> = random(1, [b, h, w, input]);
            let first = (random(2, [input, 4 * hidden]), random(3, [4 * hidden]));
            let second = (random(4, [hidden, 4 * output]), random(5, [4 * output]));
            let norm = (random(6, [hidden]), random(7, [hidden]));
            let (f, s, n) = (first.clone(), second.clone(), norm.clone());
            let expected = ops::linear(x.clone(), f.0, Some(f.1), Tf32::Never);
            let expected = expected.reshape([b, h * w, 4, hidden]);
            let expected = ops::gelu(ops::layer_norm(expected, n.0, n.1, 1e-6));
            let expected = ops::linear(expected, s.0, Some(s.1), Tf32::Never);
            let expected = expected.reshape([b, h, w, 16 * output]);
            let expected = if gelu { ops::gelu(expected) } else { expected };
            let upscaling = Upscaling { first, second, norm, epsilon: 1e-6, gelu };
            assert!(upscaling.fits(&x));
            let found = upscaling.forward(x);
            let scale = expected.clone().abs().max().into_scalar::<f32>();
            let off = (found - expected).abs().max().into_scalar::<f32>();
            assert!(off <= 1e-5 * scale, "{off} of {scale}");
        }
    }
}
