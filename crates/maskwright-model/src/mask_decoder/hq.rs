//! The HQ-SAM head (arXiv:2306.01567): an output token of its own, and a feature fused from the
//! image embedding, an early feature of the image encoder, and the decoder's upscaled map.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::image_encoder::ImageFeatures;
use crate::init::Init;
use crate::kernels;
use crate::kernels::upscale::Upscaling;
use crate::layers::{Conv2d, Embedding, LayerNorm, Mlp, Upsample2x};
use crate::ops::products::matmul;
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
        upscale(&self.m0, &self.m1, &self.m3, x, false, tf32)
    }
}

/// Upscales twice with norm and GELU between, and a GELU after it where that is wanted. The cells stay in blocks, since all of
/// it is done cell by cell.
pub(super) fn upscale(
    first: &Upsample2x,
    norm: &LayerNorm,
    second: &Upsample2x,
    x: Tensor<4>,
    gelu: bool,
    tf32: Tf32,
) -> Tensor<4> {
    let upscaling = Upscaling {
        first: first.flattened(),
        second: second.flattened(),
        norm: (norm.weight.val(), norm.bias.val()),
        epsilon: norm.epsilon as f32,
        gelu,
    };
    if upscaling.fits(&x) {
        return upscaling.forward(x);
    }
    let [b, h, w, _] = x.dims();
    let hidden = first.bias.dims()[0];
    let x = first.forward(x, tf32).reshape([b, h * w, 4, hidden]);
    let x = second.forward(ops::gelu(norm.forward(x)), tf32);
    let x = if gelu { ops::gelu(x) } else { x };
    let d = 4 * x.dims()[3];
    x.reshape([b, h, w, d])
}

impl MaskFeature {
    /// The product of weights `[b, prompt_dim / 8]` with the feature that it makes of maps in blocks
    /// `[b, h, w, 16 * prompt_dim / 8]` (see [`ops::unblock`]): `[b, 4 h, 4 w]`.
    ///
    /// The last convolution and the product are both linear, so they are one: a convolution to a single channel, whose kernel
    /// is the product of the weights with the convolution's. It is an eighth of the work or less, forward and backward.
    pub fn product(&self, blocks: Tensor<4>, weights: Tensor<2>, tf32: Tf32) -> Tensor<3> {
        let b = blocks.dims()[0];
        let kernel = self.m3.weight.val();
        let [rows, columns, input, output] = kernel.dims();
        let kernel = kernel.reshape([rows * columns * input, output]);
        let kernels = matmul(weights.clone(), kernel.swap_dims(0, 1), tf32);
        let kernels = kernels.reshape([b, rows * columns, input]);
        let product = self.convolved(blocks, kernels, tf32);
        match &self.m3.bias {
            Some(bias) => {
                let bias = matmul(weights, bias.val().unsqueeze_dim::<2>(1), tf32);
                product + bias.unsqueeze_dim::<3>(2)
            }
            None => product,
        }
    }

    /// Up to the GELU, and then the convolution to one channel with these kernels.
    fn convolved(&self, blocks: Tensor<4>, kernels: Tensor<3>, tf32: Tf32) -> Tensor<3> {
        if let Some(bias) = &self.m0.bias {
            let fused = kernels::mask_feature::MaskFeature {
                first: (self.m0.weight.val(), bias.val()),
                norm: (self.m1.weight.val(), self.m1.bias.val()),
                epsilon: self.m1.epsilon as f32,
                kernels: kernels.clone(),
            };
            if fused.fits(&blocks) {
                return fused.forward(blocks);
            }
        }
        let x = self.m1.forward(self.m0.forward(ops::unblock(blocks), tf32));
        ops::conv3x3_to_one(ops::gelu(x), kernels, tf32)
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
