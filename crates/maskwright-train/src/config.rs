//! The settings of a training run, as they are written into its folder.

use std::path::{Path, PathBuf};

use maskwright_data::loader::{LastBatch, LoaderConfig, OnRefusal};
use maskwright_data::source::DataFile;
use maskwright_model::load::{self, ModelSource};
use maskwright_model::{Compute, Trainable};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::evaluator::EvalConfig;
use crate::loss::PointConfig;
use crate::schedule::StepSchedule;

/// Everything that a training run is a function of, besides the files it names.
///
/// Defaults are HQ-SAM's. The resolved settings are written as `config.toml` into the
/// output folder, and a resumed run reads them from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The folder that receives everything the run writes.
    pub output: PathBuf,
    /// Which parameters learn.
    pub train: Trainable,
    /// Side of the model's square input in pixels; a multiple of the patch size.
    pub input_size: usize,
    /// Images per step.
    pub batch_size_train: usize,
    /// Seed of everything random: initial weights, order, jitter, prompts, loss points.
    pub seed: u64,
    /// Adam's learning rate in the first epochs.
    pub learning_rate: f64,
    /// Epochs after which the rate is divided by ten; 0 never.
    pub lr_drop_epoch: usize,
    /// Number of the first epoch.
    pub start_epoch: usize,
    /// The run ends before the epoch of this number.
    pub max_epoch_num: usize,
    /// Epochs between two checkpoints.
    pub model_save_fre: usize,
    /// Epochs between two validations; the last epoch is always validated.
    pub eval_every: usize,
    /// Steps between two lines of `metrics.jsonl`.
    pub log_every: usize,
    /// Steps between two saved states within an epoch, beside the one at its end; 0 for none.
    pub save_every: usize,
    /// Decoding threads; 0 for one per core.
    pub workers: usize,
    /// Bytes that batches made ahead of training may take, beside the bound of two batches more
    /// than threads; one batch is made ahead however large it is.
    #[serde(default = "prefetch_bytes")]
    pub prefetch_bytes: u64,
    /// What becomes of records that do not fill a batch at an epoch's end.
    pub last_batch: LastBatch,
    /// What becomes of a record that cannot be used.
    pub on_refusal: OnRefusal,
    /// Weight of the predicted IoU's squared error, where the IoU head learns (the SAM
    /// paper's is 1).
    pub iou_weight: f64,
    /// Where to compute.
    #[serde(default)]
    pub compute: Compute,
    /// Where the model comes from.
    pub model: ModelSource,
    /// The points of the loss.
    pub points: PointConfig,
    /// How the validation sets are evaluated.
    pub evaluation: EvalConfig,
    /// The data sets, and how samples and prompts are drawn from them.
    pub data: DataFile,
}

impl TrainConfig {
    /// HQ-SAM's settings for these data and this output folder.
    pub fn new(data: DataFile, output: PathBuf) -> Self {
        Self {
            output,
            train: Trainable::Hq,
            input_size: 1024,
            batch_size_train: 4,
            seed: 42,
            learning_rate: 1e-3,
            lr_drop_epoch: 10,
            start_epoch: 0,
            max_epoch_num: 12,
            model_save_fre: 1,
            eval_every: 1,
            log_every: 20,
            save_every: 1000,
            workers: 0,
            prefetch_bytes: prefetch_bytes(),
            last_batch: LastBatch::default(),
            on_refusal: OnRefusal::default(),
            iou_weight: 1.0,
            compute: Compute::default(),
            model: ModelSource::default(),
            points: PointConfig::default(),
            evaluation: EvalConfig::default(),
            data,
        }
    }

    /// The learning rate over the epochs.
    pub fn schedule(&self) -> StepSchedule {
        StepSchedule { learning_rate: self.learning_rate, drop_epoch: self.lr_drop_epoch }
    }

    /// Refuses settings that contradict each other or are out of range.
    pub fn validate(&self) -> Result<()> {
        let refuse =
            |key: &str, expected: &str, found: String| Err(Error::setting(key, expected, found));
        let at_least_one = [
            ("train.batch_size", self.batch_size_train),
            ("checkpoints.every_epochs", self.model_save_fre),
            ("validation.every_epochs", self.eval_every),
            ("train.log_every_steps", self.log_every),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return refuse(key, "1 or more", value.to_string());
            }
        }
        load::check_input_size(self.input_size)?;
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse(
                "optimizer.learning_rate",
                "a number above 0",
                self.learning_rate.to_string(),
            );
        }
        if self.start_epoch >= self.max_epoch_num {
            return refuse(
                "train.epochs",
                &format!("more than train.first_epoch ({})", self.start_epoch),
                self.max_epoch_num.to_string(),
            );
        }
        if self.points.points == 0 || self.points.oversample == 0 {
            return refuse(
                "train.loss.points",
                "1 or more points, oversampled 1 or more times",
                "0".into(),
            );
        }
        if !(0.0..=1.0).contains(&self.points.importance) {
            return refuse(
                "train.loss.points.importance",
                "a share from 0 to 1",
                self.points.importance.to_string(),
            );
        }
        if self.data.train.is_empty() {
            return Err(Error::NoSets { list: "train" });
        }
        Ok(())
    }

    /// Reads the settings of the run in `folder`, whatever the folder was called then.
    pub fn read_from_run(folder: &Path) -> Result<Self> {
        let path = folder.join("config.toml");
        if !path.exists() {
            return Err(Error::NothingToResume {
                folder: folder.to_path_buf(),
                expected: "the config.toml of a run".into(),
                found: if folder.is_dir() { "none" } else { "no such folder" }.into(),
                begun: false,
            });
        }
        Ok(Self { output: folder.to_path_buf(), ..Self::read(&path)? })
    }

    /// Reads a `config.toml`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        toml::from_str(&text).map_err(|error| Error::RunFile {
            file: path.to_path_buf(),
            expected: "the settings of a training run".into(),
            found: error.to_string().trim().replace('\n', " "),
        })
    }

    /// Writes the settings to `path`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string_pretty(self).map_err(|error| Error::RunFile {
            file: path.to_path_buf(),
            expected: "settings that TOML can hold".into(),
            found: error.to_string(),
        })?;
        crate::files::write_atomically(path, text.as_bytes())
    }
}

/// The loader's default.
fn prefetch_bytes() -> u64 {
    LoaderConfig::default().prefetch_bytes
}
