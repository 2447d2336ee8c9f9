//! What training changed, as a file of its own.
//!
//! Of the HQ head and of the mask decoder that is the whole decoder without its prefix, which is what
//! HQ-SAM's `epoch_N.pth` holds; of everything it is the whole model; of patterns it is what they match,
//! under full names, and the patterns in the metadata, by which the file is known again and checked.

use super::TRAINABLE_KEY;
use super::checkpoint::Checkpoint;
use super::content::{apply_part, check_part, decoder_of};
use super::state::Applied;
use crate::error::{Error, Result};
use crate::sam::Sam;
use crate::trainable::Trainable;

/// The tensors of a model that `trainable` says to save.
#[must_use]
pub fn tuned(sam: &Sam, trainable: &Trainable) -> Checkpoint {
    let mut whole = Checkpoint::of(sam);
    match trainable {
        Trainable::All => whole,
        Trainable::Hq | Trainable::Decoder => decoder_of(whole),
        Trainable::Matching(_) => {
            whole.retain(|name| trainable.contains(name));
            whole.metadata.insert(TRAINABLE_KEY.to_owned(), trainable.to_string());
            whole
        }
    }
}

/// Puts what [`tuned`] gives, a mask decoder ([`super::apply_decoder`]) or a whole model back into a
/// model; everything else stays.
///
/// # Errors
/// [`Error::Mismatch`] if a tensor is unknown, missing or misshapen.
pub fn apply_tuned(sam: Sam, checkpoint: Checkpoint) -> Result<Applied> {
    match patterns_of(&checkpoint)? {
        None => super::apply_decoder(sam, checkpoint),
        Some(patterns) => {
            check_part(&checkpoint, sam.config(), |name| patterns.contains(name))?;
            apply_part(sam, &checkpoint)
        }
    }
}

/// The patterns that a file was tuned by, if it says so.
pub(super) fn patterns_of(checkpoint: &Checkpoint) -> Result<Option<Trainable>> {
    let Some(text) = checkpoint.metadata.get(TRAINABLE_KEY) else { return Ok(None) };
    match text.parse() {
        Ok(patterns @ Trainable::Matching(_)) => Ok(Some(patterns)),
        _ => Err(Error::Checkpoint {
            path: checkpoint.path.clone().unwrap_or_default(),
            format: "tuned tensors",
            reason: format!("expected patterns of names in its metadata, found {text:?}"),
        }),
    }
}
