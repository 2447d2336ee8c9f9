//! Which configurations can be: every field against its limits and against the others.

use super::sam_config::SamConfig;
use crate::error::{Error, Result};
use crate::image_encoder::{MAX_COUNT, MAX_SIZE, require};

impl SamConfig {
    /// Refuses sizes of which no model is made: a damaged file's would take all memory.
    fn require_possible(&self) -> Result<()> {
        let decoder = &self.decoder;
        let mut limits = vec![
            ("image_size", self.image_size, MAX_SIZE),
            ("prompt_dim", self.prompt_dim, MAX_SIZE),
            ("decoder.depth", decoder.depth, MAX_COUNT),
            ("decoder.mlp_dim", decoder.mlp_dim, MAX_SIZE),
            ("decoder.iou_head_depth", decoder.iou_head_depth, MAX_COUNT),
            ("decoder.iou_head_hidden", decoder.iou_head_hidden, MAX_SIZE),
            ("decoder.multimask", decoder.multimask, MAX_COUNT),
            ("decoder.mask_prompt_dim", decoder.mask_prompt_dim, MAX_SIZE),
        ];
        limits.extend(self.encoder.limits());
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
        self.require_possible()?;
        require(self.patch_size > 0, "patch_size", self.patch_size, "must be positive")?;
        require(
            self.image_size > 0 && self.image_size.is_multiple_of(self.input_step()),
            "image_size",
            self.image_size,
            format!("must be a positive multiple of patch_size ({})", self.input_step()),
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
        self.encoder.check(&self.frame())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_encoder::EncoderConfig;

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
