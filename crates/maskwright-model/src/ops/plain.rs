//! The definitions in plain tensor operations, which every device runs.

use burn::tensor::activation;
use burn::tensor::module;
use burn::tensor::ops::{AttentionModuleOptions, ConvOptions};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::products::{Tf32, cast, matmul, on_cpu, product};

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

/// See [`super::attention`].
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, heads: usize, tf32: Tf32) -> Tensor<3> {
    let [b, n, c] = q.dims();
    let d = c / heads;
    let split = |x: Tensor<3>| {
        let rows = x.dims()[1];
        x.reshape([b, rows, heads, d]).swap_dims(1, 2)
    };
    let scores = matmul(split(q) * (d as f64).powf(-0.5), split(k).swap_dims(2, 3), tf32);
    let out = matmul(softmax(scores), split(v), tf32);
    out.swap_dims(1, 2).reshape([b, n, c])
}

/// See [`super::window_attention`].
pub fn window_attention(
    qkv: Tensor<4>,
    bias: Tensor<1>,
    rows: Tensor<2>,
    columns: Tensor<2>,
    heads: usize,
    window: usize,
    tf32: Tf32,
) -> Tensor<4> {
    if window == 0 {
        return relative_attention(qkv, rows, columns, heads, tf32);
    }
    let [b, h, w, _] = qkv.dims();
    let windows = to_windows(qkv, bias, window);
    from_windows(relative_attention(windows, rows, columns, heads, tf32), window, [b, h, w])
}

/// See [`super::pair_attention`].
pub fn pair_attention(
    qkv: Tensor<4>,
    beyond: Tensor<1>,
    pairs: Tensor<3>,
    heads: usize,
    window: usize,
    tf32: Tf32,
) -> Tensor<4> {
    let [b, h, w, _] = qkv.dims();
    let qkv = to_windows(qkv, beyond, window);
    let [windows, _, _, c] = qkv.dims();
    let (n, c) = (window * window, c / 3);
    let d = c / heads;
    let qkv = qkv.reshape([windows, n, heads, 3 * d]).swap_dims(1, 2);
    let [q, k, v]: [Tensor<4>; 3] = std::array::from_fn(|i| qkv.clone().narrow(3, i * d, d));
    let pairs = pairs.unsqueeze::<4>();
    let scores = matmul(q * (d as f64).powf(-0.5), k.swap_dims(2, 3), tf32);
    let scores = activation::softmax(cast(scores, pairs.dtype()) + pairs, 3);
    let out = matmul(cast(scores, v.dtype()), v, tf32).swap_dims(1, 2);
    from_windows(out.reshape([windows, window, window, c]), window, [b, h, w])
}

/// Over each whole map of `[b, h, w, 3 c]`.
fn relative_attention(
    qkv: Tensor<4>,
    rows: Tensor<2>,
    columns: Tensor<2>,
    heads: usize,
    tf32: Tf32,
) -> Tensor<4> {
    let [b, h, w, c] = qkv.dims();
    let (n, c) = (h * w, c / 3);
    let d = c / heads;
    let device = qkv.device();
    let qkv = qkv.reshape([b, n, 3, heads, d]).permute([2, 0, 3, 1, 4]);
    let [q, k, v]: [Tensor<4>; 3] = std::array::from_fn(|i| {
        qkv.clone().slice([i..i + 1, 0..b, 0..heads, 0..n, 0..d]).reshape([b, heads, n, d])
    });

    // The score of a query at (y, x) and a key at (y', x') is
    // scale * q.k + q.H[y - y'] + q.W[x - x']. The last two terms depend on the query and on the
    // key's row or column alone, so they become further channels of the query, which one-hot
    // channels of the key pick: one product makes the whole score.
    let rows = by_pair(rows, h).swap_dims(1, 2);
    let columns = by_pair(columns, w).swap_dims(1, 2);
    let grid = q.clone().reshape([b * heads, h, w, d]);
    let by_row = grid.clone().swap_dims(0, 1).reshape([h, b * heads * w, d]);
    let by_row = matmul(by_row, rows, tf32)
        .reshape([h, b * heads, w, h])
        .swap_dims(0, 1)
        .reshape([b, heads, n, h]);
    let by_column = grid.permute([2, 0, 1, 3]).reshape([w, b * heads * h, d]);
    let by_column = matmul(by_column, columns, tf32)
        .reshape([w, b * heads, h, w])
        .permute([1, 2, 0, 3])
        .reshape([b, heads, n, w]);
    let q = Tensor::cat(vec![q * (d as f64).powf(-0.5), by_row, by_column], 3);
    let picks = cast(picks(h, w, &device), q.dtype());
    let k = Tensor::cat(vec![k, picks.unsqueeze::<4>().expand([b, heads, n, h + w])], 3);
    let out = if flash(&q) {
        flash_attention(q, k, v)
    } else {
        matmul(softmax(matmul(q, k.swap_dims(2, 3), tf32)), v, tf32)
    };
    out.swap_dims(1, 2).reshape([b, h, w, c])
}

/// Softmax over the last axis, computed in f32 whatever the type of the scores.
fn softmax(scores: Tensor<4>) -> Tensor<4> {
    let dtype = scores.dtype();
    cast(activation::softmax(cast(scores, DType::F32), 3), dtype)
}

/// Whether attention by these queries `[b, heads, n, d]` should go through Burn's fused kernel, which
/// never stores the scores: where they would be many, and in half precision, since its tensor cores
/// multiply in f16 whatever they are given. On the CPU our own kernels do that.
fn flash(q: &Tensor<4>) -> bool {
    const MANY: usize = 1024;
    q.dims()[2] >= MANY && q.dtype() != DType::F32 && !on_cpu(&q.device())
}

/// `softmax(q k^T) v` by Burn's fused attention, which takes no bias and no other scale than one over
/// the root of the channels, and wants channels in whole tiles.
fn flash_attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let [b, heads, n, d] = q.dims();
    let padded = d.next_multiple_of(TILE);
    let q = q * (padded as f64).sqrt();
    let fill = |x: Tensor<4>| {
        if padded == d {
            return x;
        }
        let zeros = Tensor::zeros([b, heads, n, padded - d], (&x.device(), x.dtype()));
        Tensor::cat(vec![x, zeros], 3)
    };
    module::attention(fill(q), fill(k), v, None, None, AttentionModuleOptions::default())
}

/// Channels of a tensor core's tile.
const TILE: usize = 16;

/// The vector for each pair of positions along an axis: `[size, size, channels]`.
fn by_pair(table: Tensor<2>, size: usize) -> Tensor<3> {
    let channels = table.dims()[1];
    let device = table.device();
    let indices: Vec<i64> =
        (0..size).flat_map(|q| (0..size).map(move |k| (q + size - 1 - k) as i64)).collect();
    let indices = Tensor::from_data(TensorData::new(indices, [size * size]), &device);
    table.select(0, indices).reshape([size, size, channels])
}

/// For each token of an `h` x `w` square the one-hot of its row and of its column: `[h * w, h + w]`.
fn picks(h: usize, w: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0f32; h * w * (h + w)];
    for (token, row) in values.chunks_exact_mut(h + w).enumerate() {
        row[token / w] = 1.0;
        row[h + token % w] = 1.0;
    }
    Tensor::from_data(TensorData::new(values, [h * w, h + w]), device)
}

/// `[b, h, w, c]` to `[b * windows, size, size, c]`, filled up at the bottom and right to whole
/// windows.
fn to_windows(x: Tensor<4>, fill: Tensor<1>, size: usize) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    let (rows, columns) = (h.div_ceil(size), w.div_ceil(size));
    let fill = |h, w| fill.clone().reshape([1, 1, 1, c]).expand([b, h, w, c]);
    let mut x = x;
    if rows * size > h {
        x = Tensor::cat(vec![x, fill(rows * size - h, w)], 1);
    }
    if columns * size > w {
        x = Tensor::cat(vec![x, fill(rows * size, columns * size - w)], 2);
    }
    x.reshape([b, rows, size, columns, size, c]).permute([0, 1, 3, 2, 4, 5]).reshape([
        b * rows * columns,
        size,
        size,
        c,
    ])
}

/// The inverse of [`to_windows`].
fn from_windows(x: Tensor<4>, size: usize, [b, h, w]: [usize; 3]) -> Tensor<4> {
    let c = x.dims()[3];
    let (rows, columns) = (h.div_ceil(size), w.div_ceil(size));
    x.reshape([b, rows, columns, size, size, c])
        .permute([0, 1, 3, 2, 4, 5])
        .reshape([b, rows * size, columns * size, c])
        .slice([0..b, 0..h, 0..w, 0..c])
}

/// See [`super::conv3x3`].
pub fn conv3x3(x: Tensor<4>, weight: Tensor<4>, tf32: Tf32) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    let output = weight.dims()[3];
    let device = x.device();
    let line = Tensor::zeros([b, 1, w, c], (&device, x.dtype()));
    let column = Tensor::zeros([b, h + 2, 1, c], (&device, x.dtype()));
    let padded = Tensor::cat(vec![line.clone(), x, line], 1);
    let padded = Tensor::cat(vec![column.clone(), padded, column], 2);
    // The nine neighbours of each cell side by side.
    let shifted = (0..9)
        .map(|k| padded.clone().slice([0..b, k / 3..k / 3 + h, k % 3..k % 3 + w, 0..c]))
        .collect();
    let columns = Tensor::cat(shifted, 3).reshape([b * h * w, 9 * c]);
    matmul(columns, weight.reshape([9 * c, output]), tf32).reshape([b, h, w, output])
}

/// See [`super::conv3x3_to_one`].
pub fn conv3x3_to_one(x: Tensor<4>, kernels: Tensor<3>, tf32: Tf32) -> Tensor<3> {
    let [b, h, w, c] = x.dims();
    let device = x.device();
    // What each kernel cell makes of each cell, and zeros around.
    let products = matmul(x.reshape([b, h * w, c]), kernels.swap_dims(1, 2), tf32);
    let products = products.reshape([b, h, w, 9]);
    let line = Tensor::zeros([b, 1, w, 9], (&device, products.dtype()));
    let column = Tensor::zeros([b, h + 2, 1, 9], (&device, products.dtype()));
    let padded = Tensor::cat(vec![line.clone(), products, line], 1);
    let padded = Tensor::cat(vec![column.clone(), padded, column], 2);
    let shifted =
        (0..9).map(|k| padded.clone().slice([0..b, k / 3..k / 3 + h, k % 3..k % 3 + w, k..k + 1]));
    Tensor::cat(shifted.collect(), 3).sum_dim(3).reshape([b, h, w])
}

/// See [`super::depthwise3x3`].
pub fn depthwise3x3(x: Tensor<4>, weight: Tensor<2>, stride: usize, tf32: Tf32) -> Tensor<4> {
    let c = x.dims()[3];
    let weight = weight.swap_dims(0, 1).reshape([c, 1, 3, 3]);
    let convolve = |x, weight| {
        module::conv2d(x, weight, None, ConvOptions::new([stride; 2], [1; 2], [1; 2], c))
    };
    product(x.permute([0, 3, 1, 2]), weight, tf32, convolve).permute([0, 2, 3, 1])
}

/// See [`super::unblock`]. One level after the other: not every backend has eight axes.
pub fn unblock(x: Tensor<4>) -> Tensor<4> {
    let level = |x: Tensor<4>| {
        let [b, h, w, d] = x.dims();
        let cells = x.reshape([b, h, w, 2, 2, d / 4]).permute([0, 1, 3, 2, 4, 5]);
        cells.reshape([b, 2 * h, 2 * w, d / 4])
    };
    level(level(x))
}

/// See [`super::rows`].
pub fn rows<const D: usize>(x: Tensor<D>, order: &[usize]) -> Tensor<D> {
    let device = x.device();
    let order: Vec<i64> = order.iter().map(|&row| row as i64).collect();
    let count = order.len();
    x.select(0, Tensor::<1, Int>::from_data(TensorData::new(order, [count]), &device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    #[test]
    fn fused_attention_has_our_scale_whatever_it_is_padded_to() {
        for d in [22, 32] {
            let (q, k) = (random(1, [2, 3, 20, d]) * 0.3, random(2, [2, 3, 20, d]));
            let v = random(3, [2, 3, 20, 8]);
            let scores = q.clone().matmul(k.clone().swap_dims(2, 3));
            let wanted = activation::softmax(scores, 3).matmul(v.clone());
            let off = (flash_attention(q, k, v) - wanted).abs().max().into_scalar::<f32>();
            assert!(off < 1e-5, "{d} channels: {off}");
        }
    }
}
