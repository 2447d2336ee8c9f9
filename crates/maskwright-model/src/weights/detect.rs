//! Telling a model's configuration from its tensors.

use super::content::{Content, content};
use super::foreign;
use super::keys::{ADAPTER_KEY, CONFIG_KEY};
use super::names::in_hq_head;
use super::tensor_shapes::{TensorShapes, Told};
use super::tensors::Tensors;
use crate::config::{DecoderConfig, SamConfig};
use crate::error::{Error, Result};
use crate::image_encoder::{EncoderConfig, VitConfig};

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
    let shapes = TensorShapes(tensors.shapes());
    if content(&shapes.0) == Content::Decoder {
        return Err(named(format!(
            "expected a whole SAM, found a mask decoder alone ({} tensors), which goes over a SAM: as \
             model.restore_model beside model.checkpoint, or merged with it into one checkpoint",
            shapes.0.len()
        )));
    }
    if tensors.metadata().contains_key(ADAPTER_KEY) {
        return Err(named(format!(
            "expected a whole SAM, found a low-rank adapter ({} tensors), which goes over its base: as \
             model.restore_model beside model.checkpoint, or merged with it into one checkpoint",
            shapes.0.len()
        )));
    }
    if let Some(json) = tensors.metadata().get(CONFIG_KEY) {
        let config: SamConfig =
            serde_json::from_str(json).map_err(|e| named(format!("metadata {CONFIG_KEY}: {e}")))?;
        config.validate().map_err(|e| named(e.to_string()))?;
        return Ok(config);
    }
    let config = told(&shapes).map_err(|reason| {
        // What is another model is said by its name, not by what it lacks.
        match foreign::model(&shapes) {
            Some(_) => named(format!("expected a SAM, found {}", foreign::described(&shapes))),
            None => named(reason),
        }
    })?;
    config.validate().map_err(|e| named(e.to_string()))?;
    Ok(config)
}

/// What a mask decoder, named with `mask_decoder.`, tells of its model: the decoder, and of the encoder
/// the width alone.
pub(super) fn detect_decoder(tensors: &impl Tensors) -> SamConfig {
    let shapes = TensorShapes(tensors.shapes());
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

fn told(shapes: &TensorShapes) -> Told<SamConfig> {
    let (image_size, patch_size, encoder) = EncoderConfig::detect(shapes).ok_or_else(|| {
        let found = foreign::described(shapes);
        format!("expected the image encoder of a SAM (image_encoder.blocks.0...), found {found}")
    })??;
    Ok(rest(shapes, image_size, patch_size, encoder))
}

/// Everything but the encoder.
fn rest(
    shapes: &TensorShapes,
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
        hq: shapes.0.keys().any(|name| in_hq_head(name)),
    }
}
