//! TinyViT's attention within windows, with a learned bias per head and distance.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};

use super::config::EPSILON;
use crate::init::Init;
use crate::layers::{LayerNorm, Linear};
use crate::ops::{self, Tf32, Windows};

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
        let windows = Windows { heads: self.heads, window: self.window };
        let qkv = |x: Tensor<4>| self.qkv.forward(self.norm.forward(x), tf32);
        let zero = Tensor::zeros([1, 1, 1, x.dims()[3]], (&x.device(), x.dtype()));
        let beyond = qkv(zero).flatten(0, 3);
        // The biases are f32, whatever the type of the products.
        let out = ops::pair_attention(qkv(x), beyond, self.biases(), windows, tf32);
        self.proj.forward(out, tf32)
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
