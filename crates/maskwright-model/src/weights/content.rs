//! What a checkpoint holds: a whole model or a mask decoder.

use std::collections::BTreeMap;

use super::checkpoint::Checkpoint;
use super::tensors::Tensors;

/// What comes before every name of a mask decoder in a whole model.
pub(super) const DECODER: &str = "mask_decoder.";

/// What the tensors of a checkpoint are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A model with its image encoder.
    Whole,
    /// A mask decoder or its HQ head alone, named with or without `mask_decoder.`: HQ-SAM's
    /// `epoch_N.pth` and `*_maskdecoder.pth`.
    Decoder,
}

/// What the tensors of these names are.
pub fn content(shapes: &BTreeMap<String, Vec<usize>>) -> Content {
    let encoder = shapes.keys().any(|name| name.starts_with("image_encoder."));
    let decoder = ["hf_token.weight", "mask_tokens.weight", "iou_token.weight"]
        .iter()
        .any(|name| shapes.contains_key(*name) || shapes.contains_key(&format!("{DECODER}{name}")));
    if decoder && !encoder { Content::Decoder } else { Content::Whole }
}

/// Channels of the encoder's feature that the HQ head of a mask decoder takes, which tell the model that
/// the decoder belongs to; none where there is no HQ head.
pub fn decoder_width(decoder: &Checkpoint) -> Option<usize> {
    const COMPRESS: &str = "compress_vit_feat.0.weight";
    let shapes = decoder.shapes();
    let shape = shapes.get(COMPRESS).or_else(|| shapes.get(&format!("{DECODER}{COMPRESS}")))?;
    shape.first().copied()
}

/// The mask decoder of a model, its names without `mask_decoder.`, as HQ-SAM's `epoch_N.pth` has them.
#[must_use]
pub fn decoder_of(checkpoint: Checkpoint) -> Checkpoint {
    let notes = checkpoint.notes.clone();
    let mut decoder =
        with_prefix(checkpoint).rename(|name| name.strip_prefix(DECODER).map(str::to_owned));
    decoder.notes = notes;
    decoder
}

/// The names of a whole model.
pub(super) fn with_prefix(checkpoint: Checkpoint) -> Checkpoint {
    if content(&checkpoint.shapes()) == Content::Whole
        || checkpoint.names().any(|name| name.starts_with(DECODER))
    {
        return checkpoint;
    }
    checkpoint.rename(|name| Some(format!("{DECODER}{name}")))
}
