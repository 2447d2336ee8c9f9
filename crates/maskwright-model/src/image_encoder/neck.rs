//! The neck that both kinds of encoder end in: to the embedding's channels.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::init::Init;
use crate::layers::{Conv2d, LayerNorm};
use crate::ops::Tf32;

/// Of its norms.
const EPSILON: f64 = 1e-6;

/// 1 x 1 convolution, norm, 3 x 3 convolution, norm.
#[derive(Module, Debug)]
pub struct Neck {
    /// 1 x 1, no bias.
    pub m0: Conv2d,
    /// After it.
    pub m1: LayerNorm,
    /// 3 x 3, no bias.
    pub m2: Conv2d,
    /// After it.
    pub m3: LayerNorm,
}

impl Neck {
    pub(super) fn new(init: Init<'_>, input: usize, output: usize) -> Self {
        Self {
            m0: Conv2d::patches(init.part(0), input, output, 1, false),
            m1: LayerNorm::new(init.part(1), output, EPSILON),
            m2: Conv2d::same3x3(init.part(2), output, output, false),
            m3: LayerNorm::new(init.part(3), output, EPSILON),
        }
    }

    /// `[b, h, w, in]` to `[b, h, w, out]`.
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let x = self.m1.forward(self.m0.forward(x, tf32));
        self.m3.forward(self.m2.forward(x, tf32))
    }
}
