//! The 3 x 3 convolution of each channel by itself, with one cell of zeros around.

use rayon::prelude::*;

use super::{Array, Fused, vectorised, zeros};

/// Lines of one task of the weight's gradient: each task sums on its own.
const LINES_PER_TASK: usize = 8;

/// Inputs: the map `[b, h, w, c]` and the weight `[9, c]`, rows first. Result: `[b, h', w', c]`
/// with `h' = ceil(h / stride)`.
#[derive(Debug, Clone)]
pub(crate) struct Depthwise {
    pub(crate) stride: usize,
}

/// For each tap that lies inside the map: its index and where its cell starts in the image.
#[inline(always)]
fn taps(
    [h, w, c]: [usize; 3],
    [y, x]: [usize; 2],
    mut of: impl FnMut(usize, std::ops::Range<usize>),
) {
    for tap in 0..9 {
        // Before the first line or column the index wraps around and is past the last.
        let at_y = (y + tap / 3).wrapping_sub(1);
        let at_x = (x + tap % 3).wrapping_sub(1);
        if at_y < h && at_x < w {
            let cell = (at_y * w + at_x) * c;
            of(tap, cell..cell + c);
        }
    }
}

impl Fused<2> for Depthwise {
    type Saved = [Array; 2];

    fn forward(&self, [x, weight]: [Array; 2], saves: bool) -> (Array, Option<[Array; 2]>) {
        let &[b, h, w, c] = x.shape() else { unreachable!("a map has four axes") };
        let stride = self.stride;
        let [out_h, out_w] = [h, w].map(|side| side.div_ceil(stride));
        let mut out = zeros(b * out_h * out_w * c);
        let weights = weight.values();
        out.par_chunks_mut(out_w * c).enumerate().for_each(|(line, out)| {
            let image = &x.values()[line / out_h * h * w * c..][..h * w * c];
            let y = line % out_h * stride;
            vectorised(
                #[inline(always)]
                || {
                    for (column, out) in out.chunks_exact_mut(c).enumerate() {
                        taps([h, w, c], [y, column * stride], |tap, cell| {
                            let factors = weights[tap * c..][..c].iter().zip(&image[cell]);
                            for (out, (w, x)) in out.iter_mut().zip(factors) {
                                *out = w.mul_add(*x, *out);
                            }
                        });
                    }
                },
            );
        });
        (Array::new(out, &[b, out_h, out_w, c]), saves.then_some([x, weight]))
    }

    fn backward(
        &self,
        [x, weight]: [Array; 2],
        gradient: Array,
        _: [bool; 2],
    ) -> [Option<Array>; 2] {
        let &[_, h, w, c] = x.shape() else { unreachable!("a map has four axes") };
        let stride = self.stride;
        let [out_h, out_w] = [h, w].map(|side| side.div_ceil(stride));
        let weights = weight.values();
        let mut to_x = zeros(x.values().len());
        // A cell adds to its neighbours: images run apart, lines of one do not.
        to_x.par_chunks_mut(h * w * c)
            .zip(gradient.values().par_chunks(out_h * out_w * c))
            .for_each(|(to_x, gradient)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for (i, gradient) in gradient.chunks_exact(c).enumerate() {
                            let at = [i / out_w * stride, i % out_w * stride];
                            taps([h, w, c], at, |tap, cell| {
                                let factors = weights[tap * c..][..c].iter().zip(gradient);
                                for (to, (w, g)) in to_x[cell].iter_mut().zip(factors) {
                                    *to = w.mul_add(*g, *to);
                                }
                            });
                        }
                    },
                );
            });
        let parts: Vec<Vec<f32>> = gradient
            .values()
            .par_chunks(LINES_PER_TASK * out_w * c)
            .enumerate()
            .map(|(task, gradient)| {
                let mut sums = vec![0f32; 9 * c];
                vectorised(
                    #[inline(always)]
                    || {
                        for (i, gradient) in gradient.chunks_exact(c).enumerate() {
                            let line = task * LINES_PER_TASK + i / out_w;
                            let image = &x.values()[line / out_h * h * w * c..][..h * w * c];
                            let at = [line % out_h * stride, i % out_w * stride];
                            taps([h, w, c], at, |tap, cell| {
                                let factors = gradient.iter().zip(&image[cell]);
                                let sums = &mut sums[tap * c..][..c];
                                for (sum, (g, x)) in sums.iter_mut().zip(factors) {
                                    *sum = g.mul_add(*x, *sum);
                                }
                            });
                        }
                    },
                );
                sums
            })
            .collect();
        let mut to_weight = vec![0f32; 9 * c];
        for part in &parts {
            to_weight.iter_mut().zip(part).for_each(|(t, p)| *t += p);
        }
        [Some(Array::new(to_x, x.shape())), Some(Array::new(to_weight, weight.shape()))]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32};

    #[test]
    fn matches_the_plain_twin() {
        for [h, w, c, stride] in [[1, 1, 3, 1], [9, 4, 5, 1], [6, 8, 16, 2], [5, 7, 2, 2]] {
            let weight = random(2, [9, c]);
            same(random(1, [2, h, w, c]), weight, random(3, [1]), 2e-5, |x, weight, b| {
                ops::depthwise3x3(x, weight, stride, Tf32::Never) + b.unsqueeze::<4>()
            });
        }
    }
}
