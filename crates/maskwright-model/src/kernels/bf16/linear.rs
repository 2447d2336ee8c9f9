//! A linear layer of bf16 weights.

use burn::tensor::{DType, Tensor, TensorData};
use half::bf16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::{INNER, Instructions, Pair, ROWS, WIDTH, pack_columns, round};
use crate::kernels::{Array, takes, untracked, zeros};

/// Rows of one task: few enough that they stay in the cache, rounded, while all panels go by.
const PER_TASK: usize = 3 * ROWS;

/// The instructions for a product of these, if it is one that is computed here: f32 times frozen bf16, on the CPU.
pub(crate) fn instructions_for<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<2>,
) -> Option<Instructions> {
    let frozen = !x.is_autodiff() && !weight.is_autodiff();
    let fits = frozen && weight.dtype() == DType::BF16 && takes(x);
    fits.then(Instructions::best).flatten()
}

/// `x @ weight + bias` over tensors: `[rows, in]`, bf16 `[in, out]` and `[out]` to f32 `[rows, out]`.
pub(crate) fn forward(
    instructions: Instructions,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<2> {
    let device = x.device();
    let (rows, sizes) = (x.dims()[0], weight.dims());
    let x = Array::from(untracked(x));
    let weight = untracked(weight);
    let weight = if weight.is_contiguous() { weight } else { weight.to_contiguous() };
    let weight = weight.as_slice::<bf16>().unwrap_or_default();
    let bias = bias.map(|bias| Array::from(untracked(bias)));
    let bias = bias.as_ref().map(Array::values);
    let out = linear(instructions, x.values(), weight, sizes, bias);
    Tensor::from_data(TensorData::new(out, [rows, sizes[1]]), &device)
}

/// `x @ weight + bias`, the factors rounded to bf16: `x` is `[rows, input]`, `weight` `[input, output]`, `bias` `[output]`. Sums are in
/// f32. The result does not depend on the number of threads.
fn linear(
    instructions: Instructions,
    x: &[f32],
    weight: &[bf16],
    [input, output]: [usize; 2],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let rows = x.len() / input;
    let inner = input.next_multiple_of(INNER);
    let mut panels: Vec<Pair> = vec![[0; WIDTH]; inner / 2 * output.div_ceil(WIDTH)];
    let weight: &[u16] = weight.reinterpret_cast();
    panels.par_chunks_mut(inner / 2).enumerate().for_each(|(p, panel)| {
        pack_columns(weight, output, p, panel);
    });
    let mut out = zeros(rows * output);
    let tasks = out.par_chunks_mut(PER_TASK * output).zip(x.par_chunks(PER_TASK * input));
    tasks.for_each_init(Vec::new, |rounded: &mut Vec<u16>, (out, x)| {
        let rows = x.len() / input;
        rounded.clear();
        rounded.resize(rows.next_multiple_of(ROWS) * inner, 0);
        for (from, to) in x.chunks_exact(input).zip(rounded.chunks_exact_mut(inner)) {
            round(from, &mut to[..input]);
        }
        for (p, panel) in panels.chunks_exact(inner / 2).enumerate() {
            let columns = WIDTH.min(output - p * WIDTH);
            let sums = &mut out[p * WIDTH..];
            instructions.product(rounded, rows, panel, sums, (output, columns));
        }
        if let Some(bias) = bias {
            for row in out.chunks_exact_mut(output) {
                row.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    #[test]
    fn a_layer_is_the_product_of_its_rounded_factors() {
        let Some(instructions) = Instructions::best() else {
            return println!("left out: this processor does not multiply bf16");
        };
        for [rows, input, output] in [[1, 8, 5], [100, 96, 64], [193, 70, 33]] {
            let (x, weight) = (random(1, [rows, input]), random(2, [input, output]));
            let bias: Tensor<1> = random(3, [output]);
            let rounded = |x: Tensor<2>| x.cast(DType::BF16).cast(DType::F32);
            let wanted = rounded(x.clone()).matmul(rounded(weight.clone()));
            let wanted = wanted + bias.clone().unsqueeze::<2>();
            let weight = weight.cast(DType::BF16);
            assert_eq!(instructions_for(&x, &weight), Some(instructions));
            let found = forward(instructions, x, weight, Some(bias));
            // Sums of up to 96 products below 4, in another order.
            let off = (found - wanted).abs().max().into_scalar::<f32>();
            assert!(off < 96.0 * 4.0 * f32::EPSILON, "{rows} {input} {output}: {off}");
        }
    }

    #[test]
    fn what_learns_or_is_f32_is_left_to_others() {
        let (x, weight) = (random(1, [4, 8]), random(2, [8, 4]));
        let half = weight.clone().cast(DType::BF16);
        assert_eq!(instructions_for(&x, &weight), None);
        assert_eq!(instructions_for(&x.clone().autodiff(), &half), None);
        assert_eq!(instructions_for(&x.cast(DType::BF16), &half), None);
    }
}
