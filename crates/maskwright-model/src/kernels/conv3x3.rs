//! The 3 x 3 convolution with stride 1 and one cell of zeros around, channels last.
//!
//! In a line of cells with a zero cell at either end, the three neighbours of a cell lie side by
//! side, so a line's results are, for each of the three lines above, at and below, one
//! [`panel::product`] whose rows overlap: no columns are ever laid out in memory.

use burn::tensor::{Tensor, TensorData};
use pulp::Simd;
use rayon::prelude::*;

use super::panel::{self, Output, Row, WIDTH};
use super::{Array, Fused, GRAIN, zeros};

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

/// Convolves one line of the result.
pub(super) struct Line<'a> {
    /// The lines above, at and below, with a zero cell at either end.
    pub(super) lines: [&'a [f32]; 3],
    pub(super) input: usize,
    /// Of the weight, each of `9 * in` rows.
    pub(super) panels: &'a [Row],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) output: usize,
    /// `[w, out]`.
    pub(super) out: &'a mut [f32],
}

impl pulp::WithSimd for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lines, input, panels, bias, output, out } = self;
        if let Some(bias) = bias {
            out.chunks_exact_mut(output).for_each(|cell| cell.copy_from_slice(bias));
        }
        let w = out.len() / output;
        for (row, line) in lines.into_iter().enumerate() {
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

/// The lines of a map with a zero cell at either end, three at a time, on their way down it.
#[derive(Debug, Default)]
pub(super) struct PaddedLines {
    lines: [Vec<f32>; 3],
    /// The line that the middle one is.
    at: Option<usize>,
}

impl PaddedLines {
    /// Forgets the lines of another map. What is at the ends of lines of so many values, in cells of so many, is zeros.
    pub(super) fn of(&mut self, width: usize, cell: usize) {
        self.at = None;
        for line in &mut self.lines {
            line.clear();
            line.resize(width + 2 * cell, 0.0);
        }
    }

    /// The lines above, at and below y, the one after the last y, or the first; `fill` writes the values of a line that is there, of
    /// `h`.
    pub(super) fn around(
        &mut self,
        y: usize,
        (h, cell): (usize, usize),
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> [&[f32]; 3] {
        let mut put = |line: &mut Vec<f32>, y: Option<usize>| {
            let inside = cell..line.len() - cell;
            match y.filter(|&y| y < h) {
                Some(y) => fill(y, &mut line[inside]),
                None => line[inside].fill(0.0),
            }
        };
        if y > 0 && self.at == Some(y - 1) {
            self.lines.rotate_left(1);
        } else {
            put(&mut self.lines[0], y.checked_sub(1));
            put(&mut self.lines[1], Some(y));
        }
        put(&mut self.lines[2], Some(y + 1));
        self.at = Some(y);
        self.lines.each_ref().map(Vec::as_slice)
    }
}

fn convolve(x: &[f32], weight: &[f32], bias: Option<&[f32]>, map: Map) -> Vec<f32> {
    let Map { h, w, input, output } = map;
    let panels = panel::panels(weight, output);
    let images = x.len() / (h * w * input);
    let mut out = zeros(images * h * w * output);
    // Tasks of several lines of one image: each line is padded once in a task.
    let tasks = line_tasks(&mut out, [h, w * output], lines_per_task(images * h));
    tasks.into_par_iter().for_each_init(PaddedLines::default, |padded, (image, first, out)| {
        let image = &x[image * h * w * input..][..h * w * input];
        padded.of(w * input, input);
        for (y, out) in (first..).zip(out.chunks_exact_mut(w * output)) {
            let lines = padded.around(y, (h, input), |y, to| {
                to.copy_from_slice(&image[y * w * input..][..w * input]);
            });
            let panels = &panels;
            pulp::Arch::new().dispatch(Line { lines, input, panels, bias, output, out });
        }
    });
    out
}

/// Some lines of an image: the image, the first line, and its lines and those that follow, as they are written.
pub(super) type LineTask<'a> = (usize, usize, &'a mut [f32]);

/// Images of `h` lines of so many values, cut into tasks of at most so many lines of one image.
pub(super) fn line_tasks(
    values: &mut [f32],
    [h, width]: [usize; 2],
    lines: usize,
) -> Vec<LineTask<'_>> {
    let images = values.chunks_exact_mut(h * width).enumerate();
    let tasks = images.flat_map(|(image, values)| {
        let parts = values.chunks_mut(lines * width).zip((0..).step_by(lines));
        parts.map(move |(values, first)| (image, first, values))
    });
    tasks.collect()
}

/// How many of so many lines one task takes: few enough that all threads have work. What is computed does not depend on it.
pub(super) fn lines_per_task(lines: usize) -> usize {
    const TASKS_OF_A_THREAD: usize = 4;
    lines.div_ceil(TASKS_OF_A_THREAD * rayon::current_num_threads()).max(1)
}

/// The convolution with a bias `[out]` in the same pass, of tensors that nothing is derived by and that [`takes`](super::takes).
pub(crate) fn with_bias(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let device = x.device();
    let ([images, h, w, input], output) = (x.dims(), bias.dims()[0]);
    let [x, weight] = [x, weight].map(Array::of);
    let bias = Array::of(bias);
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
