//! A linear layer in f32, with its bias in the same pass, for tensors that nothing is derived by: frozen encoders, and
//! predictions.
//!
//! Burn's product zeroes the result, copies it to where it is aligned, and adds the bias in a pass of one thread. Beside the mask
//! decoder's small products that is much of the time. Large weights are Burn's: its blocks fit the caches better.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::panel::{self, ByPanels, Row};
use super::{Array, takes, zeros};

/// Rows of one task: their factors stay in the cache while all panels go by.
const PER_TASK: usize = 64;

/// Values of a weight whose panels stay in the cache beside some rows.
const LARGEST_WEIGHT: usize = 1 << 16;

/// Whether it is a layer that is computed here. A few rows are not worth the packing of the weight.
pub(crate) fn fits<const D: usize>(x: &Tensor<D>, weight: &Tensor<2>, rows: usize) -> bool {
    let frozen = !x.is_autodiff() && !weight.is_autodiff();
    let [input, output] = weight.dims();
    let small = input * output <= LARGEST_WEIGHT;
    frozen && small && rows >= PER_TASK && takes(x) && takes(weight)
}

/// `x @ weight + bias` over tensors: `[rows, in]`, `[in, out]` and `[out]` to `[rows, out]`.
pub(crate) fn forward(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let device = x.device();
    let (rows, [_, output]) = (x.dims()[0], weight.dims());
    let [x, weight] = [x, weight].map(Array::of);
    let bias = bias.map(Array::of);
    let out = linear(x.values(), weight.values(), output, bias.as_ref().map(Array::values));
    Tensor::from_data(TensorData::new(out, [rows, output]), &device)
}

/// The product does not depend on the number of threads.
fn linear(x: &[f32], weight: &[f32], output: usize, bias: Option<&[f32]>) -> Vec<f32> {
    let input = weight.len() / output;
    let rows = x.len() / input;
    let panels = panel::panels(weight, output);
    let mut out = zeros(rows * output);
    let tasks = out.par_chunks_mut(PER_TASK * output).zip(x.par_chunks(PER_TASK * input));
    tasks.for_each(|(out, x)| {
        self::rows(x, input, &panels, bias, (out, output));
    });
    out
}

/// Some rows `[rows, input]` times panels of `input` rows, and a bias: `[rows, output]`, on this thread.
pub(super) fn rows(
    x: &[f32],
    input: usize,
    panels: &[Row],
    bias: Option<&[f32]>,
    (out, output): (&mut [f32], usize),
) {
    if let Some(bias) = bias {
        out.chunks_exact_mut(output).for_each(|row| row.copy_from_slice(bias));
    }
    ByPanels { a: x, inner: input, panels, out, width: output, add: bias.is_some() }.run();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;
    use crate::ops::{self, Tf32};

    #[test]
    fn matches_burns_own() {
        for [rows, input, output] in [[64, 1, 1], [65, 32, 32], [200, 7, 70], [131, 96, 33]] {
            let (x, weight) = (random::<2>(1, [rows, input]), random::<2>(2, [input, output]));
            for bias in [None, Some(random::<1>(3, [output]))] {
                let expected = x.clone().matmul(weight.clone());
                let expected = match &bias {
                    Some(bias) => expected + bias.clone().unsqueeze::<2>(),
                    None => expected,
                };
                assert!(fits(&x, &weight, rows));
                let found = ops::linear(x.clone(), weight.clone(), bias, Tf32::Never);
                let off = (found - expected.clone()).abs().max().into_scalar::<f32>();
                let scale = expected.abs().max().into_scalar::<f32>();
                assert!(off <= 2e-6 * scale, "{rows} {input} {output}: {off} of {scale}");
            }
        }
    }
}
