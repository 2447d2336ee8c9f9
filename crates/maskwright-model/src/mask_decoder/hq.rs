//! The HQ-SAM head (arXiv:2306.01567): an output token of its own, and a feature fused from the
//! image embedding, an early feature of the image encoder, and the decoder's upscaled map.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::image_encoder::ImageFeatures;
use crate::init::Init;
use crate::layers::{Conv2d, Embedding, LayerNorm, Mlp, Upsample2x};
use crate::ops::{self, Tf32};

/// Everything that HQ-SAM trains.
#[derive(Module, Debug)]
pub struct HqHead {
    /// The HQ output token, `[1, prompt_dim]`.
    pub hf_token: Embedding,
    /// Token to product weights.
    pub hf_mlp: Mlp,
    /// On the image encoder's early feature.
    pub compress_vit_feat: FeatureUpscaling,
    /// On the image embedding.
    pub embedding_encoder: FeatureUpscaling,
    /// On the decoder's upscaled map.
    pub embedding_maskfeature: MaskFeature,
}

/// Transposed convolution, norm, GELU, transposed convolution: four times the resolution.
#[derive(Module, Debug)]
pub struct FeatureUpscaling {
    /// To the hidden channels.
    pub m0: Upsample2x,
    /// After it.
    pub m1: LayerNorm,
    /// To an eighth of `prompt_dim`.
    pub m3: Upsample2x,
}

/// 3 x 3 convolution, norm, GELU, 3 x 3 convolution.
#[derive(Module, Debug)]
pub struct MaskFeature {
    /// To a quarter of `prompt_dim`.
    pub m0: Conv2d,
    /// After it.
    pub m1: LayerNorm,
    /// To an eighth of `prompt_dim`.
    pub m3: Conv2d,
}

impl FeatureUpscaling {
    fn new(init: Init<'_>, input: usize, hidden: usize, output: usize) -> Self {
        Self {
            m0: Upsample2x::new(init.part(0), input, hidden),
            m1: LayerNorm::new(init.part(1), hidden, 1e-6),
            m3: Upsample2x::new(init.part(3), hidden, output),
        }
    }

    /// `[b, h, w, c]` to `[b, h, w, 16 * prompt_dim / 8]`, in blocks; see [`ops::unblock`].
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        upscale(&self.m0, &self.m1, &self.m3, x, tf32)
    }
}

/// Upscales twice with norm and GELU between. The cells stay in blocks, since all of it is done
/// cell by cell.
pub(super) fn upscale(
    first: &Upsample2x,
    norm: &LayerNorm,
    second: &Upsample2x,
    x: Tensor<4>,
    tf32: Tf32,
) -> Tensor<4> {
    let [b, h, w, _] = x.dims();
    let hidden = first.bias.dims()[0];
    let x = first.forward(x, tf32).reshape([b, h * w, 4, hidden]);
    let x = second.forward(ops::gelu(norm.forward(x)), tf32);
    let d = 4 * x.dims()[3];
    x.reshape([b, h, w, d])
}

impl MaskFeature {
    /// `[b, h, w, prompt_dim / 8]` to the same.
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let x = self.m1.forward(self.m0.forward(x, tf32));
        self.m3.forward(ops::gelu(x), tf32)
    }
}

impl HqHead {
    pub(crate) fn new(decoder: &Init<'_>, dim: usize, early_dim: usize) -> Self {
        let feature = decoder.part("embedding_maskfeature");
        Self {
            hf_token: Embedding::new(decoder.part("hf_token"), 1, dim),
            hf_mlp: Mlp::new(decoder.part("hf_mlp"), dim, dim, dim / 8, 3),
            compress_vit_feat: FeatureUpscaling::new(
                decoder.part("compress_vit_feat"),
                early_dim,
                dim,
                dim / 8,
            ),
            embedding_encoder: FeatureUpscaling::new(
                decoder.part("embedding_encoder"),
                dim,
                dim / 4,
                dim / 8,
            ),
            embedding_maskfeature: MaskFeature {
                m0: Conv2d::same3x3(feature.part(0), dim / 8, dim / 4, true),
                m1: LayerNorm::new(feature.part(1), dim / 4, 1e-6),
                m3: Conv2d::same3x3(feature.part(3), dim / 4, dim / 8, true),
            },
        }
    }

    /// The part of the HQ feature that depends on the image alone:
    /// `[b, g, g, 16 * prompt_dim / 8]`, in blocks; see [`ops::unblock`].
    pub fn features(&self, image: &ImageFeatures, tf32: Tf32) -> Tensor<4> {
        self.embedding_encoder.forward(image.embedding.clone(), tf32)
            + self.compress_vit_feat.forward(image.early.clone(), tf32)
    }
}
