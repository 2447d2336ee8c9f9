//! The layers with parameters.
//!
//! Their fields carry PyTorch's names. Weights are kept in the layout that the products want, with
//! the output channels last, and are permuted to PyTorch's layout only in [`crate::weights`]:
//!
//! | layer | here | PyTorch |
//! |---|---|---|
//! | [`Linear`] | `[in, out]` | `[out, in]` |
//! | [`Conv2d`] | `[k, k, in, out]` | `[out, in, k, k]` |
//! | [`Upsample2x`] | `[in, 2, 2, out]` | `[in, out, 2, 2]` |

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};

use crate::init::Init;
use crate::ops::{self, Tf32};

/// A linear map over the last axis.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    pub(crate) fn new(init: Init<'_>, input: usize, output: usize) -> Self {
        Self {
            weight: init.fan_in("weight", [input, output], input),
            bias: Some(init.fan_in("bias", [output], input)),
        }
    }

    /// `[.., in]` to `[.., out]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, tf32: Tf32) -> Tensor<D> {
        ops::linear(x, self.weight.val(), self.bias.as_ref().map(Param::val), tf32)
    }
}

/// Normalisation over the channels (the last axis) with a learned scale and shift; over a
/// channels-last map this is the original's `LayerNorm2d`.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// `[channels]`.
    pub bias: Param<Tensor<1>>,
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(init: Init<'_>, channels: usize, epsilon: f64) -> Self {
        Self {
            weight: init.constant([channels], 1.0),
            bias: init.constant([channels], 0.0),
            epsilon,
        }
    }

    /// Keeps the shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        ops::layer_norm(x, self.weight.val(), self.bias.val(), self.epsilon)
    }
}

/// A convolution of the three kinds that SAM has: 1 x 1; k x k with stride k (patches); and 3 x 3
/// with stride 1 and zero padding.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[k, k, in, out]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    same: bool,
}

impl Conv2d {
    fn new(
        init: Init<'_>,
        input: usize,
        output: usize,
        kernel: usize,
        bias: bool,
        same: bool,
    ) -> Self {
        let fan_in = input * kernel * kernel;
        Self {
            weight: init.fan_in("weight", [kernel, kernel, input, output], fan_in),
            bias: bias.then(|| init.fan_in("bias", [output], fan_in)),
            same,
        }
    }

    /// k x k with stride k; k = 1 is a linear map of each cell.
    pub(crate) fn patches(
        init: Init<'_>,
        input: usize,
        output: usize,
        kernel: usize,
        bias: bool,
    ) -> Self {
        Self::new(init, input, output, kernel, bias, false)
    }

    /// 3 x 3 with stride 1 and one cell of zeros around.
    pub(crate) fn same3x3(init: Init<'_>, input: usize, output: usize, bias: bool) -> Self {
        Self::new(init, input, output, 3, bias, true)
    }

    /// `[b, h, w, in]` to `[b, h', w', out]`.
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let [k, _, input, output] = self.weight.dims();
        let bias = self.bias.as_ref().map(Param::val);
        if self.same {
            return ops::conv3x3(x, self.weight.val(), bias, tf32);
        }
        let cells = if k == 1 { x } else { ops::patchify(x, k) };
        ops::linear(cells, self.weight.val().reshape([k * k * input, output]), bias, tf32)
    }
}

/// A transposed convolution 2 x 2 with stride 2: every cell becomes four.
#[derive(Module, Debug)]
pub struct Upsample2x {
    /// `[in, 2, 2, out]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Upsample2x {
    pub(crate) fn new(init: Init<'_>, input: usize, output: usize) -> Self {
        // PyTorch takes the second axis of the weight for the inputs, also in a transposed
        // convolution, where it counts the outputs.
        let fan_in = output * 4;
        Self {
            weight: init.fan_in("weight", [input, 2, 2, output], fan_in),
            bias: init.fan_in("bias", [output], fan_in),
        }
    }

    /// `[.., in]` to `[.., 4 * out]`: the four cells of each, rows first, still side by side. What
    /// follows cell by cell needs no more; [`ops::unblock`] puts two levels to their places.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, tf32: Tf32) -> Tensor<D> {
        let (weight, bias) = self.flattened();
        ops::linear(x, weight, Some(bias), tf32)
    }

    /// The weight `[in, 4 * out]` and bias `[4 * out]` of the linear map that it is.
    pub(crate) fn flattened(&self) -> (Tensor<2>, Tensor<1>) {
        let [input, _, _, output] = self.weight.dims();
        let weight = self.weight.val().reshape([input, 4 * output]);
        (weight, self.bias.val().repeat(&[4]))
    }
}

/// A table of learned vectors.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[rows, channels]`.
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    pub(crate) fn new(init: Init<'_>, rows: usize, channels: usize) -> Self {
        Self { weight: init.normal("weight", [rows, channels], 1.0) }
    }
}

/// The perceptron of a transformer block: two linear layers, GELU or ReLU between.
#[derive(Module, Debug)]
pub struct MlpBlock {
    /// Into the hidden channels.
    pub lin1: Linear,
    /// And back.
    pub lin2: Linear,
    relu: bool,
}

impl MlpBlock {
    pub(crate) fn new(init: Init<'_>, channels: usize, hidden: usize, relu: bool) -> Self {
        Self {
            lin1: Linear::new(init.part("lin1"), channels, hidden),
            lin2: Linear::new(init.part("lin2"), hidden, channels),
            relu,
        }
    }

    /// Keeps the shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, tf32: Tf32) -> Tensor<D> {
        let hidden = self.lin1.forward(x, tf32);
        let hidden = if self.relu { activation::relu(hidden) } else { ops::gelu(hidden) };
        self.lin2.forward(hidden, tf32)
    }
}

/// Linear layers with ReLU between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// In order.
    pub layers: Vec<Linear>,
}

impl Mlp {
    pub(crate) fn new(
        init: Init<'_>,
        input: usize,
        hidden: usize,
        output: usize,
        depth: usize,
    ) -> Self {
        let init = init.part("layers");
        let layers = (0..depth)
            .map(|i| {
                let from = if i == 0 { input } else { hidden };
                let to = if i + 1 == depth { output } else { hidden };
                Linear::new(init.part(i), from, to)
            })
            .collect();
        Self { layers }
    }

    /// `[.., in]` to `[.., out]`.
    pub fn forward<const D: usize>(&self, mut x: Tensor<D>, tf32: Tf32) -> Tensor<D> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(if i == 0 { x } else { activation::relu(x) }, tf32);
        }
        x
    }
}
