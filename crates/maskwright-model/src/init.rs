//! Initial values: PyTorch's default distributions from a generator of our own.
//!
//! Each tensor's values are a pure function of (seed, official-like name of the tensor): the
//! generator is ChaCha8 keyed by the seed, its stream chosen by the name, so neither the order in
//! which parts are made nor the number of threads matters.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Makes the parameters of one part of the model; see [`Init::part`] for its sub-parts.
#[derive(Debug, Clone)]
pub(crate) struct Init<'a> {
    device: &'a Device,
    seed: u64,
    path: String,
}

impl<'a> Init<'a> {
    /// The root, whose tensors will be on `device`.
    pub(crate) fn new(device: &'a Device, seed: u64) -> Self {
        Self { device, seed, path: String::new() }
    }

    /// The initialiser of a part by its name.
    pub(crate) fn part(&self, name: impl std::fmt::Display) -> Self {
        let path =
            if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
        Self { path, ..*self }
    }

    fn generator(&self, name: &str) -> ChaCha8Rng {
        // FNV-1a, 64 bits: a stream per name.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.path.bytes().chain([b'.']).chain(name.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        generator.set_stream(hash);
        generator
    }

    /// A parameter whose values are made when they are first asked for: a model that a checkpoint
    /// fills needs none of them.
    fn param<const D: usize>(
        &self,
        shape: [usize; D],
        values: impl FnOnce(usize) -> Vec<f32> + Send + Sync + 'static,
    ) -> Param<Tensor<D>> {
        let make = move |device: &Device, learns: bool| {
            let values = values(shape.iter().product());
            Tensor::from_data(TensorData::new(values, shape), device).set_require_grad(learns)
        };
        Param::uninitialized(ParamId::new(), make, self.device.clone(), true, shape.into())
    }

    /// All elements `value`.
    pub(crate) fn constant<const D: usize>(
        &self,
        shape: [usize; D],
        value: f32,
    ) -> Param<Tensor<D>> {
        self.param(shape, move |count| vec![value; count])
    }

    /// Uniform in ±`1 / sqrt(fan_in)`, PyTorch's default for linear and convolution layers (weight:
    /// Kaiming-uniform with a = sqrt 5; bias: the same bound).
    pub(crate) fn fan_in<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        let bound = 1.0 / (fan_in as f32).sqrt();
        let mut generator = self.generator(name);
        self.param(shape, move |count| {
            (0..count).map(|_| (2.0 * unit(&mut generator) - 1.0) * bound).collect()
        })
    }

    /// Normal with mean 0 and the given deviation (Box-Muller).
    pub(crate) fn normal<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        deviation: f32,
    ) -> Param<Tensor<D>> {
        let mut generator = self.generator(name);
        self.param(shape, move |count| {
            let mut values = Vec::with_capacity(count + 1);
            while values.len() < count {
                // 1 - u is in (0, 1], so that the logarithm is finite.
                let radius = (-2.0 * (1.0 - unit(&mut generator)).ln()).sqrt() * deviation;
                let (sin, cos) = (std::f32::consts::TAU * unit(&mut generator)).sin_cos();
                values.push(radius * cos);
                values.push(radius * sin);
            }
            values.truncate(count);
            values
        })
    }
}

/// Uniform in [0, 1) with 24 bits.
fn unit(generator: &mut ChaCha8Rng) -> f32 {
    (generator.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<const D: usize>(param: Param<Tensor<D>>) -> Vec<f32> {
        param.val().into_data().try_into_vec().unwrap()
    }

    #[test]
    fn values_depend_on_seed_and_name_alone() {
        let device = Device::flex();
        let draw = |seed, part: &str, name: &str| {
            values(Init::new(&device, seed).part(part).fan_in(name, [50], 4))
        };
        let first = draw(1, "a", "weight");
        assert_eq!(first, draw(1, "a", "weight"));
        assert_ne!(first, draw(2, "a", "weight"));
        assert_ne!(first, draw(1, "b", "weight"));
        assert_ne!(first, draw(1, "a", "bias"));
        assert!(first.iter().all(|v| v.abs() <= 0.5));
    }

    #[test]
    fn normal_draws_have_the_stated_moments() {
        let device = Device::flex();
        let draws = values(Init::new(&device, 3).normal("weight", [100_001], 2.0));
        let n = draws.len() as f64;
        let mean = draws.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = draws.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 4.0).abs() < 0.06, "{variance}");
    }
}
