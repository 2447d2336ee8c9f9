//! A part of a model into a whole one: mask decoders, and what was tuned.

use super::apply::Applied;
use super::check::{check, check_decoder, check_part};
use super::checkpoint::Checkpoint;
use super::content::{Content, DECODER, content, with_prefix};
use super::conventions::conventions;
use super::detect::detect;
use super::foreign;
use super::keys::CONFIG_KEY;
use super::low_rank;
use super::names::in_hq_head;
use super::part::apply_part;
use super::patterns::patterns_of;
use super::tensor_shapes::TensorShapes;
use super::tensors::Tensors;
use crate::adapter::{adapter_of, merge_adapter};
use crate::error::{Error, Result};
use crate::sam::Sam;

/// Puts a mask decoder, tensors that were tuned by patterns ([`super::tuned`]), or a low-rank adapter into a
/// model: what it has replaces what the model has (an adapter is added to its weights), and what the model
/// lacks (an HQ head) is added; its conventions, where it carries some, become the model's. Gives how many
/// tensors were replaced and how many added.
///
/// # Errors
/// [`Error::Detect`] if the first is no whole model or the second neither of these,
/// [`Error::AdapterBase`] for an adapter of another model, [`Error::Mismatch`] with every misfit of either.
pub fn merge(sam: &mut Checkpoint, decoder: Checkpoint) -> Result<(usize, usize)> {
    let config = detect(sam)?;
    check(sam, &config)?;
    let tuned_with = conventions(&decoder)?;
    if let Some(adapter) = adapter_of(&decoder)? {
        return merge_adapter(sam, config, decoder, &adapter);
    }
    if low_rank::is_samed(&decoder) {
        return merge_samed(sam, decoder);
    }
    if let Some(patterns) = patterns_of(&decoder)? {
        check_part(&decoder, &config, |name| patterns.contains(name))?;
        tuned_with.iter().for_each(|conventions| sam.set_conventions(conventions));
        return Ok(sam.put_over(decoder));
    }
    let decoder = with_prefix(decoder);
    if content(&decoder.shapes()) != Content::Decoder {
        let shapes = TensorShapes(decoder.shapes());
        let found = match foreign::model(&shapes) {
            Some(_) => foreign::described(&shapes),
            None => "a whole model or something else".to_owned(),
        };
        return Err(Error::Detect {
            file: decoder.path,
            reason: format!("expected a mask decoder alone, found {found}"),
        });
    }
    check_decoder(&decoder, &config)?;
    tuned_with.iter().for_each(|conventions| sam.set_conventions(conventions));
    let counts = sam.put_over(decoder);
    let hq = sam.names().any(in_hq_head);
    sam.set_config(&config.with_hq(hq));
    Ok(counts)
}

/// SAMed's adapter into its SAM. The mask decoder in its file, which may have more masks, replaces SAM's.
fn merge_samed(sam: &mut Checkpoint, adapter: Checkpoint) -> Result<(usize, usize)> {
    const TOKENS: &str = "mask_decoder.mask_tokens.weight";
    let part = low_rank::samed_over(sam, adapter)?;
    let mut merged = sam.clone();
    if part.shape(TOKENS).is_some() && part.shape(TOKENS) != sam.shape(TOKENS) {
        merged.retain(|name| !name.starts_with(DECODER) || in_hq_head(name));
    }
    let counts = merged.put_over(part);
    merged.metadata.remove(CONFIG_KEY);
    let config = detect(&merged)?;
    check(&merged, &config)?;
    merged.set_config(&config);
    *sam = merged;
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
