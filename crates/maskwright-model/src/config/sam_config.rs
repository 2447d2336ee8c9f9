//! The sizes of a whole model, and its presets.

use serde::{Deserialize, Serialize};

use crate::image_encoder::{EncoderConfig, Frame, TinyVitConfig, VitConfig};

/// A whole SAM: image encoder, prompt encoder, mask decoder, and the HQ head if it has one.
///
/// It is stored as JSON in the metadata of the files that this crate writes, so that they can be loaded
/// without further settings. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamConfig {
    /// The side of the square input image in pixels, a multiple of `patch_size`. Official: 1024.
    pub image_size: usize,
    /// The side of a patch in pixels: each cell of the image embedding stands for one patch. Official:
    /// 16.
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

impl SamConfig {
    /// Of the official sizes.
    pub(super) fn official(encoder: EncoderConfig) -> Self {
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
        Self::official(EncoderConfig::Vit(VitConfig::base()))
    }

    /// SAM ViT-L with an HQ head.
    pub fn vit_l() -> Self {
        Self::official(EncoderConfig::Vit(VitConfig::large()))
    }

    /// SAM ViT-H with an HQ head.
    pub fn vit_h() -> Self {
        Self::official(EncoderConfig::Vit(VitConfig::huge()))
    }

    /// Light SAM (TinyViT) with an HQ head.
    pub fn vit_tiny() -> Self {
        Self::official(EncoderConfig::TinyVit(TinyVitConfig::default()))
    }

    /// Returns a small model of the same structure, for tests, demonstrations and training from scratch.
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

    /// Returns the same model for another input size.
    pub fn with_image_size(mut self, image_size: usize) -> Self {
        self.image_size = image_size;
        self
    }

    /// Returns the same model with or without the HQ head.
    pub fn with_hq(mut self, hq: bool) -> Self {
        self.hq = hq;
        self
    }

    /// Returns the number of cells along one side of the image embedding.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Returns the number of pixels along one side of mask logits and mask prompts: 4 per cell.
    pub fn mask_size(&self) -> usize {
        4 * self.grid()
    }

    /// The sizes that the image encoder shares with the rest.
    pub fn frame(&self) -> Frame {
        Frame {
            image_size: self.image_size,
            patch_size: self.patch_size,
            embedding_dim: self.prompt_dim,
        }
    }

    /// Returns the number that `image_size` must be a multiple of.
    pub fn input_step(&self) -> usize {
        self.encoder.input_step(&self.frame())
    }

    /// Returns the number of channels of the early feature that the HQ head takes.
    pub fn early_dim(&self) -> usize {
        let levels = self.encoder.levels(&self.frame());
        levels.iter().find(|level| level.name == "early").map_or(0, |level| level.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelType;

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
        assert!(small.model_type().is_custom());
        assert!(SamConfig::of(ModelType::CUSTOM).is_err());
        let names: Vec<String> = ModelType::official().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["vit_b", "vit_l", "vit_h", "vit_tiny"]);
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
