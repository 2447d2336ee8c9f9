//! The [`Conventions`] of a model in the metadata of its file.

use super::checkpoint::Checkpoint;
use super::keys::CONVENTIONS_KEY;
use super::tensors::Tensors;
use crate::conventions::Conventions;
use crate::error::{Error, Result};

/// The conventions that a checkpoint carries; none in a file of others.
///
/// # Errors
/// [`Error::Checkpoint`] for some that are damaged or impossible.
pub fn conventions(tensors: &impl Tensors) -> Result<Option<Conventions>> {
    let Some(json) = tensors.metadata().get(CONVENTIONS_KEY) else { return Ok(None) };
    Conventions::from_json(json).map(Some).map_err(|reason| Error::Checkpoint {
        path: tensors.path().map(Into::into).unwrap_or_default(),
        format: "its conventions",
        reason,
    })
}

impl Checkpoint {
    /// Remembers how the model was trained and validated, which the files of this crate carry.
    pub fn set_conventions(&mut self, conventions: &Conventions) {
        if let Ok(json) = serde_json::to_string(conventions) {
            self.metadata.insert(CONVENTIONS_KEY.to_owned(), json);
        }
    }
}
