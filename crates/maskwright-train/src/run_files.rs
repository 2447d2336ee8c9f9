//! What a training run leaves in its folder, for whoever looks at it later.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::Evaluation;
use crate::run_log::{self, Entry, EpochEntry};

/// The settings as they were resolved.
pub const CONFIG: &str = "config.toml";
/// Losses and validations, a JSON object a line.
pub const METRICS: &str = "metrics.jsonl";
/// Records that could not be used.
pub const LEDGER: &str = "ledger.jsonl";
/// The last validation, image by image ([`Validation`]).
pub const VALIDATION: &str = "validation.json";
/// Before the number of an epoch and [`WEIGHTS`]: the whole model after it.
pub const WHOLE: &str = "sam_hq_epoch_";
/// The same, of what was tuned.
pub const TUNED: &str = "epoch_";
/// The ending of checkpoints.
pub const WEIGHTS: &str = ".safetensors";
/// Before the number of a step: a folder that a run continues from.
pub const RESUME: &str = "resume-";

/// `validation.json`: what the last validation found, image by image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The epoch after which it was made, from 0.
    pub epoch: usize,
    /// What it found.
    #[serde(flatten)]
    pub evaluation: Evaluation,
}

/// A run as its folder shows it, finished or not.
#[derive(Debug)]
pub struct RunFiles {
    /// The folder.
    pub folder: PathBuf,
    /// The settings.
    pub config: TrainConfig,
    /// What was logged, in order.
    pub log: Vec<Entry>,
    /// The last validation, if there was one and it was kept.
    pub validation: Option<Validation>,
    /// The newest whole model and its epoch, from 0.
    pub checkpoint: Option<(usize, PathBuf)>,
}

impl RunFiles {
    /// Reads a run's files; models are not opened.
    ///
    /// # Errors
    /// [`Error::NoRun`] for a folder without the settings or the log of a run, [`Error::RunFile`] for a
    /// file that does not read as what it should be, [`Error::Io`].
    pub fn read(folder: &Path) -> Result<Self> {
        for (file, what) in [(CONFIG, "the settings of a run"), (METRICS, "the log of a run")] {
            if !folder.join(file).is_file() {
                return Err(Error::NoRun {
                    folder: folder.to_path_buf(),
                    expected: format!("{file}, {what}"),
                    found: if folder.is_dir() { "none" } else { "no such folder" }.into(),
                });
            }
        }
        let config = TrainConfig {
            output: folder.to_path_buf(),
            ..TrainConfig::read(&folder.join(CONFIG))?
        };
        let checkpoint = numbered(folder, WHOLE, WEIGHTS)?.into_iter().max();
        Ok(Self {
            folder: folder.to_path_buf(),
            config,
            log: run_log::read(&folder.join(METRICS))?,
            validation: read_validation(&folder.join(VALIDATION))?,
            checkpoint,
        })
    }

    /// The epochs that are over, in order.
    pub fn epochs(&self) -> impl DoubleEndedIterator<Item = &EpochEntry> {
        self.log.iter().filter_map(|entry| match entry {
            Entry::Epoch(epoch) => Some(epoch),
            Entry::Step(_) | Entry::Loader(_) => None,
        })
    }
}

/// Writes `validation.json`.
pub(crate) fn write_validation(path: &Path, validation: &Validation) -> Result<()> {
    let mut text = serde_json::to_vec(validation).expect("plain numbers and text always serialise");
    text.push(b'\n');
    crate::files::write_atomically(path, &text)
}

fn read_validation(path: &Path) -> Result<Option<Validation>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path, "read")(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::RunFile {
        file: path.to_path_buf(),
        expected: "a validation, image by image".into(),
        found: error.to_string(),
    })
}

/// Entries of a folder that are named `prefix` NUMBER `suffix`, with their numbers; none where there
/// is no folder.
pub(crate) fn numbered(folder: &Path, prefix: &str, suffix: &str) -> Result<Vec<(usize, PathBuf)>> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder, "read")(error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix))
            .and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            found.push((number, path.clone()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_run_is_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let refusal = |path: &Path| RunFiles::read(path).expect_err("no run").to_string();
        assert!(refusal(&folder.path().join("none")).contains("no such folder"));
        assert!(refusal(folder.path()).contains(CONFIG));
        std::fs::write(folder.path().join(CONFIG), "").expect("written");
        assert!(refusal(folder.path()).contains(METRICS));
    }

    #[test]
    fn numbers_are_read_between_prefix_and_suffix() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in
            ["sam_hq_epoch_2.safetensors", "sam_hq_epoch_11.safetensors", "epoch_3.safetensors"]
        {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let newest = numbered(folder.path(), WHOLE, WEIGHTS).expect("listed").into_iter().max();
        let name = folder.path().join("sam_hq_epoch_11.safetensors");
        assert_eq!(newest, Some((11, name)));
    }
}
