//! What a run reads: kept apart from its output folder, and recognised when the run is resumed.
//!
//! `inputs.json` says what the run began with: of each set how many records there are and a sum of their names, of each
//! file of weights its size and SHA-256. Data and weights may move; resumed with others, a run would come to other
//! results without a word.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::source::{Source, read_whole};
use serde::{Deserialize, Serialize};

use crate::checksums;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::EvalSet;
use crate::files;
use crate::run_files::INPUTS;

/// Sets of more records are known by so many of them, evenly spread.
const NAMES: usize = 100_000;

/// `inputs.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inputs {
    weights: Vec<WeightsFile>,
    train: Vec<KnownSet>,
    valid: Vec<KnownSet>,
}

/// A file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WeightsFile {
    /// The setting that names it: `model.checkpoint` or `model.restore_model`.
    key: String,
    /// Its name without the folder.
    name: String,
    bytes: u64,
    sha256: String,
}

/// A set of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownSet {
    name: String,
    records: usize,
    /// SHA-256 of the records' names, in order.
    names_sha256: String,
}

/// Refuses an output folder that holds what the run reads: a checkpoint, or the data themselves.
pub(super) fn check_apart(config: &TrainConfig) -> Result<()> {
    let Ok(output) = config.output.canonicalize() else {
        return Ok(()); // What does not exist holds nothing.
    };
    let refused = |key: &str, file: &Path| {
        Err(Error::OutputHoldsInput {
            folder: config.output.clone(),
            key: key.to_owned(),
            file: file.to_path_buf(),
        })
    };
    for (key, path) in weights(config) {
        if path.canonicalize().is_ok_and(|path| path.starts_with(&output)) {
            return refused(key, path);
        }
    }
    for place in config.data.places() {
        let Ok(real) = place.canonicalize() else { continue };
        // A project's folder may hold the folders of the data; not the files, nor be one of these folders.
        if real == output || (real.is_file() && real.parent() == Some(&output)) {
            return refused("data", &place);
        }
    }
    Ok(())
}

/// The files of weights that a run reads, by the settings that name them.
fn weights(config: &TrainConfig) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    let model = &config.model;
    [("model.checkpoint", &model.checkpoint), ("model.restore_model", &model.restore_model)]
        .into_iter()
        .filter_map(|(key, path)| Some((key, path.as_ref()?)))
}

impl Inputs {
    /// What `config` and its opened sets are.
    pub(super) fn of(
        config: &TrainConfig,
        train: &[Arc<dyn Source>],
        valid: &[EvalSet],
    ) -> Result<Self> {
        let weights = weights(config).map(|(key, path)| {
            let (sha256, bytes) = checksums::of_file(path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(WeightsFile { key: key.to_owned(), name, bytes, sha256 })
        });
        Ok(Self {
            weights: weights.collect::<Result<_>>()?,
            train: train.iter().map(|set| KnownSet::of(&**set)).collect::<Result<_>>()?,
            valid: valid.iter().map(|set| KnownSet::of(&*set.source)).collect::<Result<_>>()?,
        })
    }

    /// The SHA-256 of the checkpoint that the run begins with, if there is one.
    pub(super) fn checkpoint(&self) -> Option<String> {
        let checkpoint = self.weights.iter().find(|file| file.key == "model.checkpoint");
        checkpoint.map(|file| file.sha256.clone())
    }

    /// Reads what the run in a folder began with; `None` for a run from before that was kept, or if the file is damaged.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&read_whole(path).ok()?).ok()
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).expect("plain numbers and text");
        text.push(b'\n');
        files::write_atomically(path, &text)
    }

    /// Refuses other weights and other training data than the run began with; other validation data change no
    /// weights, and are said.
    pub(super) fn check(&self, now: &Self) -> Result<Vec<String>> {
        for then in &self.weights {
            let now = now.weights.iter().find(|file| file.key == then.key);
            if now.is_none_or(|now| now.sha256 != then.sha256) {
                let known = |file: &WeightsFile| {
                    format!("{}, {} bytes, SHA-256 {}", file.name, file.bytes, short(&file.sha256))
                };
                return Err(Error::OtherInput {
                    what: then.key.clone(),
                    expected: known(then),
                    found: now.map_or_else(|| "none".into(), known),
                });
            }
        }
        if let Some((expected, found)) = difference(&self.train, &now.train) {
            return Err(Error::OtherInput { what: "the training data".into(), expected, found });
        }
        let note = |(expected, found)| {
            format!("the validation data have changed: there were {expected}, there are {found}")
        };
        Ok(difference(&self.valid, &now.valid).map(note).into_iter().collect())
    }
}

impl KnownSet {
    fn of(set: &dyn Source) -> Result<Self> {
        let records = set.len();
        let shown = records.min(NAMES);
        let index = |place: usize| (place as u128 * records as u128 / shown as u128) as usize;
        let names = (0..shown).map(|place| Ok(set.identity(&index(place).into())?.1));
        Ok(Self { name: set.name().to_owned(), records, names_sha256: checksums::of_texts(names)? })
    }
}

/// A remark where sets are not those of the same names that the run in `folder` validates on; none where they are, or where the
/// run does not say.
///
/// # Errors
/// Names of records that cannot be read.
pub fn other_validation(folder: &Path, sets: &[EvalSet]) -> Result<Option<String>> {
    let Some(inputs) = Inputs::read(&folder.join(INPUTS)) else { return Ok(None) };
    let (mut then, mut now) = (Vec::new(), Vec::new());
    for set in sets {
        if let Some(known) = inputs.valid.iter().find(|known| known.name == set.name) {
            then.push(known.clone());
            now.push(KnownSet::of(&*set.source)?);
        }
    }
    let note = |(expected, found)| {
        format!(
            "these are not the data that the run held out: there were {expected}, there are {found}"
        )
    };
    Ok(difference(&then, &now).map(note))
}

/// How many records two runs held out, by their folders, where these are not the same records; none where they are, or where one
/// run does not say.
pub fn held_out_differ(first: &Path, second: &Path) -> Option<[usize; 2]> {
    let held_out = |folder: &Path| Some(Inputs::read(&folder.join(INPUTS))?.valid);
    let sets = [held_out(first)?, held_out(second)?];
    // The same records under another name of their set are the same.
    let [one, other] = [&sets[0], &sets[1]].map(|sets| {
        let known = sets.iter().map(|set| (set.records, set.names_sha256.as_str()));
        known.collect::<Vec<_>>()
    });
    let differ = one != other;
    differ.then(|| sets.map(|sets| sets.iter().map(|set| set.records).sum()))
}

/// What two lists of sets are, where they are not the same.
fn difference(then: &[KnownSet], now: &[KnownSet]) -> Option<(String, String)> {
    if then == now {
        return None;
    }
    let said = |sets: &[KnownSet]| {
        let of_set = |set: &KnownSet| {
            format!("{} ({} records, names {})", set.name, set.records, short(&set.names_sha256))
        };
        match sets {
            [] => "no sets".to_owned(),
            sets => sets.iter().map(of_set).collect::<Vec<_>>().join(", "),
        }
    };
    Some((said(then), said(now)))
}

/// Enough of a sum to tell it from another.
fn short(sum: &str) -> &str {
    sum.get(..12).unwrap_or(sum)
}
