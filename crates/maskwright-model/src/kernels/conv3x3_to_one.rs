//! The 3 x 3 convolution to one channel, with stride 1, one cell of zeros around, and a kernel of its own for each map.
//!
//! With one output channel, multiplying the map with the nine kernel cells at once is one product whose nine columns lie side by
//! side; the sum over the neighbours is then one of single numbers.

use std::ops::Range;

use rayon::prelude::*;

use super::conv3x3::line_tasks;
use super::panel::{self, ByPanels, Row, WIDTH};
use super::{Array, Fused, vectorised, zeros};

/// Cells of the kernel.
pub(super) const CELLS: usize = 9;

/// Lines of one task: the line above and the one below are multiplied again by the tasks beside it.
const LINES_PER_TASK: usize = 16;

/// Inputs: maps `[b, h, w, c]` and their kernels `[b, 9, c]`, rows first. Result: `[b, h, w]`.
#[derive(Debug, Clone)]
pub(crate) struct Conv3x3ToOne;

/// The sizes of a map.
#[derive(Clone, Copy)]
struct Map {
    h: usize,
    w: usize,
    c: usize,
}

impl Map {
    fn of(x: &Array) -> Self {
        let &[_, h, w, c] = x.shape() else { unreachable!("a map has four axes") };
        Self { h, w, c }
    }
}

/// Multiplies line y of a map, `[w, c]`, with a kernel, transposed to a panel, and adds the products to the lines of the result that
/// are near it, of those in `lines`, which `out` has.
pub(super) fn add_line(
    line: &[f32],
    kernel: &[Row],
    products: &mut Vec<Row>,
    y: usize,
    lines: &Range<usize>,
    out: &mut [f32],
) {
    let c = kernel.len();
    let w = line.len() / c;
    products.resize(w, [0.0; WIDTH]);
    let to = products.as_flattened_mut();
    // All columns, as whole vectors: those past the ninth are zeros.
    ByPanels { a: line, inner: c, panels: kernel, out: to, width: WIDTH, add: false }.run();
    // The line is the one above, at and below three lines of the result.
    for row in 0..3 {
        let Some(at) = (y + 1).checked_sub(row).filter(|at| lines.contains(at)) else { continue };
        add_row(products, row, &mut out[(at - lines.start) * w..][..w]);
    }
}

/// Adds to a line of the result what one kernel row makes of the line of products beside it.
fn add_row(products: &[Row], row: usize, out: &mut [f32]) {
    let [left, middle, right] = [3 * row, 3 * row + 1, 3 * row + 2];
    for (out, at) in out.iter_mut().zip(products) {
        *out += at[middle];
    }
    for (out, at) in out.iter_mut().skip(1).zip(products) {
        *out += at[left];
    }
    for (out, at) in out.iter_mut().zip(products.iter().skip(1)) {
        *out += at[right];
    }
}

impl Fused<2> for Conv3x3ToOne {
    type Saved = [Array; 2];

    fn forward(&self, [x, kernels]: [Array; 2], saves: bool) -> (Array, Option<[Array; 2]>) {
        let Map { h, w, c } = Map::of(&x);
        let images = x.shape()[0];
        let panels = kernels.values().chunks_exact(CELLS * c);
        let panels: Vec<Vec<Row>> =
            panels.map(|kernel| panel::transposed_panels(kernel, c)).collect();
        let mut out = zeros(images * h * w);
        let tasks = line_tasks(&mut out, [h, w], LINES_PER_TASK);
        tasks.into_par_iter().for_each_init(Vec::new, |products, (image, first, out)| {
            let lines = first..first + out.len() / w;
            let x = &x.values()[image * h * w * c..][..h * w * c];
            for y in first.saturating_sub(1)..h.min(lines.end + 1) {
                let line = &x[y * w * c..][..w * c];
                add_line(line, &panels[image], products, y, &lines, out);
            }
        });
        (Array::new(out, &[images, h, w]), saves.then_some([x, kernels]))
    }

    fn backward(
        &self,
        [x, kernels]: [Array; 2],
        gradient: Array,
        needs: [bool; 2],
    ) -> [Option<Array>; 2] {
        let map @ Map { h, w, c } = Map::of(&x);
        let images = x.shape()[0];
        let gradient = gradient.values();
        let to_x = needs[0].then(|| {
            let mut out = zeros(x.values().len());
            let tasks = line_tasks(&mut out, [h, w * c], LINES_PER_TASK);
            tasks.into_par_iter().for_each_init(Vec::new, |near, (image, first, out)| {
                let kernel = &kernels.values()[image * CELLS * c..][..CELLS * c];
                let gradient = &gradient[image * h * w..][..h * w];
                for (y, out) in (first..).zip(out.chunks_exact_mut(w * c)) {
                    neighbours(gradient, map, y, near);
                    spread(near, kernel, c, out);
                }
            });
            Array::new(out, x.shape())
        });
        let to_kernels = needs[1].then(|| {
            let per_image = h.div_ceil(LINES_PER_TASK);
            let tasks = (0..images * per_image).into_par_iter().map_init(Vec::new, |near, task| {
                let image = task / per_image;
                let first = task % per_image * LINES_PER_TASK;
                let x = &x.values()[image * h * w * c..][..h * w * c];
                let gradient = &gradient[image * h * w..][..h * w];
                let mut out = vec![0f32; CELLS * c];
                for y in first..h.min(first + LINES_PER_TASK) {
                    neighbours(gradient, map, y, near);
                    collect(near, &x[y * w * c..][..w * c], c, &mut out);
                }
                out
            });
            let parts: Vec<Vec<f32>> = tasks.collect();
            let mut total = vec![0f32; kernels.values().len()];
            // In the order of the tasks, so that the number of threads does not matter.
            for (of_image, total) in parts.chunks(per_image).zip(total.chunks_exact_mut(CELLS * c))
            {
                for part in of_image {
                    total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
                }
            }
            Array::new(total, kernels.shape())
        });
        [to_x, to_kernels]
    }
}

/// For each cell of line y the gradients of the nine results that it takes part in, in the order of the kernel cells by which it does.
fn neighbours(gradient: &[f32], Map { h, w, .. }: Map, y: usize, to: &mut Vec<[f32; CELLS]>) {
    to.clear();
    to.resize(w, [0.0; CELLS]);
    for row in 0..3 {
        let Some(at) = (y + 1).checked_sub(row).filter(|&at| at < h) else { continue };
        let line = &gradient[at * w..][..w];
        for (to, &value) in to.iter_mut().zip(&line[1..]) {
            to[3 * row] = value;
        }
        for (to, &value) in to.iter_mut().zip(line) {
            to[3 * row + 1] = value;
        }
        for (to, &value) in to[1..].iter_mut().zip(line) {
            to[3 * row + 2] = value;
        }
    }
}

/// The gradient of a line's cells `[w, c]`: those of the results, each times its kernel cell.
fn spread(near: &[[f32; CELLS]], kernel: &[f32], c: usize, to: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (to, near) in to.chunks_exact_mut(c).zip(near) {
                for (kernel, &near) in kernel.chunks_exact(c).zip(near) {
                    for (to, &kernel) in to.iter_mut().zip(kernel) {
                        *to = kernel.mul_add(near, *to);
                    }
                }
            }
        },
    );
}

/// Adds to the gradient of the kernel `[9, c]` what a line's cells `[w, c]` give.
fn collect(near: &[[f32; CELLS]], line: &[f32], c: usize, to: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (cell, near) in line.chunks_exact(c).zip(near) {
                for (to, &near) in to.chunks_exact_mut(c).zip(near) {
                    for (to, &cell) in to.iter_mut().zip(cell) {
                        *to = cell.mul_add(near, *to);
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32};

    #[test]
    fn matches_the_plain_twin() {
        for [h, w, c] in [[1, 1, 3], [4, 9, 16], [37, 5, 64], [2, 33, 1], [16, 1, 70]] {
            let kernels = random(2, [2, 9, c]);
            same(random(1, [2, h, w, c]), kernels, random(3, [1]), 2e-5, |x, kernels, bias| {
                ops::conv3x3_to_one(x, kernels, Tf32::Never) + bias.unsqueeze::<3>()
            });
        }
    }

    #[test]
    fn is_the_convolution_with_one_output() {
        let (x, kernel) = (random::<4>(1, [1, 7, 6, 20]), random::<3>(2, [1, 9, 20]));
        let weight = kernel.clone().reshape([3, 3, 20, 1]);
        let expected = ops::conv3x3(x.clone(), weight, None, Tf32::Never).reshape([1, 7, 6]);
        let found = ops::conv3x3_to_one(x, kernel, Tf32::Never);
        let off = (found - expected).abs().max().into_scalar::<f32>();
        assert!(off < 1e-4, "{off}");
    }
}
