//! The exact GELU and its derivative.

use rayon::prelude::*;

use super::{Array, Fused, GRAIN, math, vectorised, zeros};

#[derive(Debug, Clone)]
pub(crate) struct Gelu;

/// Of each value that is rounded to bf16 afterwards, on this thread.
pub(crate) fn of_what_is_rounded(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = math::gelu_to_be_rounded(*value)),
    );
}

/// Of each value, on this thread.
pub(super) fn of_each(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = math::gelu(*value)),
    );
}

impl Fused<1> for Gelu {
    type Saved = Array;

    fn forward(&self, [x]: [Array; 1], saves: bool) -> (Array, Option<Array>) {
        let mut out = zeros(x.values().len());
        out.par_chunks_mut(GRAIN).zip(x.values().par_chunks(GRAIN)).for_each(|(out, x)| {
            vectorised(
                #[inline(always)]
                || {
                    for (out, &x) in out.iter_mut().zip(x) {
                        *out = math::gelu(x);
                    }
                },
            );
        });
        (Array::new(out, x.shape()), saves.then_some(x))
    }

    fn backward(&self, x: Array, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut out = zeros(x.values().len());
        out.par_chunks_mut(GRAIN)
            .zip(x.values().par_chunks(GRAIN))
            .zip(gradient.values().par_chunks(GRAIN))
            .for_each(|((out, x), gradient)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for ((out, &x), &gradient) in out.iter_mut().zip(x).zip(gradient) {
                            *out = gradient * math::gelu_slope(x);
                        }
                    },
                );
            });
        [Some(Array::new(out, x.shape()))]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::testing::{random, same};
    use crate::ops;

    #[test]
    fn matches_the_plain_twin() {
        for n in [1, 17, 70_001] {
            let unused = random(1, [1]);
            same(random(n as u64, [n]) * 3.0, unused.clone(), unused, 1e-5, |x, b, c| {
                ops::gelu(x) + (b + c).expand([n])
            });
        }
    }
}
