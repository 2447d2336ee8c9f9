//! Telling a model's configuration from its tensors.

use std::collections::BTreeMap;

use super::tensors::Tensors;
use super::{CONFIG_KEY, Content, content};
use crate::config::{DecoderConfig, EncoderConfig, SamConfig, TinyVitConfig, VitConfig};
use crate::error::{Error, Result};

/// The configuration of a complete SAM or HQ-SAM checkpoint.
///
/// The metadata that [`super::save`] writes wins. Otherwise it is told from the shapes: the grid from
/// the absolute positions, heads and windows from the relative position tables (a global block's
/// covers the grid, a windowed one's the window), the rest from the weights. Not in the shapes are
/// the mask decoder's heads, taken as 8, and, where the window is as large as the grid, which blocks
/// are global, which then are all. Where a tensor that would tell is missing, another that tells the
/// same is looked at, and then the official size is taken: the tensor is missed by name, with all
/// others, when the checkpoint is held against the model.
///
/// # Errors
/// [`Error::Detect`] if it has no image encoder or one with odd tensors.
pub fn detect(tensors: &impl Tensors) -> Result<SamConfig> {
    let named = |reason: String| Error::Detect { file: tensors.path().map(Into::into), reason };
    let shapes = Shapes(tensors.shapes());
    if content(&shapes.0) == Content::Decoder {
        return Err(named(format!(
            "expected a whole SAM, found a mask decoder alone ({} tensors): it goes over a SAM, with \
             --restore-model FILE beside --checkpoint, or by `maskwright convert --merge`",
            shapes.0.len()
        )));
    }
    if let Some(json) = tensors.metadata().get(CONFIG_KEY) {
        let config: SamConfig =
            serde_json::from_str(json).map_err(|e| named(format!("metadata {CONFIG_KEY}: {e}")))?;
        config.validate().map_err(|e| named(e.to_string()))?;
        return Ok(config);
    }
    let config = told(&shapes).map_err(named)?;
    config.validate().map_err(|e| named(e.to_string()))?;
    Ok(config)
}

/// What a mask decoder, named with `mask_decoder.`, tells of its model: the decoder, and of the encoder
/// the width alone.
pub(super) fn detect_decoder(tensors: &impl Tensors) -> SamConfig {
    let shapes = Shapes(tensors.shapes());
    let width = shapes.axis("mask_decoder.compress_vit_feat.0.weight", 0).unwrap_or(768);
    let vit = VitConfig {
        embed_dim: width,
        depth: 1,
        heads: 1,
        mlp_dim: 1,
        global_blocks: vec![0],
        window_size: 1,
    };
    rest(&shapes, 16, 16, EncoderConfig::Vit(vit))
}

fn told(shapes: &Shapes) -> Told<SamConfig> {
    let (image_size, patch_size, encoder) =
        if shapes.has("image_encoder.patch_embed.seq.0.c.weight") {
            // Nothing in a TinyViT depends on the input's size: the official one is taken.
            (1024, 16, EncoderConfig::TinyVit(tiny_vit(shapes)?))
        } else {
            vit(shapes)?
        };
    Ok(rest(shapes, image_size, patch_size, encoder))
}

/// Everything but the encoder.
fn rest(
    shapes: &Shapes,
    image_size: usize,
    patch_size: usize,
    encoder: EncoderConfig,
) -> SamConfig {
    let official = DecoderConfig::default();
    let axis = |name: &str, axis: usize| shapes.axis(name, axis);
    let count = |prefix: &str, official: usize| match shapes.count(prefix) {
        0 => official,
        count => count,
    };
    SamConfig {
        image_size,
        patch_size,
        encoder,
        prompt_dim: axis("prompt_encoder.no_mask_embed.weight", 1)
            .or_else(|| axis("mask_decoder.iou_token.weight", 1))
            .or_else(|| axis("image_encoder.neck.0.weight", 0))
            .unwrap_or(256),
        decoder: DecoderConfig {
            depth: count("mask_decoder.transformer.layers.", official.depth),
            mlp_dim: axis("mask_decoder.transformer.layers.0.mlp.lin1.weight", 0)
                .or_else(|| axis("mask_decoder.transformer.layers.0.mlp.lin1.bias", 0))
                .unwrap_or(official.mlp_dim),
            heads: official.heads,
            iou_head_depth: count(
                "mask_decoder.iou_prediction_head.layers.",
                official.iou_head_depth,
            ),
            iou_head_hidden: axis("mask_decoder.iou_prediction_head.layers.0.weight", 0)
                .or_else(|| axis("mask_decoder.iou_prediction_head.layers.0.bias", 0))
                .unwrap_or(official.iou_head_hidden),
            multimask: axis("mask_decoder.mask_tokens.weight", 0)
                .map_or(official.multimask, |masks| masks.saturating_sub(1)),
            mask_prompt_dim: axis("prompt_encoder.mask_downscaling.3.weight", 0)
                .or_else(|| axis("prompt_encoder.mask_downscaling.6.weight", 1))
                .unwrap_or(official.mask_prompt_dim),
        },
        hq: shapes.0.keys().any(|name| super::names::in_hq_head(name)),
    }
}

/// Image size, patch size and encoder.
fn vit(shapes: &Shapes) -> Told<(usize, usize, EncoderConfig)> {
    const POSITIONS: &str = "image_encoder.pos_embed";
    let depth = shapes.count("image_encoder.blocks.");
    if depth == 0 {
        return Err("it has no image encoder of a SAM (image_encoder.blocks.0...)".to_owned());
    }
    // The length and width of each block's relative position table.
    let tables: Vec<Option<(usize, usize)>> = (0..depth)
        .map(|block| {
            ["rel_pos_h", "rel_pos_w"].iter().find_map(|side| {
                let name = format!("image_encoder.blocks.{block}.attn.{side}");
                Some((shapes.axis(&name, 0)?, shapes.axis(&name, 1)?))
            })
        })
        .collect();
    let longest = tables.iter().flatten().map(|&(length, _)| length).max();
    let grid = match shapes.0.get(POSITIONS).map(Vec::as_slice) {
        Some(&[_, h, w, _]) if h == w => h,
        Some(_) => return Err(format!("{POSITIONS} is not a square of vectors")),
        None => longest.map_or(64, |length| length.div_ceil(2)),
    };
    let embed_dim = shapes
        .axis(POSITIONS, 3)
        .or_else(|| shapes.axis("image_encoder.patch_embed.proj.weight", 0))
        .or_else(|| shapes.axis("image_encoder.blocks.0.norm1.weight", 0))
        .ok_or_else(|| odd(POSITIONS, "is missing"))?;
    let patch_size = shapes.axis("image_encoder.patch_embed.proj.weight", 2).unwrap_or(16);
    let heads = match tables.iter().flatten().next() {
        Some(&(_, head_dim)) if head_dim > 0 && embed_dim.is_multiple_of(head_dim) => {
            embed_dim / head_dim
        }
        Some(_) => {
            let name = "image_encoder.blocks.0.attn.rel_pos_h";
            return Err(odd(name, "has a width that does not divide the block's"));
        }
        None => return Err(odd("image_encoder.blocks.0.attn.rel_pos_h", "is missing")),
    };
    // Positions of another grid than the tables': then the longest tables are the global ones.
    let whole = (2 * grid).saturating_sub(1);
    let lengths = || tables.iter().flatten().map(|&(length, _)| length);
    let global = if lengths().any(|length| length == whole) || lengths().min() == longest {
        whole
    } else {
        longest.unwrap_or(whole)
    };
    let global_blocks = (0..depth)
        .filter(|&block| tables[block].is_some_and(|(length, _)| length == global))
        .collect();
    let window =
        lengths().filter(|&length| length != global).map(|length| length.div_ceil(2)).max();
    let mlp_dim = (0..depth)
        .find_map(|block| shapes.axis(&format!("image_encoder.blocks.{block}.mlp.lin1.weight"), 0))
        .unwrap_or(4 * embed_dim);
    let vit = VitConfig {
        embed_dim,
        depth,
        heads,
        mlp_dim,
        global_blocks,
        window_size: window.unwrap_or(grid),
    };
    let image_size =
        grid.checked_mul(patch_size).ok_or_else(|| odd(POSITIONS, "is larger than any image"))?;
    Ok((image_size, patch_size, EncoderConfig::Vit(vit)))
}

fn tiny_vit(shapes: &Shapes) -> Told<TinyVitConfig> {
    let mut config = TinyVitConfig::default();
    let axis =
        |name: &str, axis: usize, official: usize| shapes.axis(name, axis).unwrap_or(official);
    config.embed_dims[0] =
        axis("image_encoder.patch_embed.seq.2.c.weight", 0, config.embed_dims[0]);
    for stage in 0..4 {
        let layer = format!("image_encoder.layers.{stage}");
        match shapes.count(&format!("{layer}.blocks.")) {
            0 => {}
            depth => config.depths[stage] = depth,
        }
        if stage < 3 {
            let name = format!("{layer}.downsample.conv1.c.weight");
            config.embed_dims[stage + 1] = axis(&name, 0, config.embed_dims[stage + 1]);
        }
        if stage > 0 {
            let name = format!("{layer}.blocks.0.attn.attention_biases");
            let distances = axis(&name, 1, config.windows[stage - 1].pow(2));
            let side = distances.isqrt();
            if side * side != distances {
                return Err(odd(&name, "is for no square window"));
            }
            config.heads[stage - 1] = axis(&name, 0, config.heads[stage - 1]);
            config.windows[stage - 1] = side;
        }
    }
    config.classes = axis("image_encoder.head.weight", 0, config.classes);
    Ok(config)
}

/// What was told, or what is odd.
type Told<T> = std::result::Result<T, String>;

fn odd(name: &str, what: &str) -> String {
    format!("{name} {what}")
}

struct Shapes(BTreeMap<String, Vec<usize>>);

impl Shapes {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn axis(&self, name: &str, axis: usize) -> Option<usize> {
        self.0.get(name)?.get(axis).copied()
    }

    /// How many indices follow this prefix: one more than the highest, if the tensors can be so many.
    fn count(&self, prefix: &str) -> usize {
        let indices = self
            .0
            .range(prefix.to_owned()..)
            .map_while(|(name, _)| name.strip_prefix(prefix))
            .filter_map(|rest| rest.split('.').next()?.parse::<usize>().ok());
        indices.filter(|&index| index < self.0.len()).max().map_or(0, |last| last + 1)
    }
}
