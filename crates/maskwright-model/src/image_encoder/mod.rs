//! Image encoders: pixels to [`ImageFeatures`], the image embedding and an early feature for the HQ
//! head.

mod attention;
mod features;
mod placed;
mod tiny_attention;
mod tiny_vit;
mod vit;

use burn::module::Module;
use burn::tensor::Tensor;

pub use attention::Attention;
pub use features::ImageFeatures;
pub(crate) use features::per_prompt;
pub use placed::{PlacedEncoder, Precision};
pub use tiny_attention::WindowAttention;
pub use tiny_vit::{
    BatchNorm, ConvNorm, MbConv, Merging, PatchStem, Stage, StageBlock, Stem, TinyBlock, TinyMlp,
    TinyVit,
};
pub use vit::{Block, Neck, PatchEmbed, Vit};

use crate::config::{EncoderConfig, SamConfig};
use crate::init::Init;
use crate::ops::Tf32;

/// The image encoder of a [`crate::Sam`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // There is one per model.
pub enum ImageEncoder {
    /// SAM's vision transformer.
    Vit(Vit),
    /// TinyViT, of Light HQ-SAM.
    TinyVit(TinyVit),
}

impl ImageEncoder {
    pub(crate) fn new(init: Init<'_>, config: &SamConfig) -> Self {
        match &config.encoder {
            EncoderConfig::Vit(vit) => Self::Vit(Vit::new(init, config, vit)),
            EncoderConfig::TinyVit(tiny) => Self::TinyVit(TinyVit::new(init, config, tiny)),
        }
    }

    /// Encodes normalised images.
    ///
    /// # Shapes
    /// `[b, 3, s, s]` to the embedding `[b, g, g, prompt_dim]` and the early feature
    /// `[b, g, g, early_dim]`, with `g` cells along a side.
    pub fn forward(&self, images: Tensor<4>, tf32: Tf32) -> ImageFeatures {
        match self {
            Self::Vit(vit) => vit.forward(images, tf32),
            Self::TinyVit(tiny) => tiny.forward(images, tf32),
        }
    }
}
