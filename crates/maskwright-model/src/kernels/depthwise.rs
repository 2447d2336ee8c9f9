//! The 3 x 3 convolution of each channel by itself, with one cell of zeros around.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::{Array, Fused, by_line, lines_around, vectorised, zeros};

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

/// Channels that are computed at once: their weights stay in registers while a line goes by.
const CHANNELS: usize = 32;

/// Some cells of one line.
pub(crate) struct Line<'a> {
    /// The input's lines above, at and below; none for those outside of the map.
    pub(crate) lines: [Option<&'a [f32]>; 3],
    /// How many cells of these lie before that of the first result.
    pub(crate) before: usize,
    /// `[9, c]`.
    pub(crate) weights: &'a [f32],
    /// `[c]`.
    pub(crate) bias: &'a [f32],
    pub(crate) stride: usize,
}

impl Line<'_> {
    /// Writes the sums `[cells, c]`, on this thread.
    pub(crate) fn run(&self, to: &mut [f32]) {
        let c = self.bias.len();
        vectorised(
            #[inline(always)]
            || {
                let mut from = 0;
                while from + CHANNELS <= c {
                    self.channels::<CHANNELS>(from, to);
                    from += CHANNELS;
                }
                while from < c {
                    self.channels::<1>(from, to);
                    from += 1;
                }
            },
        );
    }

    /// `N` channels from this one on.
    #[inline(always)]
    fn channels<const N: usize>(&self, from: usize, to: &mut [f32]) {
        let &Self { lines, before, weights, bias, stride } = self;
        let c = bias.len();
        let mut start = [0f32; N];
        start.copy_from_slice(&bias[from..from + N]);
        // A line outside of the map is any other, times zero.
        let any = lines.iter().flatten().next().copied().unwrap_or_default();
        let mut factors = [[0f32; N]; 9];
        for (tap, factors) in factors.iter_mut().enumerate() {
            if lines[tap / 3].is_some() {
                factors.copy_from_slice(&weights[tap * c + from..][..N]);
            }
        }
        let lines = [0, 1, 2].map(|row: usize| lines[row].unwrap_or(any));
        let inside = any.len() / c;
        for (column, to) in to.chunks_exact_mut(c).enumerate() {
            let mut sums = start;
            let middle = column * stride + before;
            let whole = middle > 0 && middle + 1 < inside;
            for tap in 0..9 {
                // Before the first cell the index wraps around and is past the last.
                let x = (middle + tap % 3).wrapping_sub(1);
                if !whole && x >= inside {
                    continue;
                }
                let cells = &lines[tap / 3][x * c + from..][..N];
                for i in 0..N {
                    sums[i] = factors[tap][i].mul_add(cells[i], sums[i]);
                }
            }
            to[from..from + N].copy_from_slice(&sums);
        }
    }
}

/// The sums of the neighbourhoods, from the bias `[c]` on.
fn convolve(x: &Array, weights: &[f32], bias: &[f32], stride: usize) -> Array {
    let &[images, h, w, c] = x.shape() else { unreachable!("a map has four axes") };
    let [to_h, to_w] = [h, w].map(|side| side.div_ceil(stride));
    let sizes = [images, to_h, to_w, c];
    let out = by_line(sizes, |[image, y], _, out| {
        let image = &x.values()[image * h * w * c..][..h * w * c];
        let lines = lines_around(image, w * c, y * stride);
        Line { lines, before: 0, weights, bias, stride }.run(out);
    });
    Array::new(out, &sizes)
}

/// The convolution of a map that nothing is derived by, with a bias `[c]`.
pub(crate) fn with_bias(
    x: Tensor<4>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    stride: usize,
) -> Tensor<4> {
    let (x, weight, bias) = (Array::of(x), Array::of(weight), Array::of(bias));
    convolve(&x, weight.values(), bias.values(), stride).into_tensor()
}

impl Fused<2> for Depthwise {
    type Saved = [Array; 2];

    fn forward(&self, [x, weight]: [Array; 2], saves: bool) -> (Array, Option<[Array; 2]>) {
        let out = convolve(&x, weight.values(), &vec![0.0; x.width()], self.stride);
        (out, saves.then_some([x, weight]))
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
    use burn::tensor::Tensor;

    use super::Line;
    use crate::kernels::testing::{random, same};
    use crate::ops::{self, Tf32, plain};

    #[test]
    fn lines_of_any_part_are_those_of_the_whole() {
        let values = |x: Tensor<4>| x.into_data().try_into_vec::<f32>().expect("f32");
        for [h, w, c, stride] in [[1, 1, 3, 1], [9, 4, 33, 1], [6, 8, 64, 2], [5, 7, 2, 2]] {
            let (map, weight): (Tensor<4>, Tensor<2>) =
                (random(1, [1, h, w, c]), random(2, [9, c]));
            let expected =
                values(plain::depthwise3x3(map.clone(), weight.clone(), stride, Tf32::Never));
            let (map, weights) =
                (values(map), weight.into_data().try_into_vec::<f32>().expect("f32"));
            let bias: Vec<f32> = (0..c).map(|i| i as f32 / 8.0).collect();
            let (to_h, to_w) = (h.div_ceil(stride), w.div_ceil(stride));
            for (y, left) in (0..to_h).flat_map(|y| [(y, 0), (y, to_w / 2)]) {
                let cells = if left == 0 { to_w.div_ceil(2) } else { to_w - left };
                let first = (left * stride).saturating_sub(1);
                let last = w.min((left + cells - 1) * stride + 2);
                let line =
                    |y: usize| (y < h).then(|| &map[(y * w + first) * c..(y * w + last) * c]);
                let middle = y * stride;
                let lines = [middle.checked_sub(1).and_then(line), line(middle), line(middle + 1)];
                let before = left * stride - first;
                let mut found = vec![7.0; cells * c];
                let line = Line { lines, before, weights: &weights, bias: &bias, stride };
                line.run(&mut found);
                let expected = &expected[(y * to_w + left) * c..][..cells * c];
                for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                    let off = (found - expected - bias[i % c]).abs();
                    assert!(off < 9.0 * 8.0 * 4.0 * f32::EPSILON, "{h} {w} {c} {stride}: {off}");
                }
            }
        }
    }

    #[test]
    fn matches_the_plain_twin() {
        for [h, w, c, stride] in [[1, 1, 3, 1], [9, 4, 5, 1], [6, 8, 16, 2], [5, 7, 2, 2]] {
            let weight = random(2, [9, c]);
            same(random(1, [2, h, w, c]), weight, random(3, [c]), 2e-5, |x, weight, bias| {
                ops::depthwise3x3(x, weight, bias, stride, Tf32::Never)
            });
        }
    }
}
