//! The side of the model's input, where data are looked at and no model is loaded.

use std::path::PathBuf;

use clap::Args;
use maskwright_model::weights::{self, Checkpoint};

use crate::{official, tell};

/// The input of SAM.
const USUAL: usize = 1024;

/// Which input.
#[derive(Args)]
pub(crate) struct InputSizeFlags {
    /// Side of the model's square input; that of --checkpoint, or 1024, SAM's, if not given
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,

    /// The checkpoint that shall see the data, whose input size is taken; no model is loaded
    #[arg(long, value_name = "FILE", conflicts_with = "input_size")]
    checkpoint: Option<PathBuf>,
}

impl InputSizeFlags {
    /// The side in pixels; where no flag gives it, it is said.
    pub(crate) fn resolve(&self) -> anyhow::Result<usize> {
        let Some(checkpoint) = &self.checkpoint else {
            return Ok(self.input_size.unwrap_or_else(|| {
                tell::say(format_args!(
                    "for an input of {USUAL} pixels, as SAM has it; --checkpoint FILE or --input-size says another"
                ));
                USUAL
            }));
        };
        let file = official::opened(checkpoint)?;
        let size = weights::detect(&Checkpoint::open(&file)?)?.image_size;
        tell::say(format_args!("for an input of {size} pixels, as {} has it", file.display()));
        Ok(size)
    }
}
