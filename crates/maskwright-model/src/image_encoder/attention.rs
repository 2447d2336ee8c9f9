//! Self-attention with decomposed relative positions (MViTv2, arXiv:2112.01526).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::init::Init;
use crate::layers::Linear;
use crate::ops;

/// Multi-head self-attention over a square of tokens, whose scores have a learned term per head
/// channel for the difference in rows and for the difference in columns.
#[derive(Module, Debug)]
pub struct Attention {
    /// Query, key and value of all heads.
    pub qkv: Linear,
    /// Of the heads' outputs.
    pub proj: Linear,
    /// `[2 * side - 1, head channels]`: a vector per difference in rows.
    pub rel_pos_h: Param<Tensor<2>>,
    /// The same for columns.
    pub rel_pos_w: Param<Tensor<2>>,
    heads: usize,
}

impl Attention {
    pub(crate) fn new(init: Init<'_>, dim: usize, heads: usize, side: usize) -> Self {
        let table = [2 * side - 1, dim / heads];
        Self {
            qkv: Linear::new(init.part("qkv"), dim, 3 * dim),
            proj: Linear::new(init.part("proj"), dim, dim),
            rel_pos_h: init.constant(table, 0.0),
            rel_pos_w: init.constant(table, 0.0),
            heads,
        }
    }

    /// `[b, h, w, c]` to the same; each of the `b` squares attends within itself.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, h, w, c] = x.dims();
        let (n, heads) = (h * w, self.heads);
        let d = c / heads;
        let device = x.device();
        let qkv = self.qkv.forward(x).reshape([b, n, 3, heads, d]).permute([2, 0, 3, 1, 4]);
        let [q, k, v]: [Tensor<4>; 3] = std::array::from_fn(|i| {
            qkv.clone().slice([i..i + 1, 0..b, 0..heads, 0..n, 0..d]).reshape([b, heads, n, d])
        });

        // The score of a query at (y, x) and a key at (y', x') is
        // scale * q.k + q.H[y - y'] + q.W[x - x']. The last two terms depend on the query and on
        // the key's row or column alone, so they become further channels of the query, which
        // one-hot channels of the key pick: one product makes the whole score.
        let rows = relative(self.rel_pos_h.val(), h);
        let columns = relative(self.rel_pos_w.val(), w);
        let grid = q.clone().reshape([b * heads, h, w, d]);
        let by_row = grid
            .clone()
            .swap_dims(0, 1)
            .reshape([h, b * heads * w, d])
            .matmul(rows.swap_dims(1, 2))
            .reshape([h, b * heads, w, h])
            .swap_dims(0, 1)
            .reshape([b, heads, n, h]);
        let by_column = grid
            .permute([2, 0, 1, 3])
            .reshape([w, b * heads * h, d])
            .matmul(columns.swap_dims(1, 2))
            .reshape([w, b * heads, h, w])
            .permute([1, 2, 0, 3])
            .reshape([b, heads, n, w]);
        let q = Tensor::cat(vec![q * (d as f64).powf(-0.5), by_row, by_column], 3);
        let picks = picks(h, w, &device).unsqueeze::<4>().expand([b, heads, n, h + w]);
        let k = Tensor::cat(vec![k, picks], 3);
        let out = ops::attention(q, k, v, 1.0);
        self.proj.forward(out.swap_dims(1, 2).reshape([b, h, w, c]))
    }
}

/// The vector for each pair of positions along an axis: `[size, size, channels]` from a table whose
/// middle row is the difference 0. A table for another size is resampled linearly, as the original
/// does.
fn relative(table: Tensor<2>, size: usize) -> Tensor<3> {
    let [length, channels] = table.dims();
    let device = table.device();
    let wanted = 2 * size - 1;
    let table = if length == wanted {
        table
    } else {
        linear_resampling(length, wanted, &device).matmul(table)
    };
    let indices: Vec<i64> =
        (0..size).flat_map(|q| (0..size).map(move |k| (q + size - 1 - k) as i64)).collect();
    let indices = Tensor::from_data(TensorData::new(indices, [size * size]), &device);
    table.select(0, indices).reshape([size, size, channels])
}

/// The matrix `[to, from]` of linear interpolation with half-pixel centres (align_corners=false).
pub(crate) fn linear_resampling(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let mut matrix = vec![0f32; to * from];
    let scale = from as f64 / to as f64;
    for (i, row) in matrix.chunks_exact_mut(from).enumerate() {
        let at = ((i as f64 + 0.5) * scale - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let fraction = (at - low as f64) as f32;
        row[low] += 1.0 - fraction;
        row[high] += fraction;
    }
    Tensor::from_data(TensorData::new(matrix, [to, from]), device)
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
