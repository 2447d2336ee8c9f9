//! Where a run stands: everything that a resumed run needs, in one folder that appears whole.

use std::path::Path;

use maskwright_data::loader::LoaderState;
use maskwright_model::weights::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::loss::LossValues;

/// The position of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The epoch that is being trained.
    pub(super) epoch: usize,
    /// Steps done in it.
    pub(super) step: usize,
    /// Steps done in the whole run.
    pub(super) global_step: usize,
    /// The best validation so far and its epoch.
    pub(super) best: Option<(f64, usize)>,
}

/// What the means over some steps are made of. An epoch's are in the state, so that one that was
/// stopped in its middle has the means of all its steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LossSums {
    /// Steps that were added up.
    pub(super) steps: usize,
    #[serde(flatten)]
    losses: LossValues,
    pub(super) seconds: f64,
}

impl LossSums {
    pub(super) fn add(&mut self, losses: &LossValues, seconds: f64) {
        self.steps += 1;
        self.losses.add(losses);
        self.seconds += seconds;
    }

    /// The means over the steps; 0 where there were none.
    pub(super) fn means(&self) -> LossValues {
        self.losses.divided_by(self.steps.max(1) as f64)
    }
}

impl Position {
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
    progress: Position,
    /// The next sample.
    loader: LoaderState,
    sums: LossSums,
}

/// What every version of the file has.
#[derive(Debug, Deserialize)]
struct AnyVersion {
    version: u32,
}

/// 2: where the loader stands is told by samples, no longer by steps. 3: the optimizer's state is a
/// safetensors file. 4: by official names.
const VERSION: u32 = 4;
const STATE: &str = "state.json";
const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";

/// A state that was read back.
pub(super) struct SavedState {
    pub(super) progress: Position,
    pub(super) loader: LoaderState,
    pub(super) sums: LossSums,
    pub(super) weights: Checkpoint,
    pub(super) optimizer: Vec<u8>,
}

/// Writes the files of a state into `folder`, which nobody reads before it is renamed.
pub(super) fn write(
    folder: &Path,
    progress: &Position,
    loader: LoaderState,
    sums: &LossSums,
    weights: &Checkpoint,
    optimizer: &[u8],
) -> Result<()> {
    let state =
        StateFile { version: VERSION, progress: progress.clone(), loader, sums: sums.clone() };
    let text = serde_json::to_vec_pretty(&state).expect("plain numbers always serialise");
    crate::checkpoint::save_tuned(weights, &folder.join(WEIGHTS))?;
    crate::files::write_atomically(&folder.join(OPTIMIZER), optimizer)?;
    crate::files::write_atomically(&folder.join(STATE), &text)
}

/// Reads a state folder.
pub(super) fn read(folder: &Path) -> Result<SavedState> {
    let bytes = read_checked(folder)?;
    let path = folder.join(STATE);
    let state: StateFile =
        serde_json::from_slice(&bytes).map_err(|error| wrong(&path, error.to_string()))?;
    let optimizer = folder.join(OPTIMIZER);
    let optimizer = std::fs::read(&optimizer).map_err(Error::io(&optimizer, "read"))?;
    let weights = Checkpoint::open(&folder.join(WEIGHTS))?;
    let StateFile { progress, loader, sums, .. } = state;
    Ok(SavedState { progress, loader, sums, weights, optimizer })
}

/// Refuses a state that another version wrote.
pub(super) fn check_version(folder: &Path) -> Result<()> {
    read_checked(folder).map(drop)
}

/// The bytes of `state.json`, of this version.
fn read_checked(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join(STATE);
    let bytes = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
    let AnyVersion { version } =
        serde_json::from_slice(&bytes).map_err(|error| wrong(&path, error.to_string()))?;
    if version == VERSION {
        return Ok(bytes);
    }
    let advice = "resume the run with the maskwright that wrote it, or begin a new one from its \
                  last checkpoint";
    Err(wrong(&path, format!("version {version}: {advice}")))
}

fn wrong(file: &Path, found: String) -> Error {
    let expected = format!("the state of a run, version {VERSION}");
    Error::RunFile { file: file.to_path_buf(), expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_another_version_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let old = "{\"version\":1,\"progress\":{\"epoch\":0},\"sums\":{}}";
        std::fs::write(folder.path().join(STATE), old).expect("written");
        let message = read(folder.path()).err().expect("refused").to_string();
        assert!(message.contains("state.json") && message.contains("version 4"), "{message}");
        assert!(message.contains("found version 1"), "{message}");
    }
}
