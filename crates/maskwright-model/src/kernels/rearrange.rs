//! Moving cells: blocks of upscaled cells to their places, and rows to another order.

use rayon::prelude::*;

use super::{Array, Fused, zeros};

/// Twice upscaled cells to a map: `[b, h, w, 16 c]`, the 16 being two levels of 2 x 2, to
/// `[b, 4 h, 4 w, c]`.
#[derive(Debug, Clone)]
pub(crate) struct Unblock;

/// Where line y, column x within a block of 4 x 4 lies among its 16 cells.
fn place(y: usize, x: usize) -> usize {
    (y / 2) * 8 + (x / 2) * 4 + (y % 2) * 2 + x % 2
}

/// Line y of the four that a row of blocks of `c` channels makes.
pub(super) fn line_of_blocks(blocks: &[f32], y: usize, c: usize, to: &mut [f32]) {
    for (column, to) in to.chunks_exact_mut(c).enumerate() {
        let cell = column / 4 * 16 + place(y, column % 4);
        to.copy_from_slice(&blocks[cell * c..][..c]);
    }
}

impl Fused<1> for Unblock {
    /// The shape of the input.
    type Saved = [usize; 4];

    fn forward(&self, [x]: [Array; 1], saves: bool) -> (Array, Option<[usize; 4]>) {
        let &[b, h, w, d] = x.shape() else { unreachable!("a map has four axes") };
        let c = d / 16;
        let mut out = zeros(x.values().len());
        out.par_chunks_mut(4 * w * c).enumerate().for_each(|(line, out)| {
            line_of_blocks(&x.values()[line / 4 * w * d..][..w * d], line % 4, c, out);
        });
        (Array::new(out, &[b, 4 * h, 4 * w, c]), saves.then_some([b, h, w, d]))
    }

    fn backward(&self, shape: [usize; 4], gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let [_, _, w, d] = shape;
        let c = d / 16;
        let mut out = zeros(gradient.values().len());
        out.par_chunks_mut(w * d).zip(gradient.values().par_chunks(w * d)).for_each(
            |(out, from)| {
                for (i, from) in from.chunks_exact(c).enumerate() {
                    let (line, column) = (i / (4 * w), i % (4 * w));
                    let cell = column / 4 * 16 + place(line, column % 4);
                    out[cell * c..][..c].copy_from_slice(from);
                }
            },
        );
        [Some(Array::new(out, &shape))]
    }
}

/// Some rows of the first axis, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) order: Vec<usize>,
}

impl Fused<1> for Rows {
    /// The shape of the input.
    type Saved = Vec<usize>;

    fn forward(&self, [x]: [Array; 1], saves: bool) -> (Array, Option<Vec<usize>>) {
        let mut shape = x.shape().to_vec();
        let saved = saves.then(|| shape.clone());
        let row = x.values().len() / shape[0].max(1);
        let mut out = Vec::with_capacity(self.order.len() * row);
        for &from in &self.order {
            out.extend_from_slice(&x.values()[from * row..][..row]);
        }
        shape[0] = self.order.len();
        (Array::new(out, &shape), saved)
    }

    fn backward(&self, shape: Vec<usize>, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let row = gradient.values().len() / self.order.len().max(1);
        let mut out = zeros(shape[0] * row);
        for (&to, from) in self.order.iter().zip(gradient.values().chunks_exact(row)) {
            out[to * row..][..row].iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        [Some(Array::new(out, &shape))]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops;

    #[test]
    fn match_the_plain_twins() {
        let none = || random(1, [1]);
        for [h, w, c] in [[1, 1, 1], [3, 2, 5], [4, 6, 1]] {
            same(random(2, [2, h, w, 16 * c]), none(), none(), 0.0, |x, b, c| {
                ops::unblock(x) + (b + c).unsqueeze::<4>()
            });
        }
        same(random(2, [5, 3, 2]), none(), none(), 1e-6, |x, b, c| {
            ops::rows(x, &[3, 0, 4, 3]) + (b + c).unsqueeze::<3>()
        });
    }
}
