//! The 3 x 3 convolution to one channel, with stride 1, one cell of zeros around, and a kernel of its own for each map.
//!
//! With one output channel, multiplying the map with the nine kernel cells at once is one product whose nine columns lie side by
//! side; the sum over the neighbours is then one of single numbers.

use std::ops::Range;

use pulp::Simd;
use rayon::prelude::*;

use super::panel::{self, Output, Row, WIDTH};
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

    /// Tasks of a map.
    fn tasks(self) -> usize {
        self.h.div_ceil(LINES_PER_TASK)
    }

    /// The map of a task, and the lines of it that are the task's.
    fn lines(self, task: usize) -> (usize, Range<usize>) {
        let from = task % self.tasks() * LINES_PER_TASK;
        (task / self.tasks(), from..self.h.min(from + LINES_PER_TASK))
    }
}

/// A kernel `[9, c]` as a panel of `c` rows.
pub(super) fn pack(kernel: &[f32], c: usize) -> Vec<Row> {
    let mut panel = vec![[0.0; WIDTH]; c];
    panel::pack_transposed(kernel, c, &mut panel);
    panel
}

/// What each kernel cell makes of each cell of some rows `[cells, c]`.
pub(super) struct Products<'a> {
    pub(super) rows: &'a [f32],
    /// Of `c` rows; the nine columns of kernel cells and zeros.
    pub(super) panel: &'a [Row],
    pub(super) to: &'a mut [Row],
}

impl pulp::WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, panel, to } = self;
        let count = to.len();
        let to =
            Output { values: to.as_flattened_mut(), stride: WIDTH, columns: WIDTH, add: false };
        panel::product(simd, rows, panel.len(), count, panel, to);
    }
}

/// Adds the products of line y of a map to the lines of the result that are near it, of those in `lines`, which `out` has.
pub(super) fn add_line(products: &[Row], y: usize, lines: &Range<usize>, out: &mut [f32]) {
    let w = products.len();
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
        let map @ Map { h, w, c } = Map::of(&x);
        let images = x.shape()[0];
        let panels: Vec<Vec<Row>> =
            kernels.values().chunks_exact(CELLS * c).map(|kernel| pack(kernel, c)).collect();
        let mut out = zeros(images * h * w);
        // A task does not reach into the next image, whatever its height.
        let mut parts: Vec<&mut [f32]> = Vec::with_capacity(images * map.tasks());
        for image in out.chunks_exact_mut(h * w) {
            parts.extend(image.chunks_mut(LINES_PER_TASK * w));
        }
        parts.into_par_iter().enumerate().for_each_init(Vec::new, |products, (task, out)| {
            let (image, lines) = map.lines(task);
            let x = &x.values()[image * h * w * c..][..h * w * c];
            products.resize(w, [0.0; WIDTH]);
            for y in lines.start.saturating_sub(1)..h.min(lines.end + 1) {
                let line = &x[y * w * c..][..w * c];
                let panel = &panels[image];
                pulp::Arch::new().dispatch(Products { rows: line, panel, to: products });
                add_line(products, y, &lines, out);
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
        let mut to_x = zeros(if needs[0] { x.values().len() } else { 0 });
        let mut parts: Vec<&mut [f32]> = Vec::with_capacity(images * map.tasks());
        match needs[0] {
            true => to_x
                .chunks_exact_mut(h * w * c)
                .for_each(|image| parts.extend(image.chunks_mut(LINES_PER_TASK * w * c))),
            false => parts.extend((0..images * map.tasks()).map(|_| &mut [][..])),
        }
        let sums: Vec<Vec<f32>> = parts
            .into_par_iter()
            .enumerate()
            .map(|(task, to_x)| {
                let (image, lines) = map.lines(task);
                let x = &x.values()[image * h * w * c..][..h * w * c];
                let kernel = &kernels.values()[image * CELLS * c..][..CELLS * c];
                let gradient = &gradient[image * h * w..][..h * w];
                let mut to_kernel = vec![0f32; if needs[1] { CELLS * c } else { 0 }];
                let mut near = vec![[0f32; CELLS]; w];
                for y in lines.clone() {
                    neighbours(gradient, map, y, &mut near);
                    let line = &x[y * w * c..][..w * c];
                    if needs[0] {
                        let to = &mut to_x[(y - lines.start) * w * c..][..w * c];
                        spread(&near, kernel, c, to);
                    }
                    if needs[1] {
                        collect(&near, line, c, &mut to_kernel);
                    }
                }
                to_kernel
            })
            .collect();
        let to_kernels = needs[1].then(|| {
            let mut total = vec![0f32; kernels.values().len()];
            // In the order of the tasks, so that the number of threads does not matter.
            for (task, part) in sums.iter().enumerate() {
                let total = &mut total[map.lines(task).0 * CELLS * c..][..CELLS * c];
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
            Array::new(total, kernels.shape())
        });
        [needs[0].then(|| Array::new(to_x, x.shape())), to_kernels]
    }
}

/// For each cell of line y the gradients of the nine results that it takes part in, in the order of the kernel cells by which it does.
fn neighbours(gradient: &[f32], Map { h, w, .. }: Map, y: usize, to: &mut [[f32; CELLS]]) {
    to.fill([0.0; CELLS]);
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
