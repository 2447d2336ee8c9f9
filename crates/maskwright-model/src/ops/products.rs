//! Matrix products, and what their f32 is worth on an accelerator.
//!
//! Burn's CUDA backend makes f32 products on tensor cores wherever that is fastest, and those round
//! both factors to TF32: 11 bits instead of 24, an error of 5e-4 where f32 has 6e-8. Nothing tells.
//! So each factor is split here into a part of 8 bits, which TF32 holds exactly, and the rest of 16,
//! whose rounding is 2^-19 of the whole; the four products of the parts add up to the product in f32
//! whichever way they were made. [`Tf32::Allowed`] goes without, at about a quarter of the work.
//!
//! On the CPU, and for other types than f32, the product is Burn's own.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Tensor};

/// Whether f32 products on an accelerator may be made of factors rounded to TF32, as PyTorch's
/// `torch.backends.cuda.matmul.allow_tf32`. Without a meaning on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tf32 {
    /// Products are in f32.
    #[default]
    Never,
    /// They may be rounded.
    Allowed,
}

/// Whether this is Burn's CPU backend, with or without autodiff.
pub(crate) fn on_cpu(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns)] // Other backends are features.
        _ => false,
    }
}

/// The same in this type; free where it has it already.
pub(crate) fn cast<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}

/// The product over the last axis of `a` and the one before the last of `b`; the axes before those
/// are shared, or one of them is 1.
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>, tf32: Tf32) -> Tensor<D> {
    product(a, b, tf32, Tensor::matmul)
}

/// What `multiply` makes of two factors; it has to be linear in each.
pub(crate) fn product<const A: usize, const B: usize, const C: usize>(
    a: Tensor<A>,
    b: Tensor<B>,
    tf32: Tf32,
    multiply: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<C>,
) -> Tensor<C> {
    if splits(&a, tf32) { split_product(a, b, multiply) } else { multiply(a, b) }
}

/// Whether a product with this factor has to be split to be in f32.
pub(super) fn splits<const D: usize>(x: &Tensor<D>, tf32: Tf32) -> bool {
    x.dtype() == DType::F32 && tf32 == Tf32::Never && !on_cpu(&x.device())
}

fn split_product<const A: usize, const B: usize, const C: usize>(
    a: Tensor<A>,
    b: Tensor<B>,
    multiply: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<C>,
) -> Tensor<C> {
    let (a, a_rest) = split(a);
    let (b, b_rest) = split(b);
    // The small ones first.
    multiply(a_rest.clone(), b_rest.clone())
        + multiply(a.clone(), b_rest)
        + multiply(a_rest, b.clone())
        + multiply(a, b)
}

/// The 8 leading bits, and the rest. The leading part is a constant for a backward pass, and the
/// rest the difference: so the gradient is not rounded on a way through bf16.
fn split<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let tracked = x.is_autodiff();
    let leading = x.clone().without_autodiff().cast(DType::BF16).cast(DType::F32);
    let leading = if tracked { leading.autodiff() } else { leading };
    let rest = x - leading.clone();
    (leading, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    /// What a tensor core does to a factor: 11 bits stay.
    fn tf32(x: Tensor<2>) -> Tensor<2> {
        let (dims, device) = (x.dims(), x.device());
        let bits = |v: f32| f32::from_bits((v.to_bits() + 0x1000) & !0x1fff);
        let values: Vec<f32> = x.into_data().iter::<f32>().map(bits).collect();
        Tensor::from_data(burn::tensor::TensorData::new(values, dims), &device)
    }

    fn off(a: Tensor<2>, b: Tensor<2>) -> f32 {
        let scale = b.clone().abs().max().into_scalar::<f32>();
        (a - b).abs().max().into_scalar::<f32>() / scale
    }

    #[test]
    fn split_factors_survive_rounding_to_tf32() {
        let (a, b) = (random(1, [40, 96]), random(2, [96, 24]));
        let exact = a.clone().matmul(b.clone());
        let rounded = tf32(a.clone()).matmul(tf32(b.clone()));
        assert!(off(rounded, exact.clone()) > 5e-5, "TF32 shows");
        let (a, a_rest) = split(a);
        let (b, b_rest) = split(b);
        let product = |a: &Tensor<2>, b: &Tensor<2>| tf32(a.clone()).matmul(tf32(b.clone()));
        let sum = product(&a_rest, &b_rest)
            + product(&a, &b_rest)
            + product(&a_rest, &b)
            + product(&a, &b);
        assert!(off(sum.clone(), exact.clone()) < 2e-6, "{}", off(sum, exact));
    }

    #[test]
    fn a_split_product_has_the_value_and_the_gradients_of_the_product() {
        let (a, b) = (random(3, [5, 7, 33]), random(4, [5, 33, 9]));
        let run = |split: bool| {
            let (a, b) = (a.clone().autodiff().require_grad(), b.clone().autodiff().require_grad());
            let out = if split {
                split_product(a.clone(), b.clone(), Tensor::matmul)
            } else {
                a.clone().matmul(b.clone())
            };
            let gradients = (out.clone() * random(5, out.dims())).sum().backward();
            let flat = |x: Tensor<3>| {
                let rows = x.dims()[0] * x.dims()[1];
                let columns = x.dims()[2];
                x.without_autodiff().reshape([rows, columns])
            };
            [
                flat(out),
                flat(a.grad(&gradients).expect("tracked")),
                flat(b.grad(&gradients).expect("tracked")),
            ]
        };
        for (split, whole) in run(true).into_iter().zip(run(false)) {
            let found = off(split, whole);
            assert!(found < 1e-6, "{found}");
        }
    }
}
