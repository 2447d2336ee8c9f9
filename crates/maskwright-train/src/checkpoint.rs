//! What a run keeps of its model.
//!
//! A run writes two kinds: `epoch_N.safetensors` holds what was tuned and nothing else,
//! `sam_hq_epoch_N.safetensors` the whole model. Both have the official key names; the
//! reference's merge, which drops tuned tensors that the SAM file has too, has no
//! counterpart here because the whole model is written as it is.

use std::path::Path;

use maskwright_model::Sam;
use maskwright_model::weights::{self, Checkpoint, Container};

use crate::error::Result;

/// Writes the whole model.
pub(crate) fn save_whole(sam: &Sam, path: &Path) -> Result<()> {
    Ok(weights::save(sam, path)?)
}

/// Writes what [`weights::tuned`] gives.
pub(crate) fn save_tuned(tuned: &Checkpoint, path: &Path) -> Result<()> {
    tuned.write(path, Container::Safetensors)?;
    Ok(())
}
