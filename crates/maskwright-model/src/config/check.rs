//! Which configurations can be: every field against its limits and against the others.

use super::{EncoderConfig, SamConfig};
use crate::error::{Error, Result};

impl SamConfig {
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
