//! Layer normalisation over the last axis.

use rayon::prelude::*;

use super::{Array, Fused, math, rows_per_task, vectorised, zeros};

#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    pub(crate) epsilon: f32,
}

/// Mean and inverse deviation of a row. Two passes: the row is in the nearest cache for the second,
/// and the difference to the mean loses nothing to cancellation.
#[inline(always)]
fn moments(row: &[f32], epsilon: f32) -> (f32, f32) {
    let scale = 1.0 / row.len() as f32;
    let mean = sum(row, |v| v) * scale;
    let variance = sum(row, |v| (v - mean) * (v - mean)) * scale;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// A sum in 32 lanes, so that it vectorises without reordering by the compiler.
#[inline(always)]
fn sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; 32];
    let (chunks, rest) = row.as_chunks::<32>();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += of(v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane += of(v);
    }
    math::by_halves(lanes, |a, b| a + b)
}

/// Normalises a row.
#[inline(always)]
fn normalise(row: &mut [f32], weights: &[f32], biases: &[f32], epsilon: f32) {
    let (mean, inverse) = moments(row, epsilon);
    for ((x, &w), &b) in row.iter_mut().zip(weights).zip(biases) {
        *x = ((*x - mean) * inverse).mul_add(w, b);
    }
}

/// Normalises each of some rows `[rows, width]`, on this thread.
pub(super) fn rows(x: &[f32], weights: &[f32], biases: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = weights.len();
    vectorised(
        #[inline(always)]
        || {
            for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                out.copy_from_slice(x);
                normalise(out, weights, biases, epsilon);
            }
        },
    );
}

/// The same in place.
pub(super) fn rows_in_place(x: &mut [f32], weights: &[f32], biases: &[f32], epsilon: f32) {
    vectorised(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(weights.len()) {
                normalise(row, weights, biases, epsilon);
            }
        },
    );
}

impl Fused<3> for LayerNorm {
    type Saved = [Array; 2];

    fn forward(&self, [x, weight, bias]: [Array; 3], saves: bool) -> (Array, Option<[Array; 2]>) {
        let width = x.width();
        let mut out = zeros(x.values().len());
        let chunk = rows_per_task(width) * width;
        let (weights, biases) = (weight.values(), bias.values());
        out.par_chunks_mut(chunk).zip(x.values().par_chunks(chunk)).for_each(|(out, x)| {
            rows(x, weights, biases, self.epsilon, out);
        });
        (Array::new(out, x.shape()), saves.then_some([x, weight]))
    }

    fn backward(
        &self,
        [x, weight]: [Array; 2],
        gradient: Array,
        _: [bool; 3],
    ) -> [Option<Array>; 3] {
        let width = x.width();
        let mut out = zeros(x.values().len());
        let chunk = rows_per_task(width) * width;
        let weights = weight.values();
        // With n = (x - mean) / deviation and g = gradient * weight, the gradient of x is
        // (g - mean(g) - n mean(g n)) / deviation; that of the weight is the sum of gradient * n,
        // that of the bias the sum of gradient.
        let partial: Vec<[Vec<f32>; 2]> = out
            .par_chunks_mut(chunk)
            .zip(x.values().par_chunks(chunk))
            .zip(gradient.values().par_chunks(chunk))
            .map(|((out, x), gradient)| {
                let mut sums = [vec![0f32; width], vec![0f32; width]];
                let [to_weight, to_bias] = &mut sums;
                vectorised(
                    #[inline(always)]
                    || {
                        let scale = 1.0 / width as f32;
                        let rows = out
                            .chunks_exact_mut(width)
                            .zip(x.chunks_exact(width))
                            .zip(gradient.chunks_exact(width));
                        for ((out, x), gradient) in rows {
                            let (mean, inverse) = moments(x, self.epsilon);
                            for ((out, &gradient), &w) in out.iter_mut().zip(gradient).zip(weights)
                            {
                                *out = gradient * w;
                            }
                            let mean_g = sum(out, |v| v) * scale;
                            let mut lanes = [0f32; 32];
                            for (out, x) in out.chunks(32).zip(x.chunks(32)) {
                                for ((lane, &g), &x) in lanes.iter_mut().zip(out).zip(x) {
                                    *lane += g * ((x - mean) * inverse);
                                }
                            }
                            let mean_gn = lanes.iter().sum::<f32>() * scale;
                            let sums = to_weight.iter_mut().zip(to_bias.iter_mut());
                            for (((out, &x), &gradient), (to_weight, to_bias)) in
                                out.iter_mut().zip(x).zip(gradient).zip(sums)
                            {
                                let n = (x - mean) * inverse;
                                *out = (*out - mean_g - n * mean_gn) * inverse;
                                *to_weight += gradient * n;
                                *to_bias += gradient;
                            }
                        }
                    },
                );
                sums
            })
            .collect();
        // Added in order, so that the result does not depend on the number of threads that ran.
        let mut totals = [vec![0f32; width], vec![0f32; width]];
        for part in &partial {
            for (total, part) in totals.iter_mut().zip(part) {
                total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
            }
        }
        let [to_weight, to_bias] = totals.map(|values| Some(Array::new(values, &[width])));
        [Some(Array::new(out, x.shape())), to_weight, to_bias]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops;

    #[test]
    fn matches_the_plain_twin() {
        for (rows, width) in [(1, 4), (3, 32), (700, 96), (65, 131)] {
            let x = random(rows as u64, [rows, width]) * 2.0 + 0.5;
            same(x, random(2, [width]), random(3, [width]), 2e-5, |x, weight, bias| {
                ops::layer_norm(x, weight, bias, 1e-6)
            });
        }
    }
}
