//! What training changed, as a file of its own.
//!
//! Of the HQ head and of the mask decoder that is the whole decoder without its prefix, which is what
//! HQ-SAM's `epoch_N.pth` holds; of everything it is the whole model; of patterns it is what they match,
//! under full names, and the patterns in the metadata, by which the file is known again and checked. Of a
//! low-rank adapter it is its factors with what learned beside them, and its settings in the metadata.

use super::apply::Applied;
use super::check::check_part;
use super::checkpoint::Checkpoint;
use super::content::decoder_of;
use super::decoder::apply_decoder;
use super::keys::{ADAPTER_KEY, TRAINABLE_KEY};
use super::low_rank;
use super::part::apply_part;
use super::patterns::patterns_of;
use crate::adapter::{adapter_of, apply_adapter};
use crate::error::Result;
use crate::sam::Sam;
use crate::trainable::Trainable;

/// The tensors of a model that `trainable` says to save.
#[must_use]
pub fn tuned(sam: &Sam, trainable: &Trainable) -> Checkpoint {
    let mut whole = Checkpoint::of(sam);
    match trainable {
        Trainable::All => whole,
        Trainable::Hq | Trainable::Decoder => decoder_of(whole),
        Trainable::Matching(_) | Trainable::Lora(_) => {
            whole.retain(|name| trainable.contains(name));
            whole.metadata.insert(TRAINABLE_KEY.to_owned(), trainable.to_string());
            if let Some(json) =
                sam.adapter().and_then(|adapter| serde_json::to_string(adapter).ok())
            {
                whole.metadata.insert(ADAPTER_KEY.to_owned(), json);
            }
            whole
        }
    }
}

/// Puts what [`tuned`] gives, a mask decoder ([`apply_decoder`]) or a whole model back into a
/// model; everything else stays.
///
/// # Errors
/// [`Error::Mismatch`] if a tensor is unknown, missing or misshapen.
pub fn apply_tuned(sam: Sam, checkpoint: Checkpoint) -> Result<Applied> {
    if let Some(adapter) = adapter_of(&checkpoint)? {
        return apply_adapter(sam, &checkpoint, &adapter);
    }
    if low_rank::is_samed(&checkpoint) {
        let part = low_rank::samed_over(&Checkpoint::of(&sam), checkpoint)?;
        return apply_part(sam, &part);
    }
    match patterns_of(&checkpoint)? {
        None => apply_decoder(sam, checkpoint),
        Some(patterns) => {
            check_part(&checkpoint, sam.config(), |name| patterns.contains(name))?;
            apply_part(sam, &checkpoint)
        }
    }
}
