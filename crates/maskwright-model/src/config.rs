//! What a model is made of: the [`SamConfig`], its presets and its checks.

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

    /// Channels of the intermediate feature that the HQ head takes.
    pub fn interm_dim(&self) -> usize {
        match &self.encoder {
            EncoderConfig::Vit(vit) => vit.embed_dim,
            EncoderConfig::TinyVit(tiny) => tiny.embed_dims[2],
        }
    }

    /// Refuses sizes of which no model is made: a damaged file's would take all memory.
    fn require_possible(&self) -> Result<()> {
        const SIZE: usize = 1 << 16;
        const COUNT: usize = 1 << 10;
        const WINDOW: usize = 1 << 6;
        let decoder = &self.decoder;
        let mut limits = vec![
            ("image_size", self.image_size, SIZE),
            ("prompt_dim", self.prompt_dim, SIZE),
            ("decoder.depth", decoder.depth, COUNT),
            ("decoder.mlp_dim", decoder.mlp_dim, SIZE),
            ("decoder.iou_head_depth", decoder.iou_head_depth, COUNT),
            ("decoder.iou_head_hidden", decoder.iou_head_hidden, SIZE),
            ("decoder.multimask", decoder.multimask, COUNT),
            ("decoder.mask_prompt_dim", decoder.mask_prompt_dim, SIZE),
        ];
        match &self.encoder {
            EncoderConfig::Vit(vit) => limits.extend([
                ("encoder.embed_dim", vit.embed_dim, SIZE),
                ("encoder.depth", vit.depth, COUNT),
                ("encoder.mlp_dim", vit.mlp_dim, SIZE),
                ("encoder.window_size", vit.window_size, SIZE),
            ]),
            EncoderConfig::TinyVit(tiny) => {
                limits.push(("encoder.classes", tiny.classes, SIZE));
                limits.extend(tiny.embed_dims.map(|dim| ("encoder.embed_dims", dim, SIZE)));
                limits.extend(tiny.depths.map(|depth| ("encoder.depths", depth, COUNT)));
                limits.extend(tiny.windows.map(|side| ("encoder.windows", side, WINDOW)));
            }
        }
        match limits.into_iter().find(|&(_, value, limit)| value > limit) {
            Some((field, value, limit)) => Err(Error::Config {
                field,
                value: value.to_string(),
                reason: format!("must be at most {limit}"),
            }),
            None => Ok(()),
        }
    }

    /// Checks every field against the others.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot be.
    pub fn validate(&self) -> Result<()> {
        fn require(
            good: bool,
            field: &'static str,
            value: impl std::fmt::Debug,
            reason: impl Into<String>,
        ) -> Result<()> {
            if good {
                return Ok(());
            }
            Err(Error::Config { field, value: format!("{value:?}"), reason: reason.into() })
        }
        self.require_possible()?;
        require(self.patch_size > 0, "patch_size", self.patch_size, "must be positive")?;
        require(
            self.image_size > 0 && self.image_size.is_multiple_of(self.patch_size),
            "image_size",
            self.image_size,
            format!("must be a positive multiple of patch_size ({})", self.patch_size),
        )?;
        let decoder = &self.decoder;
        require(
            self.prompt_dim > 0 && self.prompt_dim.is_multiple_of(8),
            "prompt_dim",
            self.prompt_dim,
            "must be a positive multiple of 8",
        )?;
        require(
            decoder.heads > 0 && (self.prompt_dim / 2).is_multiple_of(decoder.heads),
            "decoder.heads",
            decoder.heads,
            format!("must divide half of prompt_dim ({})", self.prompt_dim),
        )?;
        require(decoder.depth > 0, "decoder.depth", decoder.depth, "must be positive")?;
        require(decoder.mlp_dim > 0, "decoder.mlp_dim", decoder.mlp_dim, "must be positive")?;
        require(
            decoder.iou_head_depth > 0,
            "decoder.iou_head_depth",
            decoder.iou_head_depth,
            "must be positive",
        )?;
        require(
            decoder.iou_head_hidden > 0,
            "decoder.iou_head_hidden",
            decoder.iou_head_hidden,
            "must be positive",
        )?;
        require(decoder.multimask > 0, "decoder.multimask", decoder.multimask, "must be positive")?;
        require(
            decoder.mask_prompt_dim > 0 && decoder.mask_prompt_dim.is_multiple_of(4),
            "decoder.mask_prompt_dim",
            decoder.mask_prompt_dim,
            "must be a positive multiple of 4",
        )?;
        match &self.encoder {
            EncoderConfig::Vit(vit) => {
                require(vit.depth > 0, "encoder.depth", vit.depth, "must be positive")?;
                require(vit.mlp_dim > 0, "encoder.mlp_dim", vit.mlp_dim, "must be positive")?;
                require(
                    vit.heads > 0 && vit.embed_dim > 0 && vit.embed_dim.is_multiple_of(vit.heads),
                    "encoder.heads",
                    vit.heads,
                    format!("must divide embed_dim ({})", vit.embed_dim),
                )?;
                require(
                    vit.window_size > 0,
                    "encoder.window_size",
                    vit.window_size,
                    "must be positive",
                )?;
                require(
                    !vit.global_blocks.is_empty()
                        && vit.global_blocks.is_sorted_by(|a, b| a < b)
                        && vit.global_blocks.iter().all(|&block| block < vit.depth),
                    "encoder.global_blocks",
                    &vit.global_blocks,
                    format!("must be ascending, below depth ({}), and at least one", vit.depth),
                )?;
            }
            EncoderConfig::TinyVit(tiny) => {
                require(
                    self.patch_size == 16,
                    "patch_size",
                    self.patch_size,
                    "must be 16 for TinyViT",
                )?;
                require(
                    tiny.embed_dims.iter().all(|&dim| dim > 0) && tiny.embed_dims[0] >= 2,
                    "encoder.embed_dims",
                    tiny.embed_dims,
                    "must be positive, the first at least 2",
                )?;
                require(
                    tiny.heads
                        .iter()
                        .zip(&tiny.embed_dims[1..])
                        .all(|(&heads, dim)| heads > 0 && dim.is_multiple_of(heads)),
                    "encoder.heads",
                    tiny.heads,
                    format!("must divide the last three of embed_dims ({:?})", tiny.embed_dims),
                )?;
                require(
                    tiny.windows.iter().all(|&side| side > 0) && tiny.classes > 0,
                    "encoder.windows",
                    tiny.windows,
                    "must be positive, and classes too",
                )?;
            }
        }
        Ok(())
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

    #[test]
    fn impossible_configurations_are_named() {
        let field = |change: fn(&mut SamConfig)| {
            let mut config = SamConfig::small(64, 16, 64, 2);
            change(&mut config);
            match config.validate().unwrap_err() {
                Error::Config { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(field(|c| c.image_size = 100), "image_size");
        assert_eq!(field(|c| c.patch_size = 0), "patch_size");
        assert_eq!(field(|c| c.prompt_dim = 12), "prompt_dim");
        assert_eq!(field(|c| c.decoder.heads = 5), "decoder.heads");
        assert_eq!(
            field(|c| {
                if let EncoderConfig::Vit(vit) = &mut c.encoder {
                    vit.global_blocks = vec![2];
                }
            }),
            "encoder.global_blocks"
        );
    }
}
