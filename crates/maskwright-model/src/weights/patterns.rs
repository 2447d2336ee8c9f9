//! The patterns that the tensors of a file were chosen by, in its metadata.

use super::checkpoint::Checkpoint;
use super::keys::TRAINABLE_KEY;
use crate::error::{Error, Result};
use crate::trainable::Trainable;

/// The patterns that a file was tuned by, if it says so.
pub(crate) fn patterns_of(checkpoint: &Checkpoint) -> Result<Option<Trainable>> {
    let Some(text) = checkpoint.metadata.get(TRAINABLE_KEY) else { return Ok(None) };
    match text.parse() {
        Ok(patterns @ (Trainable::Matching(_) | Trainable::Lora(_))) => Ok(Some(patterns)),
        _ => Err(Error::Checkpoint {
            path: checkpoint.path.clone().unwrap_or_default(),
            format: "tuned tensors",
            reason: format!("expected patterns of names in its metadata, found {text:?}"),
        }),
    }
}
