//! What a model is made of: the [`SamConfig`] and its presets; `check` says which can be.

mod check;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The official models by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelType {
    /// ViT-B: width 768, 12 blocks.
    VitB,
    /// ViT-L: width 1024, 24 blocks.
    VitL,
    /// ViT-H: width 1280, 32 blocks.
    VitH,
    /// TinyViT, of Light HQ-SAM and MobileSAM.
    VitTiny,
    /// Any other configuration.
    Custom,
}

impl FromStr for ModelType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "vit_b" => Ok(Self::VitB),
            "vit_l" => Ok(Self::VitL),
            "vit_h" | "default" => Ok(Self::VitH),
            "vit_tiny" | "vit_t" => Ok(Self::VitTiny),
            _ => Err(Error::UnknownModelType { name: name.to_owned() }),
        }
    }
}

impl std::fmt::Display for ModelType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::VitB => "vit_b",
            Self::VitL => "vit_l",
            Self::VitH => "vit_h",
            Self::VitTiny => "vit_tiny",
            Self::Custom => "custom",
        })
    }
}

/// A whole SAM: image encoder, prompt encoder, mask decoder, and the HQ head if it has one.
///
/// It travels as JSON in the metadata of the files this crate writes, so that they load without a
/// flag. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamConfig {
    /// Side of the square input image in pixels; a multiple of `patch_size`. Official: 1024.
    pub image_size: usize,
    /// Side in pixels of the square that one cell of the image embedding stands for. Official: 16.
    pub patch_size: usize,
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// Channels of the image embedding, the prompt embeddings and the mask decoder's tokens; a
    /// multiple of 8, and of twice the decoder's heads. Official: 256.
    pub prompt_dim: usize,
    /// The mask decoder.
    pub decoder: DecoderConfig,
    /// Whether the mask decoder has the HQ-SAM head.
    pub hq: bool,
}

/// Which image encoder, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EncoderConfig {
    /// The plain vision transformer with window attention of SAM.
    Vit(VitConfig),
    /// TinyViT (Light HQ-SAM, MobileSAM).
    TinyVit(TinyVitConfig),
}

/// TinyViT: convolutions at 1/4 of the resolution, then attention at 1/8, 1/16 and 1/16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TinyVitConfig {
    /// Channels of the four stages. Official: 64, 128, 160, 320.
    pub embed_dims: [usize; 4],
    /// Blocks of the four stages. Official: 2, 2, 6, 2.
    pub depths: [usize; 4],
    /// Attention heads of the last three. Official: 4, 5, 10.
    pub heads: [usize; 3],
    /// Sides of their windows in tokens. Official: 7, 14, 7.
    pub windows: [usize; 3],
    /// Outputs of the unused classifier that checkpoints carry. Official: 1000.
    pub classes: usize,
}

impl Default for TinyVitConfig {
    fn default() -> Self {
        Self {
            embed_dims: [64, 128, 160, 320],
            depths: [2, 2, 6, 2],
            heads: [4, 5, 10],
            windows: [7, 14, 7],
            classes: 1000,
        }
    }
}

/// The vision transformer of SAM (ViTDet, arXiv:2203.16527).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Channels of a token.
    pub embed_dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads; divides `embed_dim`.
    pub heads: usize,
    /// Hidden channels of each block's perceptron. Official: `4 * embed_dim`.
    pub mlp_dim: usize,
    /// Blocks that attend over the whole image, ascending; the others attend within windows. The
    /// output of the first one feeds the HQ head, so there is at least one.
    pub global_blocks: Vec<usize>,
    /// Side of a window in tokens. Official: 14.
    pub window_size: usize,
}

/// The mask decoder: a two-way transformer and the heads on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// Two-way attention blocks. Official: 2.
    pub depth: usize,
    /// Hidden channels of the perceptron in each block. Official: 2048.
    pub mlp_dim: usize,
    /// Attention heads; divides half of `prompt_dim`. Official: 8.
    pub heads: usize,
    /// Layers of the head that predicts each mask's IoU. Official: 3.
    pub iou_head_depth: usize,
    /// Hidden channels of that head. Official: 256.
    pub iou_head_hidden: usize,
    /// Masks for an ambiguous prompt, besides the single mask. Official: 3.
    pub multimask: usize,
    /// Hidden channels of the encoder of mask prompts; a multiple of 4. Official: 16.
    pub mask_prompt_dim: usize,
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self {
            depth: 2,
            mlp_dim: 2048,
            heads: 8,
            iou_head_depth: 3,
            iou_head_hidden: 256,
            multimask: 3,
            mask_prompt_dim: 16,
        }
    }
}

impl VitConfig {
    fn official(embed_dim: usize, depth: usize, heads: usize, global_blocks: [usize; 4]) -> Self {
        Self {
            embed_dim,
            depth,
            heads,
            mlp_dim: 4 * embed_dim,
            global_blocks: global_blocks.to_vec(),
            window_size: 14,
        }
    }
}

impl SamConfig {
    fn official(encoder: EncoderConfig) -> Self {
        Self {
            image_size: 1024,
            patch_size: 16,
            encoder,
            prompt_dim: 256,
            decoder: DecoderConfig::default(),
            hq: true,
        }
    }

    /// SAM ViT-B with an HQ head.
    pub fn vit_b() -> Self {
        Self::official(EncoderConfig::Vit(VitConfig::official(768, 12, 12, [2, 5, 8, 11])))
    }

    /// SAM ViT-L with an HQ head.
    pub fn vit_l() -> Self {
        Self::official(EncoderConfig::Vit(VitConfig::official(1024, 24, 16, [5, 11, 17, 23])))
    }

    /// SAM ViT-H with an HQ head.
    pub fn vit_h() -> Self {
        Self::official(EncoderConfig::Vit(VitConfig::official(1280, 32, 16, [7, 15, 23, 31])))
    }

    /// Light SAM (TinyViT) with an HQ head.
    pub fn vit_tiny() -> Self {
        Self::official(EncoderConfig::TinyVit(TinyVitConfig::default()))
    }

    /// A small model of the same make, for tests, demonstrations and training from nothing.
    ///
    /// Heads of 32 channels (16 where `embed_dim` is no multiple of 32), windows of 8 tokens, and a
    /// global block in the middle and at the end; the prompt and decoder channels are
    /// `embed_dim` rounded to a multiple of 64. All fields are public to change.
    pub fn small(image_size: usize, patch_size: usize, embed_dim: usize, depth: usize) -> Self {
        let prompt_dim = embed_dim.next_multiple_of(64);
        let head_dim = if embed_dim.is_multiple_of(32) { 32 } else { 16 };
        let last = depth.saturating_sub(1);
        let mut global_blocks = vec![last / 2, last];
        global_blocks.dedup();
        Self {
            image_size,
            patch_size,
            encoder: EncoderConfig::Vit(VitConfig {
                embed_dim,
                depth,
                heads: (embed_dim / head_dim).max(1),
                mlp_dim: 4 * embed_dim,
                global_blocks,
                window_size: 8,
            }),
            prompt_dim,
            decoder: DecoderConfig {
                mlp_dim: 4 * prompt_dim,
                heads: 4,
                iou_head_hidden: prompt_dim,
                ..DecoderConfig::default()
            },
            hq: true,
        }
    }

    /// The official model of this name, or an error for [`ModelType::Custom`].
    pub fn of(model: ModelType) -> Result<Self> {
        match model {
            ModelType::VitB => Ok(Self::vit_b()),
            ModelType::VitL => Ok(Self::vit_l()),
            ModelType::VitH => Ok(Self::vit_h()),
            ModelType::VitTiny => Ok(Self::vit_tiny()),
            ModelType::Custom => Err(Error::UnknownModelType { name: model.to_string() }),
        }
    }

    /// The official name of this configuration, whatever its image size and HQ head.
    pub fn model_type(&self) -> ModelType {
        for (name, config) in [
            (ModelType::VitB, Self::vit_b()),
            (ModelType::VitL, Self::vit_l()),
            (ModelType::VitH, Self::vit_h()),
            (ModelType::VitTiny, Self::vit_tiny()),
        ] {
            if self.encoder == config.encoder
                && self.patch_size == config.patch_size
                && self.prompt_dim == config.prompt_dim
                && self.decoder == config.decoder
            {
                return name;
            }
        }
        ModelType::Custom
    }

    /// The same model for another input size.
    pub fn with_image_size(mut self, image_size: usize) -> Self {
        self.image_size = image_size;
        self
    }

    /// The same model with or without the HQ head.
    pub fn with_hq(mut self, hq: bool) -> Self {
        self.hq = hq;
        self
    }

    /// Cells along one side of the image embedding.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Pixels along one side of the mask logits, and of mask prompts: 4 per cell.
    pub fn mask_size(&self) -> usize {
        4 * self.grid()
    }

    /// Channels of the early feature that the HQ head takes.
    pub fn early_dim(&self) -> usize {
        match &self.encoder {
            EncoderConfig::Vit(vit) => vit.embed_dim,
            EncoderConfig::TinyVit(tiny) => tiny.embed_dims[2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_know_their_names() {
        for (name, config) in [
            ("vit_b", SamConfig::vit_b()),
            ("vit_l", SamConfig::vit_l()),
            ("vit_h", SamConfig::vit_h().with_image_size(512)),
            ("vit_tiny", SamConfig::vit_tiny()),
        ] {
            config.validate().unwrap();
            assert_eq!(config.model_type().to_string(), name);
            assert_eq!(name.parse::<ModelType>().unwrap(), config.model_type());
        }
        let small = SamConfig::small(256, 16, 128, 6);
        small.validate().unwrap();
        assert_eq!(small.model_type(), ModelType::Custom);
    }

    #[test]
    fn json_round_trips_and_refuses_unknown_fields() {
        let config = SamConfig::small(128, 8, 64, 4);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SamConfig>(&json).unwrap(), config);
        let odd = json.replacen("\"embed_dim\"", "\"embed_dims\"", 1);
        assert!(serde_json::from_str::<SamConfig>(&odd).is_err());
        let odd = json.replacen("\"hq\"", "\"hd\"", 1);
        assert!(serde_json::from_str::<SamConfig>(&odd).is_err());
    }
}
