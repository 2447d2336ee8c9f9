//! The tensor functions that the layers are made of.
//!
//! Maps are channels-last `[batch, height, width, channels]`. Everything is differentiable.

use burn::tensor::Tensor;
use burn::tensor::activation;
use burn::tensor::module;

/// `x @ weight + bias` over the last axis; `weight` is `[in, out]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let mut dims = x.dims();
    let [input, output] = weight.dims();
    let rows = dims[..D - 1].iter().product::<usize>();
    dims[D - 1] = output;
    let mut y = x.reshape([rows, input]).matmul(weight);
    if let Some(bias) = bias {
        y = y + bias.unsqueeze::<2>();
    }
    y.reshape(dims)
}

/// Layer normalisation over the last axis with biased variance.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    module::layer_norm(x, weight, Some(bias), epsilon)
}

/// The exact (erf) GELU.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}

/// `softmax(scale * q k^T) v`; `q` is `[.., n, d]`, `k` and `v` are `[.., m, d]`.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64) -> Tensor<4> {
    let scores = (q * scale).matmul(k.swap_dims(2, 3));
    activation::softmax(scores, 3).matmul(v)
}

/// Cuts a map into squares of `size` x `size` cells: `[b, h * size, w * size, c]` to
/// `[b, h, w, size * size * c]`, rows first within a square.
pub fn patchify(x: Tensor<4>, size: usize) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    x.reshape([b, h / size, size, w / size, size, c]).permute([0, 1, 3, 2, 4, 5]).reshape([
        b,
        h / size,
        w / size,
        size * size * c,
    ])
}

/// The inverse of [`patchify`].
pub fn unpatchify(x: Tensor<4>, size: usize) -> Tensor<4> {
    let [b, h, w, d] = x.dims();
    let c = d / (size * size);
    x.reshape([b, h, w, size, size, c]).permute([0, 1, 3, 2, 4, 5]).reshape([
        b,
        h * size,
        w * size,
        c,
    ])
}

/// The nine neighbours of each cell side by side, zeros outside: `[b, h, w, c]` to
/// `[b, h, w, 9 * c]`, rows first.
pub fn neighbours3x3(x: Tensor<4>) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    let device = x.device();
    let row = Tensor::zeros([b, 1, w, c], &device);
    let column = Tensor::zeros([b, h + 2, 1, c], &device);
    let padded = Tensor::cat(vec![row.clone(), x, row], 1);
    let padded = Tensor::cat(vec![column.clone(), padded, column], 2);
    let shifted = (0..9)
        .map(|k| padded.clone().slice([0..b, k / 3..k / 3 + h, k % 3..k % 3 + w, 0..c]))
        .collect();
    Tensor::cat(shifted, 3)
}
