//! Where a run stands: everything that `--resume` needs, in one folder that appears whole.

use std::path::Path;

use maskwright_model::weights::Checkpoint;
use serde::{Deserialize, Serialize};

use super::epoch::EpochSums;
use crate::error::{Error, Result};

/// The position of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The epoch that is being trained.
    pub(super) epoch: usize,
    /// Steps done in it.
    pub(super) step: usize,
    /// Steps done in the whole run.
    pub(super) global_step: usize,
    /// The best validation so far and its epoch.
    pub(super) best: Option<(f64, usize)>,
}

impl Progress {
    pub(super) fn next_epoch(&mut self) {
        self.epoch += 1;
        self.step = 0;
    }
}

/// What `resume-STEP/state.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    /// Raised when older versions cannot read the folder any more.
    version: u32,
    progress: Progress,
    sums: EpochSums,
}

const VERSION: u32 = 1;
const STATE: &str = "state.json";
const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "adam.bpk";

/// A state that was read back.
pub(super) struct SavedState {
    pub(super) progress: Progress,
    pub(super) sums: EpochSums,
    pub(super) weights: Checkpoint,
    pub(super) optimizer: Vec<u8>,
}

/// Writes the files of a state into `folder`, which nobody reads before it is renamed.
pub(super) fn write(
    folder: &Path,
    progress: &Progress,
    sums: &EpochSums,
    weights: &Checkpoint,
    optimizer: &[u8],
) -> Result<()> {
    let state = StateFile { version: VERSION, progress: progress.clone(), sums: sums.clone() };
    let text = serde_json::to_vec_pretty(&state).expect("plain numbers always serialise");
    crate::checkpoint::save_tuned(weights, &folder.join(WEIGHTS))?;
    crate::files::write_atomically(&folder.join(OPTIMIZER), optimizer)?;
    crate::files::write_atomically(&folder.join(STATE), &text)
}

/// Reads a state folder.
pub(super) fn read(folder: &Path) -> Result<SavedState> {
    let path = folder.join(STATE);
    let bytes = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
    let wrong = |found: String| Error::RunFile {
        file: path.clone(),
        expected: format!("the state of a run, version {VERSION}"),
        found,
    };
    let state: StateFile = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    if state.version != VERSION {
        return Err(wrong(format!("version {}", state.version)));
    }
    let optimizer = folder.join(OPTIMIZER);
    let optimizer = std::fs::read(&optimizer).map_err(Error::io(&optimizer, "read"))?;
    let weights = Checkpoint::open(&folder.join(WEIGHTS))?;
    Ok(SavedState { progress: state.progress, sums: state.sums, weights, optimizer })
}
