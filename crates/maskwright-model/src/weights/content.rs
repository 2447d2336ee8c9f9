//! What a checkpoint holds: a whole model or a mask decoder, and whether all of it is there.

use std::collections::BTreeMap;

use burn::tensor::Device;

use super::checkpoint::Checkpoint;
use super::conventions::conventions;
use super::names::{in_hq_head, shapes};
use super::resize;
use super::state::{Applied, apply};
use super::tensors::Tensors;
use crate::config::SamConfig;
use crate::error::{Error, Mismatch, Misshapen, Result};
use crate::sam::Sam;

/// What comes before every name of a mask decoder in a whole model.
const DECODER: &str = "mask_decoder.";

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

/// Holds a checkpoint against a configuration, without reading a value: everything that is missing,
/// unexpected or misshapen, but for a whole HQ head that only one of the two has.
///
/// # Errors
/// [`Error::Config`] for a configuration that cannot be, [`Error::Mismatch`] with every misfit.
pub fn check(tensors: &impl Tensors, config: &SamConfig) -> Result<()> {
    let found = tensors.shapes();
    let expected = expected(config)?;
    let mismatch = compare(tensors, &expected, &found);
    let (mismatch, _) = pardon_hq(mismatch, config, &found);
    refuse(mismatch)
}

/// Holds a mask decoder, named with `mask_decoder.`, against a configuration. All of SAM's decoder, all
/// of the HQ head, or both have to be there.
///
/// # Errors
/// As [`check`].
pub fn check_decoder(tensors: &impl Tensors, config: &SamConfig) -> Result<()> {
    let found = tensors.shapes();
    let has = |hq: bool| found.keys().any(|name| in_hq_head(name) == hq);
    let (sam, hq) = (has(false), has(true));
    check_part(tensors, &config.clone().with_hq(true), |name| {
        name.starts_with(DECODER) && if in_hq_head(name) { hq } else { sam }
    })
}

/// Holds a part of a model, under full names, against a configuration: all of what `belongs` names has
/// to be there, and nothing else.
///
/// # Errors
/// As [`check`].
pub(super) fn check_part(
    tensors: &impl Tensors,
    config: &SamConfig,
    belongs: impl Fn(&str) -> bool,
) -> Result<()> {
    let mut expected = expected(config)?;
    expected.retain(|name, _| belongs(name));
    refuse(compare(tensors, &expected, &tensors.shapes()))
}

/// Holds a mask decoder, named with or without `mask_decoder.`, against what it tells of itself.
///
/// # Errors
/// As [`check`].
pub fn check_decoder_alone(decoder: &Checkpoint) -> Result<()> {
    let decoder = with_prefix(decoder.clone());
    check_decoder(&decoder, &super::detect::detect_decoder(&decoder))
}

/// Channels of the encoder's feature that the HQ head of a mask decoder takes, which tell the model that
/// the decoder belongs to; none where there is no HQ head.
pub fn decoder_width(decoder: &Checkpoint) -> Option<usize> {
    const COMPRESS: &str = "compress_vit_feat.0.weight";
    let shapes = decoder.shapes();
    let shape = shapes.get(COMPRESS).or_else(|| shapes.get(&format!("{DECODER}{COMPRESS}")))?;
    shape.first().copied()
}

/// Puts a mask decoder, or tensors that were tuned by patterns ([`super::tuned`]), into a model: what it
/// has replaces what the model has, and what the model lacks (an HQ head) is added; its conventions, where it carries some, become the model's. Gives how many
/// tensors were replaced and how many added.
///
/// # Errors
/// [`Error::Detect`] if the first is no whole model or the second neither of these,
/// [`Error::Mismatch`] with every misfit of either.
pub fn merge(sam: &mut Checkpoint, decoder: Checkpoint) -> Result<(usize, usize)> {
    let config = super::detect(sam)?;
    check(sam, &config)?;
    let tuned_with = conventions(&decoder)?;
    if let Some(patterns) = super::tuned::patterns_of(&decoder)? {
        check_part(&decoder, &config, |name| patterns.contains(name))?;
        tuned_with.iter().for_each(|conventions| sam.set_conventions(conventions));
        return Ok(sam.put_over(decoder));
    }
    let decoder = with_prefix(decoder);
    if content(&decoder.shapes()) != Content::Decoder {
        return Err(Error::Detect {
            file: decoder.path,
            reason: "expected a mask decoder alone, found a whole model or something else".into(),
        });
    }
    check_decoder(&decoder, &config)?;
    tuned_with.iter().for_each(|conventions| sam.set_conventions(conventions));
    let counts = sam.put_over(decoder);
    let hq = sam.names().any(in_hq_head);
    sam.set_config(&config.with_hq(hq));
    Ok(counts)
}

/// Puts a mask decoder's checkpoint, whose names may lack `mask_decoder.` (HQ-SAM's `epoch_N.pth`), or
/// a whole one, into a model; everything else stays.
///
/// # Errors
/// [`Error::Mismatch`] if a tensor is unknown or misshapen, or its part of the decoder is not complete.
pub fn apply_decoder(sam: Sam, checkpoint: Checkpoint) -> Result<Applied> {
    let checkpoint = match content(&checkpoint.shapes()) {
        Content::Decoder => {
            let decoder = with_prefix(checkpoint);
            check_decoder(&decoder, sam.config())?;
            decoder
        }
        Content::Whole => {
            check(&checkpoint, sam.config())?;
            checkpoint
        }
    };
    apply_part(sam, &checkpoint)
}

/// Puts what a checkpoint has into a model; what it lacks stays. Its conventions, where it carries
/// some, become the model's: they are those of what was tuned last.
pub(super) fn apply_part(sam: Sam, part: &Checkpoint) -> Result<Applied> {
    let mut applied = apply(sam, part)?;
    applied.mismatch.missing.clear();
    refuse(std::mem::take(&mut applied.mismatch))?;
    if let Some(conventions) = conventions(part)? {
        applied.sam = applied.sam.with_conventions(conventions)?;
    }
    Ok(applied)
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
fn with_prefix(checkpoint: Checkpoint) -> Checkpoint {
    if content(&checkpoint.shapes()) == Content::Whole
        || checkpoint.names().any(|name| name.starts_with(DECODER))
    {
        return checkpoint;
    }
    checkpoint.rename(|name| Some(format!("{DECODER}{name}")))
}

/// Takes out of a mismatch the HQ head that the checkpoint lacks as a whole, which is given and can be
/// made fresh, and the one that the model has no place for.
pub(super) fn pardon_hq(
    mut mismatch: Mismatch,
    config: &SamConfig,
    found: &BTreeMap<String, Vec<usize>>,
) -> (Mismatch, Vec<String>) {
    let is_hq = |name: &String| in_hq_head(name);
    let mut fresh = Vec::new();
    if !found.keys().any(is_hq) {
        (fresh, mismatch.missing) = mismatch.missing.into_iter().partition(is_hq);
    }
    if !config.hq {
        mismatch.unexpected.retain(|name| !is_hq(name));
    }
    (mismatch, fresh)
}

/// Name and shape of everything in a model, none of which is made.
pub(crate) fn expected(config: &SamConfig) -> Result<BTreeMap<String, Vec<usize>>> {
    Ok(shapes(&config.init(&Device::flex(), 0)?).into_iter().collect())
}

fn compare(
    tensors: &impl Tensors,
    expected: &BTreeMap<String, Vec<usize>>,
    found: &BTreeMap<String, Vec<usize>>,
) -> Mismatch {
    let mut mismatch = Mismatch { file: tensors.path().map(Into::into), ..Mismatch::default() };
    for (name, shape) in expected {
        match found.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(other) if !resize::fits(name, other, shape) => {
                mismatch.misshapen.push(Misshapen {
                    name: name.clone(),
                    expected: shape.clone(),
                    found: other.clone(),
                })
            }
            Some(_) => {}
        }
    }
    mismatch.unexpected =
        found.keys().filter(|name| !expected.contains_key(*name)).cloned().collect();
    mismatch
}

fn refuse(mismatch: Mismatch) -> Result<()> {
    if mismatch.is_empty() { Ok(()) } else { Err(Error::Mismatch(Box::new(mismatch))) }
}
