//! Sums of tensors that nothing is derived by, on all threads: Burn's own has one. It writes over its first factor, though, which
//! is faster where the result does not fit the caches: a new one has to come from memory.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::{Array, GRAIN, takes, zeros};

/// Values of the largest sum that is computed here: the map of one image in the mask decoder has half as many.
const LARGEST: usize = 1 << 21;

/// Whether it is a sum that is computed here: neither small nor huge, and the second of the shape of the first or of its last axes, which repeats.
pub(crate) fn fits<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> bool {
    let frozen = !a.is_autodiff() && !b.is_autodiff();
    let (of_a, of_b) = (a.dims(), b.dims());
    let repeated = of_b.iter().take_while(|&&side| side == 1).count();
    let same = of_a[repeated..] == of_b[repeated..] && repeated < D;
    let fits = (2 * GRAIN..=LARGEST).contains(&of_a.iter().product());
    frozen && fits && same && takes(a) && takes(b)
}

/// The sum.
pub(crate) fn forward<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let (device, dims) = (a.device(), a.dims());
    let [a, b] = [a, b].map(Array::of);
    Tensor::from_data(TensorData::new(sum(a.values(), b.values()), dims), &device)
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    if a.len() == b.len() {
        let pairs = a.par_iter().zip(b.par_iter()).with_min_len(GRAIN);
        return pairs.map(|(a, b)| a + b).collect();
    }
    let mut out = zeros(a.len());
    // Whole repetitions, as many as make a task.
    let chunk = b.len() * GRAIN.div_ceil(b.len());
    out.par_chunks_mut(chunk).zip(a.par_chunks(chunk)).for_each(|(out, a)| {
        for (out, a) in out.chunks_mut(b.len()).zip(a.chunks(b.len())) {
            for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = a + b;
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;
    use crate::ops;

    #[test]
    fn sums_are_burns_own_to_the_bit() {
        let a: Tensor<3> = random(1, [3, 130, 97]);
        for shape in [[3, 130, 97], [1, 130, 97], [1, 1, 97]] {
            let b: Tensor<3> = random(2, shape);
            assert!(fits(&a, &b), "{shape:?}");
            let found = ops::add(a.clone(), b.clone()).into_data();
            assert_eq!(found, (a.clone() + b).into_data(), "{shape:?}");
        }
        let whole: Tensor<3> = random(2, [3, 130, 97]);
        for (a, b) in [([1, 130, 97], &whole), ([3, 1, 97], &whole)] {
            let a: Tensor<3> = random(1, a);
            assert!(!fits(&a, b));
            assert_eq!(ops::add(a.clone(), b.clone()).dims(), [3, 130, 97]);
        }
        assert!(!fits(&whole, &random(2, [3, 1, 97])));
    }
}
