//! The files in the folder of a training run, and reading them after or during the run.

use std::path::{Path, PathBuf};

use maskwright_data::loader::LedgerEntry;
use maskwright_data::source::read_whole;
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::Evaluation;
use crate::run_log::{self, BeforeEntry, Entry, EpochEntry};

/// The file with all settings, defaults included.
pub const CONFIG: &str = "config.toml";
/// The file that says which sets and files of weights the run began with.
pub const INPUTS: &str = "inputs.json";
/// The file with losses and validations, one JSON object per line.
pub const METRICS: &str = "metrics.jsonl";
/// The file with the records that could not be used, one JSON object per line.
pub const LEDGER: &str = "ledger.jsonl";
/// The file that names the MLflow run that the run is logged to, if it is.
pub const MLFLOW: &str = "mlflow.json";
/// The file with the last validation, image by image ([`Validation`]).
pub const VALIDATION: &str = "validation.json";
/// The file with the validation of the model as it came, before the first step, image by image.
pub const BEFORE: &str = "validation_before.json";
/// The file of the whole model of the best epoch so far, by what the settings say; with averaged weights where there are such.
pub const BEST: &str = "best.safetensors";
/// The file of the whole model after an epoch is named by this prefix, the epoch's number and
/// [`WEIGHTS`].
pub const WHOLE: &str = "sam_hq_epoch_";
/// The same prefix for the file with only the tensors that were tuned.
pub const TUNED: &str = "epoch_";
/// The file ending of checkpoints.
pub const WEIGHTS: &str = ".safetensors";
/// The file ending of checkpoints of averaged weights, beside those of the weights themselves.
pub const AVERAGED_WEIGHTS: &str = "_ema.safetensors";
/// The folder with a saved state, from which a run continues, is named by this prefix and the number of
/// the step.
pub const RESUME: &str = "resume-";

/// What a run writes before it has saved a state or a model.
pub(crate) const BEGUN: [&str; 7] = [CONFIG, INPUTS, METRICS, LEDGER, MLFLOW, BEFORE, VALIDATION];

/// The content of `validation.json`: the last validation, image by image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The epoch after which the validation was made, from 0.
    pub epoch: usize,
    /// The result.
    #[serde(flatten)]
    pub evaluation: Evaluation,
}

/// Whether the folder of a run has a saved state, from which the run continues.
pub fn has_state(folder: &Path) -> bool {
    prefixed(folder, RESUME).is_ok_and(|states| !states.is_empty())
}

/// The content of a run's folder. The run may be finished or not.
#[derive(Debug)]
pub struct RunFiles {
    /// The folder.
    pub folder: PathBuf,
    /// The settings.
    pub config: TrainConfig,
    /// The entries of `metrics.jsonl`, in order.
    pub log: Vec<Entry>,
    /// The last validation, if there was one.
    pub validation: Option<Validation>,
    /// The newest file of the whole model with its epoch, from 0.
    pub checkpoint: Option<(usize, PathBuf)>,
    /// The newest file of the whole model with averaged weights, with its epoch, if there is one.
    pub average: Option<(usize, PathBuf)>,
    /// Remarks on what is damaged and was passed over.
    pub notes: Vec<String>,
}

impl RunFiles {
    /// Reads the files of a run. Checkpoints are not opened.
    ///
    /// # Errors
    /// [`Error::NoRun`] if the folder lacks the settings or the log of a run, [`Error::RunFile`] if a
    /// file does not have the expected content, [`Error::Io`] if a file cannot be read.
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
        let log = run_log::read(&folder.join(METRICS))?;
        let checkpoint = numbered(folder, WHOLE, WEIGHTS)?.into_iter().max();
        Ok(Self {
            folder: folder.to_path_buf(),
            config,
            notes: log.note(&folder.join(METRICS)).into_iter().collect(),
            log: log.entries,
            validation: read_json(&folder.join(VALIDATION))?,
            checkpoint,
            average: numbered(folder, WHOLE, AVERAGED_WEIGHTS)?.into_iter().max(),
        })
    }

    /// Returns the epoch with the best validation, by what the settings say, and how good it is: larger is better
    /// ([`BestBy::value`](crate::config::BestBy::value) gives the metric).
    pub fn best(&self) -> Option<(usize, f64)> {
        let best_by = &self.config.checkpoints.best_by;
        let scored = self.epochs().filter_map(|entry| Some((entry.epoch, entry.score(best_by)?)));
        scored.fold(None, |best: Option<(usize, f64)>, (epoch, score)| match best {
            Some((_, highest)) if highest >= score => best,
            _ => Some((epoch, score)),
        })
    }

    /// Returns whether the run ended before its last epoch, because no validation was better for as many as the settings
    /// say.
    pub fn ran_out_of_patience(&self) -> bool {
        let Some((patience, (best, _))) = self.config.train.patience.zip(self.best()) else {
            return false;
        };
        let validated = |entry: &&EpochEntry| !entry.validation.is_empty();
        let since = self.epochs().filter(|entry| entry.epoch > best).filter(validated).count();
        since >= patience
    }

    /// Returns the validation of the model as it came, if there was one.
    pub fn before(&self) -> Option<&BeforeEntry> {
        self.log.iter().find_map(|entry| match entry {
            Entry::Before(before) => Some(before),
            _ => None,
        })
    }

    /// Returns the file of the best epoch's model, or else the newest of a whole model.
    pub fn model(&self) -> Option<PathBuf> {
        let best = Some(self.folder.join(BEST)).filter(|file| file.is_file());
        best.or_else(|| self.checkpoint.clone().map(|(_, file)| file))
    }

    /// Returns the entries of the finished epochs, in order.
    pub fn epochs(&self) -> impl DoubleEndedIterator<Item = &EpochEntry> {
        self.log.iter().filter_map(|entry| match entry {
            Entry::Epoch(epoch) => Some(epoch),
            _ => None,
        })
    }
}

/// Reads the ledger of the run in `folder`: records that were refused, or used though they are damaged. Lines that are damaged are
/// passed over; a folder without a ledger has none.
pub fn ledger(folder: &Path) -> Vec<LedgerEntry> {
    let text = read_whole(&folder.join(LEDGER)).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Writes `validation.json` or `validation_before.json`.
pub(crate) fn write_json(path: &Path, content: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(content).expect("plain numbers and text always serialise");
    text.push(b'\n');
    crate::files::write_atomically(path, &text)
}

/// Reads the validation of the model as it came, image by image, from the folder of a run; `None` if it has none.
///
/// # Errors
/// [`Error::Io`], and [`Error::RunFile`] for a file with other content.
pub fn read_before(folder: &Path) -> Result<Option<Evaluation>> {
    read_json(&folder.join(BEFORE))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match read_whole(path) {
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
    let number = |(rest, path): (String, PathBuf)| {
        let number = rest.strip_suffix(suffix)?.parse().ok()?;
        Some((number, path))
    };
    Ok(prefixed(folder, prefix)?.into_iter().filter_map(number).collect())
}

/// Entries of a folder whose names begin with `prefix`, with the rest of their names; none where there is
/// no folder.
pub(crate) fn prefixed(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder, "read")(error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(rest) = name.strip_prefix(prefix) {
            found.push((rest.to_owned(), path.clone()));
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
