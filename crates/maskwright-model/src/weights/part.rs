//! A part of a model into a whole one, whatever part it is.

use super::apply::{Applied, apply};
use super::check::refuse;
use super::checkpoint::Checkpoint;
use super::conventions::conventions;
use crate::error::Result;
use crate::sam::Sam;

/// Puts what a checkpoint has into a model; what it lacks stays. Its conventions, where it carries
/// some, become the model's: they are those of what was tuned last.
pub(crate) fn apply_part(sam: Sam, part: &Checkpoint) -> Result<Applied> {
    let mut applied = apply(sam, part)?;
    applied.mismatch.missing.clear();
    refuse(std::mem::take(&mut applied.mismatch))?;
    if let Some(conventions) = conventions(part)? {
        applied.sam = applied.sam.with_conventions(conventions)?;
    }
    Ok(applied)
}
