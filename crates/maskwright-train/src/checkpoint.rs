//! What a run keeps of its model.
//!
//! A run writes two kinds: `epoch_N.safetensors` holds what was tuned and nothing else,
//! `sam_hq_epoch_N.safetensors` the whole model. Both have the official key names; the
//! reference's merge, which drops tuned tensors that the SAM file has too, has no
//! counterpart here because the whole model is written as it is.

use std::path::Path;

use maskwright_model::weights::{self, Checkpoint, Container};
use maskwright_model::{Sam, TrainScope};

use crate::error::Result;

/// Writes the whole model.
pub fn save_whole(sam: &Sam, path: &Path) -> Result<()> {
    Ok(weights::save(sam, path)?)
}

/// The tensors that `scope` trains, with official names.
///
/// For the HQ head and the decoder this is the whole mask decoder without its prefix, which
/// is what HQ-SAM's `epoch_N.pth` holds (145 tensors).
pub fn tuned(sam: &Sam, scope: TrainScope) -> Checkpoint {
    let whole = Checkpoint::of(sam);
    if scope == TrainScope::All { whole } else { weights::decoder_of(whole) }
}

/// Writes the tensors of [`tuned`].
pub fn save_tuned(tuned: &Checkpoint, path: &Path) -> Result<()> {
    tuned.write(path, Container::Safetensors)?;
    Ok(())
}

/// Puts the tensors of [`tuned`] back.
pub fn apply_tuned(sam: Sam, tuned: Checkpoint) -> Result<Sam> {
    Ok(weights::apply_decoder(sam, tuned)?.sam)
}
