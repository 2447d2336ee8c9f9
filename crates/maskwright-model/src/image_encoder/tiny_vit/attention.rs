//! TinyViT's attention within windows, with a learned bias per head and distance.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData, activation};

use super::config::EPSILON;
use crate::init::Init;
use crate::layers::{LayerNorm, Linear};
use crate::ops::Tf32;
use crate::ops::products::{cast, matmul};

/// Multi-head attention within windows.
#[derive(Module, Debug)]
pub struct WindowAttention {
    /// First.
    pub norm: LayerNorm,
    /// Query, key and value, side by side within each head.
    pub qkv: Linear,
    /// Of the heads' outputs.
    pub proj: Linear,
    /// `[heads, window * window]`: by distance in rows, then in columns.
    pub attention_biases: Param<Tensor<2>>,
    pub(super) heads: usize,
    pub(super) window: usize,
}

impl WindowAttention {
    pub(super) fn new(init: Init<'_>, dim: usize, heads: usize, window: usize) -> Self {
        Self {
            norm: LayerNorm::new(init.part("norm"), dim, EPSILON),
            qkv: Linear::new(init.part("qkv"), dim, 3 * dim),
            proj: Linear::new(init.part("proj"), dim, dim),
            attention_biases: init.constant([heads, window * window], 0.0),
            heads,
            window,
        }
    }

    /// `[b, h, w, c]` to the same. Windows over the edge are padded with zeros before the norm, and
    /// attend to the padding, as in the original.
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let [b, h, w, c] = x.dims();
        let (heads, side) = (self.heads, self.window);
        let (rows, columns) = (h.div_ceil(side), w.div_ceil(side));
        let (n, d) = (side * side, c / heads);
        let (device, dtype) = (x.device(), x.dtype());
        let mut x = x;
        if rows * side > h {
            let pad = Tensor::zeros([b, rows * side - h, w, c], (&device, dtype));
            x = Tensor::cat(vec![x, pad], 1);
        }
        if columns * side > w {
            let pad = Tensor::zeros([b, rows * side, columns * side - w, c], (&device, dtype));
            x = Tensor::cat(vec![x, pad], 2);
        }
        let windows = b * rows * columns;
        let x = x
            .reshape([b, rows, side, columns, side, c])
            .permute([0, 1, 3, 2, 4, 5])
            .reshape([windows, n, c]);
        let qkv = self.qkv.forward(self.norm.forward(x), tf32);
        let qkv = qkv.reshape([windows, n, heads, 3 * d]).swap_dims(1, 2);
        let [q, k, v]: [Tensor<4>; 3] = std::array::from_fn(|i| qkv.clone().narrow(3, i * d, d));
        // In the biases' type, f32, whatever that of the products.
        let biases = self.biases().unsqueeze::<4>();
        let scores = matmul(q * (d as f64).powf(-0.5), k.swap_dims(2, 3), tf32);
        let scores = activation::softmax(cast(scores, biases.dtype()) + biases, 3);
        let out = matmul(cast(scores, v.dtype()), v, tf32).swap_dims(1, 2);
        let out = self.proj.forward(out.reshape([windows, n, c]), tf32);
        out.reshape([b, rows, columns, side, side, c])
            .permute([0, 1, 3, 2, 4, 5])
            .reshape([b, rows * side, columns * side, c])
            .slice([0..b, 0..h, 0..w, 0..c])
    }

    /// The bias of each pair of tokens, `[heads, n, n]`.
    pub(super) fn biases(&self) -> Tensor<3> {
        let side = self.window;
        let n = side * side;
        let indices: Vec<i64> = (0..n * n)
            .map(|pair| {
                let (q, k) = (pair / n, pair % n);
                let rows = (q / side).abs_diff(k / side);
                let columns = (q % side).abs_diff(k % side);
                (rows * side + columns) as i64
            })
            .collect();
        let biases = self.attention_biases.val();
        let device = biases.device();
        let indices = TensorData::new(indices, [n * n]);
        let indices = Tensor::<1, Int>::from_data(indices, &device);
        biases.select(1, indices).reshape([self.heads, n, n])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// One window of 2 x 2 tokens with one head of one channel: all can be computed by hand.
    #[test]
    fn biases_follow_the_distance_in_rows_then_columns() {
        let device = Device::flex();
        let mut attention = WindowAttention::new(Init::new(&device, 0), 2, 1, 2);
        let biases = [0.0f32, 1.0, 2.0, 4.0];
        let set = |values: Vec<f32>, shape: [usize; 2]| {
            Param::from_tensor(Tensor::<2>::from_data(TensorData::new(values, shape), &device))
        };
        attention.attention_biases = set(biases.to_vec(), [1, 4]);
        // No queries or keys, values as normed, an identity after it.
        let mut qkv = vec![0.0; 2 * 6];
        (qkv[4], qkv[6 + 5]) = (1.0, 1.0);
        attention.qkv.weight = set(qkv, [2, 6]);
        attention.proj.weight = set(vec![1.0, 0.0, 0.0, 1.0], [2, 2]);
        let zeros = |n: usize| Some(Param::from_tensor(Tensor::zeros([n], &device)));
        (attention.qkv.bias, attention.proj.bias) = (zeros(6), zeros(2));

        let tokens = [[1.0f32, -1.0], [-2.0, 2.0], [3.0, -3.0], [-1.0, 1.0]];
        let x = TensorData::new(tokens.concat(), [1, 2, 2, 2]);
        let found = attention.forward(Tensor::from_data(x, &device), Tf32::Never);
        let found = found.try_into_vec_as::<f32>().unwrap();
        // The norm makes every token +-1.
        let values = [1.0f32, -1.0, 1.0, -1.0];
        for query in 0..4usize {
            let weight = |key: usize| {
                let (rows, columns) =
                    ((query / 2).abs_diff(key / 2), (query % 2).abs_diff(key % 2));
                biases[rows * 2 + columns].exp()
            };
            let sum: f32 = (0..4).map(weight).sum();
            let expected: f32 = (0..4).map(|key| weight(key) * values[key]).sum::<f32>() / sum;
            assert!((found[query * 2] - expected).abs() < 1e-4, "{query}");
        }
    }
}
