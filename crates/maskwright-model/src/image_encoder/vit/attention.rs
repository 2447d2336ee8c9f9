//! Self-attention with decomposed relative positions (MViTv2, arXiv:2112.01526).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::init::Init;
use crate::layers::Linear;
use crate::ops::products::{cast, matmul};
use crate::ops::{self, Tf32, Windows};

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
    pub(super) heads: usize,
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

    /// `[b, h, w, c]` to the same; attends within windows of this side, or over all of it (0).
    ///
    /// Windows over the edge are padded with zeros before the linear layer, and attend to the
    /// padding, as in the original.
    pub fn forward(&self, x: Tensor<4>, window: usize, tf32: Tf32) -> Tensor<4> {
        let [_, h, w, c] = x.dims();
        let device = x.device();
        let bias = match &self.qkv.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([3 * c], &device),
        };
        let [rows, columns] = if window == 0 { [h, w] } else { [window; 2] };
        let rows = fitted(self.rel_pos_h.val(), rows, tf32);
        let columns = fitted(self.rel_pos_w.val(), columns, tf32);
        let qkv = self.qkv.forward(x, tf32);
        let dtype = qkv.dtype();
        let (bias, rows, columns) = (cast(bias, dtype), cast(rows, dtype), cast(columns, dtype));
        let windows = Windows { heads: self.heads, window };
        let attended = ops::window_attention(qkv, bias, rows, columns, windows, tf32);
        self.proj.forward(attended, tf32)
    }
}

/// A table of relative positions for a side of this many tokens; one learned for another side is
/// resampled linearly, as the original does.
pub(super) fn fitted(table: Tensor<2>, side: usize, tf32: Tf32) -> Tensor<2> {
    let (length, wanted) = (table.dims()[0], 2 * side - 1);
    if length == wanted {
        return table;
    }
    matmul(linear_resampling(length, wanted, &table.device()), table, tf32)
}

/// The matrix `[to, from]` of linear interpolation with half-pixel centres (align_corners=false).
fn linear_resampling(from: usize, to: usize, device: &Device) -> Tensor<2> {
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
