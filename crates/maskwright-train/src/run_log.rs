//! `metrics.jsonl`: one JSON object per line, appended while a run trains.
//!
//! Lines are of three kinds, told apart by `kind`: `"step"` (a summary of the last few training steps),
//! `"epoch"` (the epoch's training loss and the validation metrics) and `"loader"` (what the loader did,
//! and whether training waits for it). Each line is written and flushed as a whole, so that a run that
//! is killed at any moment leaves a file that can be read up to its last complete line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::evaluator::SetMetrics;
use crate::loss::LossValues;

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// Training steps since the last such line.
    Step(StepEntry),
    /// The end of an epoch.
    Epoch(EpochEntry),
    /// What the loader did in about a minute, or in the whole run.
    Loader(LoaderEntry),
}

/// The means over some training steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEntry {
    /// Epoch, from 0.
    pub epoch: usize,
    /// The number of steps done in this epoch.
    pub step: usize,
    /// Steps done in the whole run.
    pub global_step: usize,
    /// `loss`, the value that was minimised, and its terms by name (`bce`, `dice`), without their weights.
    #[serde(flatten)]
    pub loss: LossValues,
    /// The learning rate.
    pub learning_rate: f64,
    /// Training images per second.
    pub images_per_second: f64,
}

/// An epoch's training loss and its validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochEntry {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Steps done in the whole run.
    pub global_step: usize,
    /// The means over the epoch of `loss`, the value that was minimised, and of its terms by name
    /// (`bce`, `dice`), without their weights.
    #[serde(flatten)]
    pub loss: LossValues,
    /// The learning rate.
    pub learning_rate: f64,
    /// The time of training in seconds, without validation.
    pub seconds: f64,
    /// The metrics of the validation sets, in the order of the settings; empty if the epoch was not
    /// validated.
    pub validation: Vec<SetMetrics>,
}

/// What the loader did since the last line of this kind, or since the run was started or resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoaderEntry {
    /// Whether the values are for the whole run since it was started or resumed.
    pub whole_run: bool,
    /// Epoch, from 0.
    pub epoch: usize,
    /// Steps done in the whole run.
    pub global_step: usize,
    /// The number of samples delivered.
    pub samples: u64,
    /// Samples per second, over waiting and training together.
    pub images_per_second: f64,
    /// The number of bytes read from image and mask files.
    pub bytes: u64,
    /// The share of the time in which training waited for a batch, 0 to 1.
    pub waiting_share: f64,
    /// The mean share of the places for batches made in advance that were filled when a batch was
    /// requested, 0 to 1.
    pub queue_fill: f64,
    /// The number of threads that make batches.
    pub workers: usize,
    /// The time of a worker per sample in milliseconds, by stage.
    pub ms_per_sample: LoaderStages,
    /// The number of crops that were drawn again because they showed no object.
    pub redraws: u64,
    /// The number of different records that were refused so far.
    pub refused: u64,
    /// A summary of these values in a sentence.
    pub verdict: String,
}

/// The time of each stage of making a sample, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoaderStages {
    /// Reading files.
    pub read: f64,
    /// Reading headers.
    pub header: f64,
    /// Decoding the mask.
    pub decode_mask: f64,
    /// Sampling the label.
    pub label: f64,
    /// Decoding and sampling the image.
    pub decode_and_sample: f64,
    /// Drawing the prompt.
    pub prompts: f64,
}

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    file: File,
}

impl RunLog {
    /// Creates the file; an existing one is emptied.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(Error::io(path, "create"))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Opens the file to continue after `global_step`. Later lines are removed, since the resumed run
    /// writes these steps again, and so is an incomplete last line.
    pub fn resume(path: &Path, global_step: usize) -> Result<Self> {
        let kept: Vec<Entry> = read_whole_lines(path)?
            .into_iter()
            .filter(|entry| entry.global_step() <= global_step)
            .collect();
        let mut text = String::new();
        for entry in &kept {
            text.push_str(&line(entry));
        }
        crate::files::write_atomically(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::io(path, "open"))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Appends a line.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        self.file
            .write_all(line(entry).as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(Error::io(&self.path, "write"))
    }
}

impl Entry {
    fn global_step(&self) -> usize {
        match self {
            Self::Step(entry) => entry.global_step,
            Self::Epoch(entry) => entry.global_step,
            Self::Loader(entry) => entry.global_step,
        }
    }
}

fn line(entry: &Entry) -> String {
    let mut text = serde_json::to_string(entry).expect("plain numbers and text always serialise");
    text.push('\n');
    text
}

/// Reads all entries of a `metrics.jsonl`. A last line without a newline is left out.
///
/// # Errors
/// [`Error::Io`]; [`Error::RunFile`] for a line that is not an entry.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    read_whole_lines(path)
}

fn read_whole_lines(path: &Path) -> Result<Vec<Entry>> {
    let file = File::open(path).map_err(Error::io(path, "read"))?;
    let mut reader = BufReader::new(file);
    let mut entries = Vec::new();
    let mut text = String::new();
    loop {
        text.clear();
        let read = reader.read_line(&mut text).map_err(Error::io(path, "read"))?;
        if read == 0 || !text.ends_with('\n') {
            return Ok(entries);
        }
        let entry = serde_json::from_str(&text).map_err(|error| Error::RunFile {
            file: path.to_path_buf(),
            expected: "one metrics object per line".into(),
            found: format!("line {}: {error}", entries.len() + 1),
        })?;
        entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(global_step: usize) -> Entry {
        Entry::Step(StepEntry {
            epoch: 0,
            step: global_step,
            global_step,
            loss: LossValues {
                total: 1.5,
                terms: [("bce".to_owned(), 0.5), ("dice".to_owned(), 1.0)].into(),
            },
            learning_rate: 1e-3,
            images_per_second: 3.0,
        })
    }

    #[test]
    fn resume_drops_later_and_half_lines() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        let mut log = RunLog::create(&path).expect("created");
        for global_step in [10, 20, 30] {
            log.append(&step(global_step)).expect("appended");
        }
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend_from_slice(b"{\"kind\":\"step\",\"epo");
        std::fs::write(&path, bytes).expect("written");

        let mut log = RunLog::resume(&path, 20).expect("resumed");
        log.append(&step(25)).expect("appended");
        let entries = read(&path).expect("reads");
        assert_eq!(entries, [step(10), step(20), step(25)]);
    }

    #[test]
    fn terms_lie_beside_the_loss_by_name() {
        let text = line(&step(10));
        assert!(text.contains(r#""loss":1.5,"bce":0.5,"dice":1.0,"learning_rate""#), "{text}");
        let with_iou = text.replace(r#""dice":1.0"#, r#""dice":1.0,"iou":0.25"#);
        let Entry::Step(entry) = serde_json::from_str(&with_iou).expect("a step") else {
            panic!("another kind");
        };
        assert_eq!((entry.loss.term("iou"), entry.loss.term("focal")), (Some(0.25), None));
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, "{}\n").expect("written");
        let message = read(&path).expect_err("refused").to_string();
        assert!(message.contains("metrics.jsonl") && message.contains("line 1"), "{message}");
    }
}
