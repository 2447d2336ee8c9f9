//! The tensor functions that the layers are made of.
//!
//! Maps are channels-last `[batch, height, width, channels]`. Everything is differentiable. On the
//! CPU the functions run as fused kernels; everywhere else, and as the definition that tests hold
//! the kernels to, they are the tensor expressions in [`plain`]. What multiplies is told what f32 is
//! worth there ([`Tf32`]).

pub(crate) mod normalise;
pub mod plain;
pub mod products;

use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;

use crate::kernels::add;
use crate::kernels::attention::CrossAttention;
use crate::kernels::conv3x3::Conv3x3;
use crate::kernels::conv3x3_to_one::Conv3x3ToOne;
use crate::kernels::depthwise::{self, Depthwise};
use crate::kernels::gelu::Gelu;
use crate::kernels::layer_norm::LayerNorm;
use crate::kernels::linear as fused_linear;
use crate::kernels::rearrange::{Rows, Unblock};
use crate::kernels::window_attention::{PairAttention, WindowAttention};
use crate::kernels::{fused, strided3x3, takes};
pub use products::Tf32;
use products::{cast, matmul};

/// `x @ weight + bias` over the last axis; `weight` is `[in, out]`, and its type is the result's.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    tf32: Tf32,
) -> Tensor<D> {
    // Flattened, so that it is one product whatever the leading axes.
    let mut dims = x.dims();
    let [input, output] = weight.dims();
    let rows = dims[..D - 1].iter().product::<usize>();
    dims[D - 1] = output;
    let dtype = weight.dtype();
    let x = cast(x, dtype).reshape([rows, input]);
    let bias = bias.map(|bias| cast(bias, dtype));
    if fused_linear::fits(&x, &weight, rows) {
        return fused_linear::forward(x, weight, bias).reshape(dims);
    }
    if products::splits(&x, tf32) {
        let product = matmul(x, weight, tf32);
        let out = match bias {
            Some(bias) => product + bias.unsqueeze::<2>(),
            None => product,
        };
        return out.reshape(dims);
    }
    module::linear(x, weight, bias).reshape(dims)
}

/// The sum; the second may be of the first's last axes, with 1 before.
pub fn add<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    if add::fits(&a, &b) { add::forward(a, b) } else { a + b }
}

/// Layer normalisation over the last axis with biased variance, in the type of its weight.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    let x = cast(x, weight.dtype());
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
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, heads: usize, tf32: Tf32) -> Tensor<3> {
    if takes(&q) {
        fused!(CrossAttention { heads }; q, k, v)
    } else {
        plain::attention(q, k, v, heads, tf32)
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
    windows: Windows,
    tf32: Tf32,
) -> Tensor<4> {
    let Windows { heads, window } = windows;
    if takes(&qkv) {
        fused!(WindowAttention { heads, window }; qkv, bias, rows, columns)
    } else {
        plain::window_attention(qkv, bias, rows, columns, heads, window, tf32)
    }
}

/// Self-attention within windows of this side, with a number for each pair of cells of a window.
///
/// `qkv` is `[b, h, w, 3 c]`: query, key and value side by side within each head; `beyond` `[3 c]` is what it is in cells of windows
/// over the edge. `pairs` is `[heads, side * side, side * side]`: what is added to the score of a query (first) for a key,
/// in the type in which the softmax is made. Gives `[b, h, w, c]`.
pub fn pair_attention(
    qkv: Tensor<4>,
    beyond: Tensor<1>,
    pairs: Tensor<3>,
    windows: Windows,
    tf32: Tf32,
) -> Tensor<4> {
    let Windows { heads, window } = windows;
    if takes(&qkv) {
        fused!(PairAttention { heads, window }; qkv, beyond, pairs)
    } else {
        plain::pair_attention(qkv, beyond, pairs, heads, window, tf32)
    }
}

/// How [`window_attention`] and [`pair_attention`] attend.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// The number of heads.
    pub heads: usize,
    /// The side of a window; 0 for the whole map.
    pub window: usize,
}

/// 3 x 3 convolution with stride 1 and one cell of zeros around: `[b, h, w, in]` and a weight
/// `[3, 3, in, out]`, whose type is the result's, to `[b, h, w, out]`, plus a bias `[out]`.
pub fn conv3x3(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, tf32: Tf32) -> Tensor<4> {
    let x = cast(x, weight.dtype());
    let product = match bias.clone() {
        Some(bias) if made_with_bias(&x, &weight, &bias) => {
            return crate::kernels::conv3x3::with_bias(x, weight, bias);
        }
        _ if takes(&x) => fused!(Conv3x3; x, weight),
        _ => plain::conv3x3(x, weight, tf32),
    };
    match bias {
        Some(bias) => add(product, bias.unsqueeze::<4>()),
        None => product,
    }
}

/// 3 x 3 convolution to one channel, with stride 1 and one cell of zeros around: maps `[b, h, w, c]`, each with a kernel
/// `[9, c]` of its own (rows first), `[b, 9, c]` together, to `[b, h, w]`.
pub fn conv3x3_to_one(x: Tensor<4>, kernels: Tensor<3>, tf32: Tf32) -> Tensor<3> {
    let x = cast(x, kernels.dtype());
    if takes(&x) {
        fused!(Conv3x3ToOne; x, kernels)
    } else {
        plain::conv3x3_to_one(x, kernels, tf32)
    }
}

/// 3 x 3 convolution with a stride and one cell of zeros around, plus a bias; as [`conv3x3`] otherwise.
pub fn strided3x3(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    tf32: Tf32,
) -> Tensor<4> {
    let x = cast(x, weight.dtype());
    if made_with_bias(&x, &weight, &bias) {
        return strided3x3::forward(x, weight, bias, stride);
    }
    let bias = cast(bias, weight.dtype());
    let weight = weight.permute([3, 2, 0, 1]);
    let convolve = |x, weight| {
        module::conv2d(x, weight, None, ConvOptions::new([stride; 2], [1; 2], [1; 2], 1))
    };
    let product = products::product(x.permute([0, 3, 1, 2]), weight, tf32, convolve);
    add(product.permute([0, 2, 3, 1]), bias.unsqueeze::<4>())
}

/// The first convolution of TinyViT: as [`strided3x3`] with stride 2, of images `[b, 3, h, w]`.
pub fn stem3x3(images: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, tf32: Tf32) -> Tensor<4> {
    let images = cast(images, weight.dtype());
    if made_with_bias(&images, &weight, &bias) {
        return strided3x3::of_images(images, weight, bias);
    }
    strided3x3(images.permute([0, 2, 3, 1]), weight, bias, 2, tf32)
}

/// 3 x 3 convolution of each channel by itself, with a stride and one cell of zeros around:
/// `[b, h, w, c]`, a weight `[9, c]` (rows first) and a bias `[c]` to
/// `[b, ceil(h / stride), ceil(w / stride), c]`.
pub fn depthwise3x3(
    x: Tensor<4>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    stride: usize,
    tf32: Tf32,
) -> Tensor<4> {
    let x = cast(x, weight.dtype());
    if made_with_bias(&x, &weight, &bias) {
        return depthwise::with_bias(x, weight, bias, stride);
    }
    let bias = cast(bias, weight.dtype());
    let product = if takes(&x) {
        fused!(Depthwise { stride }; x, weight)
    } else {
        plain::depthwise3x3(x, weight, stride, tf32)
    };
    add(product, bias.unsqueeze::<4>())
}

/// Whether a convolution has a kernel that adds the bias, too: on the CPU, where nothing is derived by it.
fn made_with_bias<const W: usize>(x: &Tensor<4>, weight: &Tensor<W>, bias: &Tensor<1>) -> bool {
    takes(x) && !x.is_autodiff() && !weight.is_autodiff() && !bias.is_autodiff()
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

/// Puts twice upscaled cells to their places: `[b, h, w, 16 c]`, where the 16 are two levels of
/// 2 x 2 (rows first within each), to `[b, 4 h, 4 w, c]`.
pub fn unblock(x: Tensor<4>) -> Tensor<4> {
    if takes(&x) { fused!(Unblock; x) } else { plain::unblock(x) }
}

/// Some rows of the first axis, in this order; free where that is all of them as they are.
pub fn rows<const D: usize>(x: Tensor<D>, order: &[usize]) -> Tensor<D> {
    if order.len() == x.dims()[0] && order.iter().enumerate().all(|(i, &row)| i == row) {
        return x;
    }
    if takes(&x) { fused!(Rows { order: order.to_vec() }; x) } else { plain::rows(x, order) }
}
