//! The tensor functions that the layers are made of.
//!
//! Maps are channels-last `[batch, height, width, channels]`. Everything is differentiable. On the
//! CPU the functions run as fused kernels; everywhere else, and as the definition that tests hold
//! the kernels to, they are the tensor expressions in [`plain`].

pub mod plain;

use burn::tensor::Tensor;
use burn::tensor::module;

use crate::kernels::attention::CrossAttention;
use crate::kernels::gelu::Gelu;
use crate::kernels::layer_norm::LayerNorm;
use crate::kernels::window_attention::WindowAttention;
use crate::kernels::{fused, takes};

/// `x @ weight + bias` over the last axis; `weight` is `[in, out]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    // Flattened, so that it is one product whatever the leading axes.
    let mut dims = x.dims();
    let [input, output] = weight.dims();
    let rows = dims[..D - 1].iter().product::<usize>();
    dims[D - 1] = output;
    module::linear(x.reshape([rows, input]), weight, bias).reshape(dims)
}

/// Layer normalisation over the last axis with biased variance.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    if takes(&x) {
        fused!(LayerNorm { epsilon: epsilon as f32 }; x, weight, bias)
    } else {
        plain::layer_norm(x, weight, bias, epsilon)
    }
}

/// The exact (erf) GELU.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if takes(&x) { fused!(Gelu; x) } else { plain::gelu(x) }
}

/// Attention of every head: `softmax(q k^T / sqrt(d)) v`; `q` is `[b, n, c]`, `k` and `v` are
/// `[b, m, c]`, with the heads' d channels side by side. Gives `[b, n, c]`.
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, heads: usize) -> Tensor<3> {
    if takes(&q) {
        fused!(CrossAttention { heads }; q, k, v)
    } else {
        plain::attention(q, k, v, heads)
    }
}

/// Self-attention over a map, within windows of this side or over all of it (0), with decomposed
/// relative positions.
///
/// `qkv` is `[b, h, w, 3 c]`: queries, keys and values, the heads side by side in each; `bias`
/// `[3 c]` is what its linear layer added, and makes the keys and values of the padding of windows
/// over the edge. The tables are `[2 side - 1, d]`, their middle row the difference 0. Gives
/// `[b, h, w, c]`.
pub fn window_attention(
    qkv: Tensor<4>,
    bias: Tensor<1>,
    rows: Tensor<2>,
    columns: Tensor<2>,
    heads: usize,
    window: usize,
) -> Tensor<4> {
    if takes(&qkv) {
        fused!(WindowAttention { heads, window }; qkv, bias, rows, columns)
    } else {
        plain::window_attention(qkv, bias, rows, columns, heads, window)
    }
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
