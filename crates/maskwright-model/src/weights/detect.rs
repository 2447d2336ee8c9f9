//! Telling a model's configuration from its tensors.

use super::{CONFIG_KEY, StateDict};
use crate::config::{DecoderConfig, EncoderConfig, SamConfig, TinyVitConfig, VitConfig};
use crate::error::{Error, Result};

/// The configuration of a complete SAM or HQ-SAM checkpoint.
///
/// The metadata that [`super::save`] writes wins. Otherwise it is told from the shapes: the grid from
/// the absolute positions, heads and windows from the relative position tables (a global block's
/// covers the grid, a windowed one's the window), the rest from the weights. Not in the shapes are
/// the mask decoder's heads, taken as 8, and, where the window is as large as the grid, which blocks
/// are global, which then are all.
///
/// # Errors
/// [`Error::Detect`] naming the tensor that is missing or odd.
pub fn detect(state: &StateDict) -> Result<SamConfig> {
    if let Some(json) = state.metadata.get(CONFIG_KEY) {
        let config: SamConfig = serde_json::from_str(json)
            .map_err(|e| Error::Detect { reason: format!("metadata {CONFIG_KEY}: {e}") })?;
        config.validate()?;
        return Ok(config);
    }
    let shapes = Shapes(state);
    let (image_size, patch_size, encoder) =
        if state.tensors.contains_key("image_encoder.patch_embed.seq.0.c.weight") {
            // Nothing in a TinyViT depends on the input's size: the official one is taken.
            (1024, 16, EncoderConfig::TinyVit(tiny_vit(&shapes)?))
        } else {
            vit(&shapes)?
        };
    let [_, prompt_dim] = shapes.get("prompt_encoder.no_mask_embed.weight")?;
    let [mask_prompt_dim, ..] = shapes.get::<4>("prompt_encoder.mask_downscaling.3.weight")?;
    let [masks, _] = shapes.get("mask_decoder.mask_tokens.weight")?;
    let [decoder_mlp, _] = shapes.get("mask_decoder.transformer.layers.0.mlp.lin1.weight")?;
    let [iou_hidden, _] = shapes.get("mask_decoder.iou_prediction_head.layers.0.weight")?;
    let config = SamConfig {
        image_size,
        patch_size,
        encoder,
        prompt_dim,
        decoder: DecoderConfig {
            depth: shapes.count("mask_decoder.transformer.layers."),
            mlp_dim: decoder_mlp,
            heads: 8,
            iou_head_depth: shapes.count("mask_decoder.iou_prediction_head.layers."),
            iou_head_hidden: iou_hidden,
            multimask: masks.saturating_sub(1),
            mask_prompt_dim,
        },
        hq: state.tensors.contains_key("mask_decoder.hf_token.weight"),
    };
    config.validate()?;
    Ok(config)
}

/// Image size, patch size and encoder.
fn vit(shapes: &Shapes<'_>) -> Result<(usize, usize, EncoderConfig)> {
    let [_, grid, grid_w, embed_dim] = shapes.get("image_encoder.pos_embed")?;
    if grid != grid_w {
        return Err(odd("image_encoder.pos_embed", "is not square"));
    }
    let [_, _, patch_size, _] = shapes.get("image_encoder.patch_embed.proj.weight")?;
    let depth = shapes.count("image_encoder.blocks.");
    let mut heads = 0;
    let mut mlp_dim = 0;
    let mut global_blocks = Vec::new();
    let mut window_size = None;
    for block in 0..depth {
        let name = format!("image_encoder.blocks.{block}.attn.rel_pos_h");
        let [length, head_dim] = shapes.get(&name)?;
        if head_dim == 0 || !embed_dim.is_multiple_of(head_dim) {
            return Err(odd(&name, "has a width that does not divide the block's"));
        }
        heads = embed_dim / head_dim;
        if length == 2 * grid - 1 {
            global_blocks.push(block);
        } else {
            window_size = Some(length.div_ceil(2));
        }
        [mlp_dim, _] = shapes.get(&format!("image_encoder.blocks.{block}.mlp.lin1.weight"))?;
    }
    let vit = VitConfig {
        embed_dim,
        depth,
        heads,
        mlp_dim,
        global_blocks,
        window_size: window_size.unwrap_or(grid),
    };
    Ok((grid * patch_size, patch_size, EncoderConfig::Vit(vit)))
}

fn tiny_vit(shapes: &Shapes<'_>) -> Result<TinyVitConfig> {
    let mut config = TinyVitConfig::default();
    let [first, ..] = shapes.get::<4>("image_encoder.patch_embed.seq.2.c.weight")?;
    config.embed_dims[0] = first;
    for stage in 0..4 {
        let layer = format!("image_encoder.layers.{stage}");
        config.depths[stage] = shapes.count(&format!("{layer}.blocks."));
        if stage < 3 {
            let name = format!("{layer}.downsample.conv1.c.weight");
            [config.embed_dims[stage + 1], ..] = shapes.get::<4>(&name)?;
        }
        if stage > 0 {
            let name = format!("{layer}.blocks.0.attn.attention_biases");
            let [heads, distances] = shapes.get(&name)?;
            let side = distances.isqrt();
            if side * side != distances {
                return Err(odd(&name, "is for no square window"));
            }
            config.heads[stage - 1] = heads;
            config.windows[stage - 1] = side;
        }
    }
    [config.classes, _] = shapes.get("image_encoder.head.weight")?;
    Ok(config)
}

fn odd(name: &str, what: &str) -> Error {
    Error::Detect { reason: format!("{name} {what}") }
}

struct Shapes<'a>(&'a StateDict);

impl Shapes<'_> {
    fn get<const N: usize>(&self, name: &str) -> Result<[usize; N]> {
        let tensor = self.0.tensors.get(name).ok_or_else(|| odd(name, "is missing"))?;
        tensor.shape.as_slice().try_into().map_err(|_| odd(name, "has another number of axes"))
    }

    /// How many indices follow this prefix: one more than the highest.
    fn count(&self, prefix: &str) -> usize {
        self.0
            .tensors
            .range(prefix.to_owned()..)
            .map_while(|(name, _)| name.strip_prefix(prefix))
            .filter_map(|rest| rest.split('.').next()?.parse::<usize>().ok())
            .max()
            .map_or(0, |last| last + 1)
    }
}
