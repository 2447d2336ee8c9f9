//! The mask decoder: image and prompt embeddings to mask logits.
//!
//! A two-way transformer lets the prompt's tokens and the image's cells attend to each other; the
//! image side is upscaled four times; each mask token becomes, through a small perceptron, the
//! weights of a product over the upscaled channels. The HQ head ([`HqHead`]) adds a token of its
//! own and a finer feature, fused from the embedding and an early feature of the image encoder.

mod hq;
mod two_way_transformer;

use burn::module::Module;
use burn::tensor::Tensor;

pub use hq::{FeatureUpscaling, HqHead, MaskFeature};
pub use two_way_transformer::{CrossAttention, TwoWayBlock, TwoWayTransformer};

use crate::config::SamConfig;
use crate::error::{Error, Result};
use crate::image_encoder::{ImageFeatures, per_prompt};
use crate::init::Init;
use crate::layers::{Embedding, LayerNorm, Mlp, Upsample2x};
use crate::ops::{self, Tf32};
use crate::prompt_encoder::PromptEmbeddings;

/// What the decoder computes. Other parts of it do not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeMode {
    /// SAM's masks and their predicted IoU, without the HQ token: exactly the SAM that the model
    /// contains.
    Sam {
        /// Whether to compute the masks for an ambiguous prompt instead of the single one.
        multimask: bool,
    },
    /// Only the HQ mask, as HQ-SAM trains and validates it.
    Hq,
    /// Both in one pass, as in HQ-SAM's predictor. The HQ token takes part, so SAM's masks differ
    /// slightly from those of [`DecodeMode::Sam`].
    Both {
        /// As in [`DecodeMode::Sam`].
        multimask: bool,
    },
}

impl DecodeMode {
    /// Returns whether the HQ mask is computed.
    pub fn hq(self) -> bool {
        !matches!(self, Self::Sam { .. })
    }

    /// Returns `None` if SAM's masks are not computed, otherwise whether they are those for an ambiguous
    /// prompt.
    pub fn sam(self) -> Option<bool> {
        match self {
            Self::Sam { multimask } | Self::Both { multimask } => Some(multimask),
            Self::Hq => None,
        }
    }
}

/// Mask logits (above 0 is the object) at a quarter of the resolution of the model's input
/// ([`SamConfig::mask_size`]).
#[derive(Debug, Clone)]
pub struct MaskOutput {
    /// SAM's masks `[b, n, m, m]`: n is 1, or [`crate::DecoderConfig::multimask`].
    pub sam: Option<Tensor<4>>,
    /// The predicted IoU of each of them, `[b, n]`.
    pub iou: Option<Tensor<2>>,
    /// The HQ mask `[b, 1, m, m]`.
    pub hq: Option<Tensor<4>>,
}

impl MaskOutput {
    /// Returns the same output with only one SAM mask per prompt, the one with the highest predicted
    /// IoU.
    #[must_use]
    pub fn best(self) -> Self {
        let (Some(sam), Some(iou)) = (self.sam.clone(), self.iou.clone()) else { return self };
        let [b, n, h, w] = sam.dims();
        if n == 1 {
            return self;
        }
        let (iou, index) = iou.max_dim_with_indices(1);
        let index = index.reshape([b, 1, 1, 1]).expand([b, 1, h, w]);
        Self { sam: Some(sam.gather(1, index)), iou: Some(iou), hq: self.hq }
    }

    /// Returns the final logits: the sum of the HQ mask and SAM's best mask if there are both (HQ-SAM's
    /// prediction), otherwise the one that there is. `None` only for an output without any mask.
    pub fn logits(&self) -> Option<Tensor<4>> {
        let sam = self.clone().best().sam;
        match (sam, self.hq.clone()) {
            (Some(sam), Some(hq)) => Some(sam + hq),
            (sam, hq) => sam.or(hq),
        }
    }
}

/// Image and prompt embeddings to mask logits.
#[derive(Module, Debug)]
pub struct MaskDecoder {
    /// Tokens and image attend to each other.
    pub transformer: TwoWayTransformer,
    /// The token that the IoU is predicted from, `[1, prompt_dim]`.
    pub iou_token: Embedding,
    /// The single mask's token and the ambiguous ones', `[1 + multimask, prompt_dim]`.
    pub mask_tokens: Embedding,
    /// To four times the resolution and an eighth of the channels.
    pub output_upscaling: OutputUpscaling,
    /// One per mask token.
    pub output_hypernetworks_mlps: Vec<Mlp>,
    /// IoU token to one IoU per mask.
    pub iou_prediction_head: Mlp,
    /// The HQ-SAM head. Its tensors' official names lie directly under `mask_decoder`.
    pub hq: Option<HqHead>,
}

/// Transposed convolution, norm, GELU, transposed convolution, GELU.
#[derive(Module, Debug)]
pub struct OutputUpscaling {
    /// To a quarter of the channels.
    pub m0: Upsample2x,
    /// After it.
    pub m1: LayerNorm,
    /// To an eighth.
    pub m3: Upsample2x,
}

/// The transformer's result for a batch of prompts.
pub(crate) struct Decoded {
    /// `[b, 1 + masks (+ 1), prompt_dim]`: IoU token, mask tokens, HQ token.
    pub(crate) tokens: Tensor<3>,
    /// `[b, g * g, prompt_dim]`.
    pub(crate) image: Tensor<3>,
}

impl OutputUpscaling {
    /// `[b, g, g, prompt_dim]` to `[b, g, g, 16 * prompt_dim / 8]`, in blocks; see
    /// [`ops::unblock`].
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        hq::upscale(&self.m0, &self.m1, &self.m3, x, true, tf32)
    }
}

impl MaskDecoder {
    pub(crate) fn new(init: Init<'_>, config: &SamConfig) -> Self {
        let (dim, decoder) = (config.prompt_dim, &config.decoder);
        let masks = decoder.multimask + 1;
        let up = init.part("output_upscaling");
        Self {
            transformer: TwoWayTransformer::new(init.part("transformer"), dim, decoder),
            iou_token: Embedding::new(init.part("iou_token"), 1, dim),
            mask_tokens: Embedding::new(init.part("mask_tokens"), masks, dim),
            output_upscaling: OutputUpscaling {
                m0: Upsample2x::new(up.part(0), dim, dim / 4),
                m1: LayerNorm::new(up.part(1), dim / 4, 1e-6),
                m3: Upsample2x::new(up.part(3), dim / 4, dim / 8),
            },
            output_hypernetworks_mlps: (0..masks)
                .map(|i| {
                    let init = init.part("output_hypernetworks_mlps").part(i);
                    Mlp::new(init, dim, dim, dim / 8, 3)
                })
                .collect(),
            iou_prediction_head: Mlp::new(
                init.part("iou_prediction_head"),
                dim,
                decoder.iou_head_hidden,
                masks,
                decoder.iou_head_depth,
            ),
            hq: config.hq.then(|| HqHead::new(&init, dim, config.early_dim())),
        }
    }

    /// Decodes prompts: prompt i is for image `image_of[i]` of `features`.
    ///
    /// `dense_pe` is [`crate::PromptEncoder::dense_pe`].
    ///
    /// # Errors
    /// [`Error::NoHqHead`] if the mode needs the HQ head and there is none; [`Error::Input`] if
    /// `image_of` has not one image for each prompt, or one that is not there.
    pub fn forward(
        &self,
        features: &ImageFeatures,
        dense_pe: Tensor<2>,
        prompts: &PromptEmbeddings,
        image_of: &[usize],
        mode: DecodeMode,
        tf32: Tf32,
    ) -> Result<MaskOutput> {
        features.check(prompts.batch, image_of)?;
        let embedding = per_prompt(features.embedding.clone(), image_of);
        let decoded = self.transform(embedding, dense_pe, prompts, mode, tf32)?;
        self.heads(features, image_of, decoded, mode, tf32)
    }

    /// The part that depends on the number of the prompt's tokens. The embedding is that of each
    /// prompt's image, or one for all.
    pub(crate) fn transform(
        &self,
        embedding: Tensor<4>,
        dense_pe: Tensor<2>,
        prompts: &PromptEmbeddings,
        mode: DecodeMode,
        tf32: Tf32,
    ) -> Result<Decoded> {
        let [_, h, w, c] = embedding.dims();
        let b = prompts.batch;
        let mut own = vec![self.iou_token.weight.val(), self.mask_tokens.weight.val()];
        if mode.hq() {
            own.push(self.hq.as_ref().ok_or(Error::NoHqHead)?.hf_token.weight.val());
        }
        let own = Tensor::cat(own, 0);
        let count = own.dims()[0];
        let own = own.unsqueeze::<3>().expand([b, count, c]);
        let tokens = match &prompts.sparse {
            Some(sparse) => Tensor::cat(vec![own, sparse.clone()], 1),
            None => own,
        };
        let image = ops::add(embedding, prompts.dense.clone());
        let image = image.expand([b, h, w, c]).reshape([b, h * w, c]);
        let (tokens, image) = self.transformer.forward(image, dense_pe, tokens, tf32);
        Ok(Decoded { tokens: tokens.slice([0..b, 0..count, 0..c]), image })
    }

    /// The part that is the same for every prompt.
    pub(crate) fn heads(
        &self,
        features: &ImageFeatures,
        image_of: &[usize],
        decoded: Decoded,
        mode: DecodeMode,
        tf32: Tf32,
    ) -> Result<MaskOutput> {
        let [_, h, w, c] = features.embedding.dims();
        let b = decoded.image.dims()[0];
        let upscaled = self.output_upscaling.forward(decoded.image.reshape([b, h, w, c]), tf32);
        let token = |i: usize| decoded.tokens.clone().slice([0..b, i..i + 1, 0..c]).reshape([b, c]);
        let masks = self.output_hypernetworks_mlps.len();

        let hq = match (mode.hq(), &self.hq) {
            (false, _) => None,
            (true, None) => return Err(Error::NoHqHead),
            (true, Some(head)) => {
                let hyper = head.hf_mlp.forward(token(1 + masks), tf32);
                // The mask is a product with the sum of two features. One stays in blocks, since moving
                // the product is cheaper.
                let fine = upscaled.clone();
                let fine = head.embedding_maskfeature.product(fine, hyper.clone(), tf32);
                let coarse = match &features.hq {
                    Some(made) => made.clone(),
                    None => head.features(features, tf32),
                };
                let coarse = per_prompt(coarse, image_of);
                let coarse = product_of_blocks(hyper.unsqueeze_dim(1), coarse, tf32);
                Some(fine.unsqueeze_dim(1) + coarse)
            }
        };
        let (mut sam, mut iou) = (None, None);
        if let Some(multimask) = mode.sam() {
            let wanted = if multimask { 1..masks } else { 0..1 };
            let hyper: Vec<Tensor<2>> = wanted
                .clone()
                .map(|i| self.output_hypernetworks_mlps[i].forward(token(1 + i), tf32))
                .collect();
            sam = Some(product_of_blocks(Tensor::stack(hyper, 1), upscaled, tf32));
            iou = Some(self.iou_prediction_head.forward(token(0), tf32).slice([0..b, wanted]));
        }
        Ok(MaskOutput { sam, iou, hq })
    }
}

/// `[b, n, c]` weights times `[b, h, w, c]` features, or one such map for all: `[b, n, h, w]`.
fn product(weights: Tensor<3>, features: Tensor<4>, tf32: Tf32) -> Tensor<4> {
    let [images, h, w, c] = features.dims();
    let [b, n, _] = weights.dims();
    let features = features.reshape([images, h * w, c]).swap_dims(1, 2);
    ops::products::matmul(weights, features, tf32).reshape([b, n, h, w])
}

/// The same with features in blocks, `[b, h, w, 16 c]`: `[b, n, 4 h, 4 w]`.
fn product_of_blocks(weights: Tensor<3>, features: Tensor<4>, tf32: Tf32) -> Tensor<4> {
    let [images, h, w, _] = features.dims();
    let [b, n, c] = weights.dims();
    let features = features.reshape([images, h, w * 16, c]);
    let masks = product(weights, features, tf32).reshape([b * n, h, w, 16]);
    ops::unblock(masks).reshape([b, n, 4 * h, 4 * w])
}
