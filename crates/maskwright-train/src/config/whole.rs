//! All settings of a run.

use std::path::PathBuf;

use maskwright_data::loader::LastBatch;
use maskwright_data::prompt::PromptKind;
use maskwright_data::source::DataFile;
use maskwright_model::Trainable;
use maskwright_model::adapter::LoraConfig;
use maskwright_model::load::{ModelSource, check_input_size};
use serde::{Deserialize, Serialize};

use super::best_by::BestMetric;
use super::sections::{CheckpointsConfig, ComputeConfig, LearningConfig, ValidationConfig};
use crate::error::{Error, Result};
use crate::features::CacheConfig;
use crate::optimizer::OptimizerConfig;
use crate::schedule::ScheduleConfig;

/// All settings of a training run. Together with the files that they name they determine the result.
///
/// The defaults are HQ-SAM's. All values, defaults included, are written into the output folder as
/// `config.toml`, and a resumed run reads them from there.
///
/// ```
/// use maskwright_data::source::DataFile;
/// use maskwright_train::TrainConfig;
///
/// let data = DataFile::from_folders("photos", "masks");
/// let mut config = TrainConfig::new(data, "run".into());
/// config.model.checkpoint = Some("sam_vit_b.pth".into());
/// config.train.epochs = 20;
/// config.optimizer.learning_rate = 5e-4;
/// config.train.loss.weights.insert("dice".into(), 2.0);
/// config.validate()?;
/// # Ok::<(), maskwright_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The folder that receives everything the run writes.
    pub output: PathBuf,
    /// The checkpoint to start from, or the model to initialise.
    #[serde(default)]
    pub model: ModelSource,
    /// Which parameters learn, the images per step, and the length of the run.
    #[serde(default)]
    pub train: LearningConfig,
    /// The optimizer.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes over the run.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// When models and states are written.
    #[serde(default)]
    pub checkpoints: CheckpointsConfig,
    /// When and how the validation sets are evaluated.
    #[serde(default)]
    pub validation: ValidationConfig,
    /// The device, its precision, and the threads and memory of the loader.
    #[serde(default)]
    pub compute: ComputeConfig,
    /// Whether the features of views are kept on disk, and how.
    #[serde(default)]
    pub cache: CacheConfig,
    /// The data sets, and how samples and prompts are drawn from them.
    pub data: DataFile,
}

impl TrainConfig {
    /// Returns HQ-SAM's settings for these data and this output folder, with the input size of the model: 1024 x 1024
    /// pixels for SAM's.
    pub fn new(data: DataFile, output: PathBuf) -> Self {
        Self {
            output,
            model: ModelSource::default(),
            train: LearningConfig::default(),
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
            checkpoints: CheckpointsConfig::default(),
            validation: ValidationConfig::default(),
            compute: ComputeConfig::default(),
            cache: CacheConfig::default(),
            data,
        }
    }

    /// Checks that the settings are in range and do not contradict each other.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key of the first setting that is wrong, [`Error::NoSets`] if the data
    /// have no training set.
    pub fn validate(&self) -> Result<()> {
        let at_least_one = [
            ("train.batch_size", self.train.batch_size),
            ("checkpoints.every_epochs", self.checkpoints.every_epochs),
            ("validation.every_epochs", self.validation.every_epochs),
            ("train.log_every_steps", self.train.log_every_steps),
            ("train.accumulate", self.train.accumulate),
            ("train.patience", self.train.patience.unwrap_or(1)),
            ("checkpoints.keep", self.checkpoints.keep.unwrap_or(1)),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(Error::setting(key, "1 or more", value));
            }
        }
        self.model.input_size.map_or(Ok(()), check_input_size)?;
        self.optimizer.validate()?;
        let LearningConfig { first_epoch, epochs, .. } = self.train;
        if first_epoch >= epochs {
            let expected = format!("more than train.first_epoch ({first_epoch})");
            return Err(Error::setting("train.epochs", expected, epochs));
        }
        if let Some(decay) = self.train.ema.filter(|decay| !(*decay > 0.0 && *decay < 1.0)) {
            return Err(Error::setting("train.ema", "a decay above 0 and below 1", decay));
        }
        if let (Some(patience), true) = (self.train.patience, self.data.valid.is_empty()) {
            let expected = "none where nothing is validated";
            return Err(Error::setting("train.patience", expected, patience));
        }
        let lora = &self.train.lora;
        match self.train.learns {
            Trainable::Lora(_) => lora.validate()?,
            _ if *lora == LoraConfig::default() => {}
            ref learns => {
                let expected = "train.learns lora beside it";
                return Err(Error::setting("train.lora", expected, learns));
            }
        }
        if self.checkpoints.best_by.metric == BestMetric::Noc && self.validation.clicks.is_none() {
            let expected = "iou or boundary_iou where no clicks are given (validation.clicks)";
            return Err(Error::setting("checkpoints.best_by", expected, "noc"));
        }
        self.checkpoints.best_by.check(self.data.valid.iter().map(|set| set.name.as_str()))?;
        self.train.loss.validate()?;
        if self.train.corrections > 0
            && self.data.prompts.kinds.without(PromptKind::NoiseMask).is_none()
        {
            let expected = "0 where all prompts are noise masks (data.prompts.kinds): a correction \
                            puts the prediction in the place of the mask";
            return Err(Error::setting("train.corrections", expected, self.train.corrections));
        }
        if self.cache.keep && self.train.views == 0 {
            let expected = "1 or more where the features of views are kept (cache.keep)";
            return Err(Error::setting("train.views", expected, 0));
        }
        if self.data.train.is_empty() {
            return Err(Error::NoSets { list: "train", file: None });
        }
        Ok(())
    }

    /// Checks the settings that depend on the number of records of an epoch.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(crate) fn check_length(&self, records: usize) -> Result<()> {
        let LearningConfig { batch_size, accumulate, epochs, .. } = self.train;
        let batches = match self.train.last_batch {
            LastBatch::Drop => (records / batch_size).max(1),
            LastBatch::Keep => records.div_ceil(batch_size),
        };
        if accumulate > batches {
            let expected = format!("at most the {batches} batches of an epoch");
            return Err(Error::setting("train.accumulate", expected, accumulate));
        }
        let (updates, warmup) = (epochs * batches.div_ceil(accumulate), self.schedule.warmup_steps);
        if warmup >= updates && warmup > 0 {
            let expected = format!("fewer than the {updates} updates of the run");
            return Err(Error::setting("schedule.warmup_steps", expected, warmup));
        }
        Ok(())
    }
}
