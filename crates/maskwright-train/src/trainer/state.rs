//! Where a run stands: everything that a resumed run needs, in one folder that appears whole.
//!
//! ```text
//! resume-STEP/
//!   state.json               position, loader, means under way
//!   weights.safetensors      what is tuned
//!   optimizer.safetensors    the optimizer's state
//!   gradients.safetensors    the sum of the gradients of batches that still wait for their update, if there are such
//!   average.safetensors      the averaged weights, if there are such
//!   sha256sums               of all these; `sha256sum --check sha256sums` reads it
//! ```

use std::path::{Path, PathBuf};

use maskwright_data::loader::LoaderState;
use maskwright_data::source::read_whole;
use maskwright_model::weights::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::checksums;
use crate::error::{Error, Result};
use crate::files;
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
    /// The best validation so far of an epoch with a checkpoint, and that epoch.
    pub(super) best: Option<(f64, usize)>,
    /// The best validation so far.
    #[serde(default)]
    pub(super) best_score: Option<f64>,
    /// Validations since then.
    #[serde(default)]
    pub(super) stale: usize,
    /// Steps in a row until now that were skipped.
    #[serde(default)]
    pub(super) skipped: usize,
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

    /// Adds a step that changed nothing: only its time.
    pub(super) fn add_skipped(&mut self, seconds: f64) {
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
pub(super) struct StateFile {
    /// Raised when older versions cannot read the folder any more.
    version: u32,
    progress: Position,
    /// The next sample.
    loader: LoaderState,
    /// Of the epoch.
    sums: LossSums,
    /// Since the last line of `metrics.jsonl`.
    #[serde(default)]
    since_log: LossSums,
}

/// What every version of the file has.
#[derive(Debug, Deserialize)]
struct AnyVersion {
    version: u32,
}

/// 2: where the loader stands is told by samples, no longer by steps. 3: the optimizer's state is a
/// safetensors file. 4: by official names. 5: with checksums, and the means since the last line of the log. 6: with
/// gathered gradients and averaged weights.
const VERSION: u32 = 6;
/// The oldest version that is read.
const OLDEST: u32 = 4;
const STATE: &str = "state.json";
const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const GRADIENTS: &str = "gradients.safetensors";
const AVERAGE: &str = "average.safetensors";
const SUMS: &str = "sha256sums";

/// A state that was read back.
pub(super) struct SavedState {
    /// The folder that it was read from.
    pub(super) folder: PathBuf,
    pub(super) progress: Position,
    pub(super) loader: LoaderState,
    pub(super) sums: LossSums,
    pub(super) since_log: LossSums,
    pub(super) weights: Checkpoint,
    pub(super) learner: LearnerState,
}

/// What changes the weights, as the bytes of its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LearnerState {
    pub(super) optimizer: Vec<u8>,
    /// The gradients that wait for their update.
    pub(super) gradients: Option<Vec<u8>>,
    /// The averaged weights.
    pub(super) average: Option<Vec<u8>>,
}

impl LearnerState {
    /// Its files and their names.
    fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let present = [(GRADIENTS, &self.gradients), (AVERAGE, &self.average)].into_iter();
        let present = present.filter_map(|(name, bytes)| Some((name, bytes.as_deref()?)));
        std::iter::once((OPTIMIZER, self.optimizer.as_slice())).chain(present)
    }
}

/// The files of a state that have sums, in the order of these.
fn summed<'a>(others: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    [STATE, WEIGHTS].into_iter().chain(others).collect()
}

/// Writes the files of a state into `folder`, which nobody reads before it is renamed.
pub(super) fn write(
    folder: &Path,
    (progress, loader): (&Position, LoaderState),
    (sums, since_log): (&LossSums, &LossSums),
    weights: &Checkpoint,
    learner: &LearnerState,
) -> Result<()> {
    let state = StateFile {
        version: VERSION,
        progress: progress.clone(),
        loader,
        sums: sums.clone(),
        since_log: since_log.clone(),
    };
    let text = serde_json::to_vec_pretty(&state).expect("plain numbers always serialise");
    crate::checkpoint::save_tuned(weights, &folder.join(WEIGHTS))?;
    for (name, bytes) in learner.files() {
        files::write_atomically(&folder.join(name), bytes)?;
    }
    files::write_atomically(&folder.join(STATE), &text)?;
    checksums::write(folder, &summed(learner.files().map(|(name, _)| name)), SUMS)?;
    files::sync_folder(folder)
}

/// Reads a state folder.
pub(super) fn read(folder: &Path) -> Result<SavedState> {
    let path = folder.join(STATE);
    let bytes = read_whole(&path).map_err(Error::io(&path, "read"))?;
    // Damage is told as such, before what it looks like.
    if version_of(&bytes, &path)? >= 5 {
        let present = |name: &&str| *name == OPTIMIZER || folder.join(name).exists();
        let names = [OPTIMIZER, GRADIENTS, AVERAGE].into_iter().filter(present);
        checksums::check(folder, &summed(names), SUMS)?;
    }
    let state = parse(&bytes, &path)?;
    let read = |name: &str| {
        let path = folder.join(name);
        read_whole(&path).map_err(Error::io(&path, "read"))
    };
    let if_there = |name: &str| folder.join(name).exists().then(|| read(name)).transpose();
    let learner = LearnerState {
        optimizer: read(OPTIMIZER)?,
        gradients: if_there(GRADIENTS)?,
        average: if_there(AVERAGE)?,
    };
    let weights = Checkpoint::open(&folder.join(WEIGHTS))?;
    let StateFile { progress, loader, sums, since_log, .. } = state;
    let folder = folder.to_path_buf();
    Ok(SavedState { folder, progress, loader, sums, since_log, weights, learner })
}

/// Reads the content of a `state.json`.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<StateFile> {
    version_of(bytes, path)?;
    serde_json::from_slice(bytes).map_err(|error| wrong(path, error.to_string()))
}

/// The version of a `state.json`, if it is one that is read.
fn version_of(bytes: &[u8], path: &Path) -> Result<u32> {
    let AnyVersion { version } =
        serde_json::from_slice(bytes).map_err(|error| wrong(path, error.to_string()))?;
    if !(OLDEST..=VERSION).contains(&version) {
        let advice = "resume the run with the maskwright that wrote it, or begin a new one from \
                      its last checkpoint";
        return Err(wrong(path, format!("version {version}: {advice}")));
    }
    Ok(version)
}

fn wrong(file: &Path, found: String) -> Error {
    let expected = format!("the state of a run, version {OLDEST} to {VERSION}");
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
        let folder = format!("{}/", folder.path().display());
        insta::assert_snapshot!(message.replace(&folder, ""), @"state.json: expected the state of a run, version 4 to 6, found version 1: resume the run with the maskwright that wrote it, or begin a new one from its last checkpoint");
    }

    /// A state of nothing but its position.
    fn written(folder: &Path) {
        let position = Position { epoch: 1, step: 2, global_step: 9, ..Position::default() };
        let loader = LoaderState { epoch: 1, position: 8, seed: 7, records: 20 };
        let sums = LossSums { steps: 2, ..LossSums::default() };
        let since_log = LossSums { steps: 1, ..LossSums::default() };
        let file = folder.join("tensors.safetensors");
        let view = safetensors::tensor::TensorView::new(
            safetensors::Dtype::F32,
            vec![2],
            &[0, 0, 128, 63, 0, 0, 0, 64],
        );
        let tensors = [("mask_decoder.hf_token.weight", view.expect("two numbers"))];
        safetensors::serialize_to_file(tensors, None, &file).expect("written");
        let weights = Checkpoint::open(&file).expect("tensors");
        let learner = LearnerState {
            optimizer: b"moments".to_vec(),
            gradients: Some(b"gathered".to_vec()),
            average: None,
        };
        write(folder, (&position, loader), (&sums, &since_log), &weights, &learner)
            .expect("written");
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        written(folder.path());
        let state = read(folder.path()).expect("whole");
        assert_eq!((state.progress.global_step, state.loader.position), (9, 8));
        assert_eq!((state.sums.steps, state.since_log.steps), (2, 1));
        assert_eq!(state.learner.optimizer, b"moments");
        assert_eq!(state.learner.gradients.as_deref(), Some(&b"gathered"[..]));
        assert_eq!(state.learner.average, None);
    }

    #[test]
    fn a_file_that_is_gone_or_new_is_noticed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        written(folder.path());
        let gradients = folder.path().join(GRADIENTS);
        let bytes = std::fs::read(&gradients).expect("read");
        std::fs::remove_file(&gradients).expect("removed");
        assert!(read(folder.path()).is_err());
        std::fs::write(&gradients, bytes).expect("written");
        assert!(read(folder.path()).is_ok());
        std::fs::write(folder.path().join(AVERAGE), "other").expect("written");
        assert!(read(folder.path()).is_err());
    }

    #[test]
    fn every_changed_byte_of_a_state_is_noticed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        written(folder.path());
        for name in [STATE, WEIGHTS, OPTIMIZER, GRADIENTS, SUMS] {
            let path = folder.path().join(name);
            let whole = std::fs::read(&path).expect("read");
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x04;
                std::fs::write(&path, damaged).expect("written");
                assert!(read(folder.path()).is_err(), "{name}, byte {at}");
            }
            std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
            assert!(read(folder.path()).is_err(), "{name}, cut");
            std::fs::write(&path, whole).expect("written");
        }
        assert!(read(folder.path()).is_ok());
    }
}
