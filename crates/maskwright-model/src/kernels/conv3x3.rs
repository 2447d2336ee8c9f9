//! The 3 x 3 convolution with stride 1 and one cell of zeros around, channels last.
//!
//! In a line of cells with a zero cell at either end, the three neighbours of a cell lie side by
//! side, so a line's results are, for each of the three lines above, at and below, one
//! [`panel::product`] whose rows overlap: no columns are ever laid out in memory.

use burn::tensor::{Tensor, TensorData};
use pulp::Simd;
use rayon::prelude::*;

use super::panel::{self, Output, Row, WIDTH};
use super::{Array, Fused, GRAIN, untracked, zeros};

/// Lines of one task of the weight's gradient: each task sums on its own.
const LINES_PER_TASK: usize = 8;

/// Inputs: the map `[b, h, w, in]` and the weight `[3, 3, in, out]`. Result: `[b, h, w, out]`.
#[derive(Debug, Clone)]
pub(crate) struct Conv3x3;

/// The sizes of a map.
#[derive(Clone, Copy)]
struct Map {
    h: usize,
    w: usize,
    input: usize,
    output: usize,
}

/// The line y of an image, with a zero cell at either end; zeros outside the image.
fn padded_line(image: &[f32], y: usize, h: usize, width: usize, cell: usize, to: &mut [f32]) {
    to.fill(0.0);
    if y < h {
        to[cell..cell + width].copy_from_slice(&image[y * width..][..width]);
    }
}

/// Convolves one line of the result.
struct Line<'a> {
    map: Map,
    image: &'a [f32],
    y: usize,
    /// Of the weight, each of `9 * in` rows.
    panels: &'a [Row],
    bias: Option<&'a [f32]>,
    line: &'a mut Vec<f32>,
    out: &'a mut [f32],
}

impl pulp::WithSimd for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map: Map { h, w, input, output }, image, y, panels, bias, line, out } = self;
        if let Some(bias) = bias {
            out.chunks_exact_mut(output).for_each(|cell| cell.copy_from_slice(bias));
        }
        line.resize((w + 2) * input, 0.0);
        for row in 0..3 {
            // Above the first line the index wraps around and is past the last, as below it.
            padded_line(image, (y + row).wrapping_sub(1), h, w * input, input, line);
            for (p, panel) in panels.chunks_exact(9 * input).enumerate() {
                let out = Output {
                    values: &mut out[p * WIDTH..],
                    stride: output,
                    columns: WIDTH.min(output - p * WIDTH),
                    add: row > 0 || bias.is_some(),
                };
                let panel = &panel[row * 3 * input..][..3 * input];
                panel::product(simd, line, input, w, panel, out);
            }
        }
    }
}

fn convolve(x: &[f32], weight: &[f32], bias: Option<&[f32]>, map: Map) -> Vec<f32> {
    let Map { h, w, input, output } = map;
    let panels = panel::panels(weight, output);
    let images = x.len() / (h * w * input);
    let mut out = zeros(images * h * w * output);
    out.par_chunks_mut(w * output).enumerate().for_each_init(Vec::new, |line, (i, out)| {
        let image = &x[i / h * h * w * input..][..h * w * input];
        pulp::Arch::new().dispatch(Line { map, image, y: i % h, panels: &panels, bias, line, out });
    });
    out
}

/// The convolution with a bias `[out]` in the same pass, of tensors that nothing is derived by and that [`takes`](super::takes).
pub(crate) fn with_bias(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let device = x.device();
    let ([images, h, w, input], output) = (x.dims(), bias.dims()[0]);
    let [x, weight] = [x, weight].map(|factor| Array::from(untracked(factor)));
    let bias = Array::from(untracked(bias));
    let map = Map { h, w, input, output };
    let out = convolve(x.values(), weight.values(), Some(bias.values()), map);
    Tensor::from_data(TensorData::new(out, [images, h, w, output]), &device)
}

/// Adds the gradient of the weight from some lines of one image's input.
struct WeightGradient<'a> {
    map: Map,
    image: &'a [f32],
    /// Of the result, one image.
    gradient: &'a [f32],
    lines: std::ops::Range<usize>,
    /// `[3, 3, in, out]`.
    out: &'a mut [f32],
}

impl pulp::WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map: Map { h, w, input, output }, image, gradient, lines, out } = self;
        // A channel's cells side by side, a zero at either end.
        let mut channels = vec![0f32; input * (w + 2)];
        let mut packed = vec![[0f32; WIDTH]; w];
        for y in lines {
            for (x, cell) in image[y * w * input..][..w * input].chunks_exact(input).enumerate() {
                for (c, &value) in cell.iter().enumerate() {
                    channels[c * (w + 2) + x + 1] = value;
                }
            }
            for row in 0..3 {
                // This line is the one above, at or below the gradient's line.
                let Some(at) = (y + 1).checked_sub(row).filter(|&at| at < h) else { continue };
                let line = &gradient[at * w * output..][..w * output];
                for p in 0..output.div_ceil(WIDTH) {
                    panel::pack_columns(line, output, p, &mut packed);
                    for column in 0..3 {
                        let from = (row * 3 + column) * input * output + p * WIDTH;
                        let out = Output {
                            values: &mut out[from..],
                            stride: output,
                            columns: WIDTH.min(output - p * WIDTH),
                            add: true,
                        };
                        panel::product(simd, &channels[column..], w + 2, input, &packed, out);
                    }
                }
            }
        }
    }
}

impl Fused<2> for Conv3x3 {
    type Saved = [Array; 2];

    fn forward(&self, [x, weight]: [Array; 2], saves: bool) -> (Array, Option<[Array; 2]>) {
        let &[images, h, w, input] = x.shape() else { unreachable!("a map has four axes") };
        let map = Map { h, w, input, output: weight.width() };
        let out = convolve(x.values(), weight.values(), None, map);
        (Array::new(out, &[images, h, w, map.output]), saves.then_some([x, weight]))
    }

    fn backward(
        &self,
        [x, weight]: [Array; 2],
        gradient: Array,
        needs: [bool; 2],
    ) -> [Option<Array>; 2] {
        let &[images, h, w, input] = x.shape() else { unreachable!("a map has four axes") };
        let output = weight.width();
        let to_x = needs[0].then(|| {
            // The same convolution with the weight turned around and its channels exchanged.
            let mut turned = vec![0f32; weight.values().len()];
            let kernels = weight.values().chunks_exact(input * output).rev();
            for (kernel, to) in kernels.zip(turned.chunks_exact_mut(input * output)) {
                for (i, row) in kernel.chunks_exact(output).enumerate() {
                    for (o, &value) in row.iter().enumerate() {
                        to[o * input + i] = value;
                    }
                }
            }
            let map = Map { h, w, input: output, output: input };
            Array::new(convolve(gradient.values(), &turned, None, map), x.shape())
        });
        let to_weight = needs[1].then(|| {
            let map = Map { h, w, input, output };
            let per_image = h.div_ceil(LINES_PER_TASK);
            let parts: Vec<Vec<f32>> = (0..images * per_image)
                .into_par_iter()
                .map(|task| {
                    let (image, part) = (task / per_image, task % per_image);
                    let from = part * LINES_PER_TASK;
                    let mut out = vec![0f32; weight.values().len()];
                    pulp::Arch::new().dispatch(WeightGradient {
                        map,
                        image: &x.values()[image * h * w * input..][..h * w * input],
                        gradient: &gradient.values()[image * h * w * output..][..h * w * output],
                        lines: from..h.min(from + LINES_PER_TASK),
                        out: &mut out,
                    });
                    out
                })
                .collect();
            // In the order of the tasks, so that the number of threads does not matter.
            let mut total = vec![0f32; weight.values().len()];
            total.par_chunks_mut(GRAIN).enumerate().for_each(|(chunk, total)| {
                for part in &parts {
                    let part = &part[chunk * GRAIN..];
                    total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
                }
            });
            Array::new(total, weight.shape())
        });
        [to_x, to_weight]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32};

    #[test]
    fn matches_the_plain_twin() {
        for [h, w, input, output] in [[1, 1, 3, 5], [4, 9, 16, 32], [19, 5, 8, 70], [2, 33, 1, 1]] {
            let weight = random(2, [3, 3, input, output]);
            let bias = random(3, [output]);
            same(random(1, [2, h, w, input]), weight, bias, 2e-5, |x, weight, bias| {
                ops::conv3x3(x, weight, Some(bias), Tf32::Never)
            });
        }
    }
}
