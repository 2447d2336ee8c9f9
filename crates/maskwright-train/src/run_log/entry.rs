//! The lines of `metrics.jsonl`.

use serde::{Deserialize, Serialize};

use crate::config::BestBy;
use crate::evaluator::{ClickMetrics, SetMetrics};
use crate::loss::LossValues;
use crate::not_finite::NotFinite;
use crate::times::TrainTimes;

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// The validation of the model as it came, before the first step.
    Before(BeforeEntry),
    /// Training steps since the last such line.
    Step(StepEntry),
    /// A step that changed nothing.
    Skipped(SkippedEntry),
    /// The end of an epoch.
    Epoch(EpochEntry),
    /// What the loader did in about a minute, or in the whole run.
    Loader(LoaderEntry),
    /// Where the time of an epoch went, or of the part of one after which the run was stopped.
    Times(TimesEntry),
}

impl Entry {
    /// Whether a run that stands after `global_step` in `epoch` has written it already.
    pub(super) fn is_before(&self, global_step: usize, epoch: usize) -> bool {
        match self {
            Self::Before(_) => true,
            Self::Step(entry) => entry.global_step <= global_step,
            Self::Skipped(entry) => entry.global_step <= global_step,
            // A run may stand at an epoch's last step, its validation still to come.
            Self::Epoch(entry) => entry.global_step <= global_step && entry.epoch < epoch,
            Self::Loader(entry) => entry.global_step <= global_step,
            // What is done again took its time all the same.
            Self::Times(entry) => entry.global_step <= global_step,
        }
    }
}

/// The validation of the model as it came. Where its HQ head was new, of SAM's own mask alone: a head that has learned nothing shows
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeforeEntry {
    /// The metrics of the validation sets, in the order of the settings.
    pub validation: Vec<SetMetrics>,
    /// The clicks that the validation took, by set and mask; empty if it did not click.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clicks: Vec<ClickMetrics>,
    /// The time that it took, in seconds.
    pub seconds: f64,
}

impl BeforeEntry {
    /// Returns how good it is by a measure; larger is better.
    pub fn score(&self, by: &BestBy) -> Option<f64> {
        by.score(&self.validation, &self.clicks)
    }
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

/// A step whose loss or gradient is NaN or infinite. It changed nothing, and is in no mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// Epoch, from 0.
    pub epoch: usize,
    /// The number of steps done in this epoch, this one included.
    pub step: usize,
    /// Steps done in the whole run, this one included.
    pub global_step: usize,
    /// What is no number.
    pub what: NotFinite,
    /// The loss, where it is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// The records of the batch, as `set/name`.
    pub records: Vec<String>,
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
    /// The same of the averaged weights; empty if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub average_validation: Vec<SetMetrics>,
    /// The clicks that the validation took, by set and mask; empty if it did not click.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clicks: Vec<ClickMetrics>,
    /// The same of the averaged weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub average_clicks: Vec<ClickMetrics>,
}

impl EpochEntry {
    /// Returns the validation by which epochs are compared: the averaged weights' where there are such.
    pub fn decisive(&self) -> &[SetMetrics] {
        match self.average_validation.is_empty() {
            true => &self.validation,
            false => &self.average_validation,
        }
    }

    /// Returns how good the decisive validation is by a measure; larger is better. `None` if there is none.
    pub fn score(&self, by: &BestBy) -> Option<f64> {
        let averaged = !self.average_validation.is_empty() || !self.average_clicks.is_empty();
        let clicks = if averaged { &self.average_clicks } else { &self.clicks };
        by.score(self.decisive(), clicks)
    }
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
    /// Samples with a warning about their image or mask, such as a file that is cut off.
    #[serde(default)]
    pub warned: u64,
    /// The same by kind of warning, with the first records of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<WarnedRecords>,
    /// A summary of these values in a sentence.
    pub verdict: String,
}

/// Where the time went since the last line of this kind, or since the run was started or resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimesEntry {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Steps done in the whole run.
    pub global_step: usize,
    /// Seconds by part.
    #[serde(flatten)]
    pub times: TrainTimes,
}

/// Samples with one kind of warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarnedRecords {
    /// The kind in a word: `truncated`, `damaged_data`, `checksum`, `alpha_dropped`, `unequal_channels` or
    /// `lossy_mask`.
    pub kind: String,
    /// The number of samples.
    pub samples: u64,
    /// The first records, as `set/name`.
    pub first: Vec<String>,
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
