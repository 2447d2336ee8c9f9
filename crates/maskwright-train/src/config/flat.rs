//! The form of `config.toml` before its settings were in sections: all of them on one level, under
//! HQ-SAM's names.

use std::path::PathBuf;

use maskwright_data::loader::{LastBatch, LoaderConfig, OnRefusal};
use maskwright_data::source::DataFile;
use maskwright_model::load::ModelSource;
use maskwright_model::{Compute, Trainable};
use serde::Deserialize;

use super::sections::{CheckpointsConfig, ComputeConfig, LearningConfig, ValidationConfig};
use super::whole::TrainConfig;
use crate::evaluator::EvalConfig;
use crate::features::CacheConfig;
use crate::loss::{LossConfig, PointConfig};
use crate::optimizer::OptimizerConfig;
use crate::schedule::ScheduleConfig;

/// Whether a file has this form: `train` says there what learns, and is a section now.
pub(super) fn is_flat(file: &toml::Table) -> bool {
    file.get("train").is_some_and(toml::Value::is_str)
}

/// The settings of a run, in this form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlatConfig {
    output: PathBuf,
    train: Trainable,
    input_size: usize,
    batch_size_train: usize,
    seed: u64,
    learning_rate: f64,
    lr_drop_epoch: usize,
    start_epoch: usize,
    max_epoch_num: usize,
    model_save_fre: usize,
    eval_every: usize,
    log_every: usize,
    save_every: usize,
    workers: usize,
    prefetch_bytes: Option<u64>,
    last_batch: LastBatch,
    on_refusal: OnRefusal,
    iou_weight: f64,
    #[serde(default)]
    compute: Compute,
    model: ModelSource,
    points: PointConfig,
    evaluation: EvalConfig,
    data: DataFile,
}

/// What there is more of now is as it was then: HQ-SAM's.
impl From<FlatConfig> for TrainConfig {
    fn from(flat: FlatConfig) -> Self {
        let prefetch_bytes =
            flat.prefetch_bytes.unwrap_or_else(|| LoaderConfig::default().prefetch_bytes);
        let mut loss = LossConfig { points: flat.points, ..LossConfig::default() };
        loss.weights.insert("iou".into(), flat.iou_weight);
        Self {
            output: flat.output,
            cache: CacheConfig::default(),
            data: flat.data,
            model: ModelSource { input_size: Some(flat.input_size), ..flat.model },
            train: LearningConfig {
                learns: flat.train,
                batch_size: flat.batch_size_train,
                epochs: flat.max_epoch_num,
                first_epoch: flat.start_epoch,
                seed: flat.seed,
                log_every_steps: flat.log_every,
                last_batch: flat.last_batch,
                on_refusal: flat.on_refusal,
                loss,
                ..LearningConfig::default()
            },
            optimizer: OptimizerConfig {
                learning_rate: flat.learning_rate,
                ..OptimizerConfig::default()
            },
            schedule: ScheduleConfig {
                drop_every_epochs: flat.lr_drop_epoch,
                ..ScheduleConfig::default()
            },
            checkpoints: CheckpointsConfig {
                every_epochs: flat.model_save_fre,
                state_every_steps: flat.save_every,
                ..CheckpointsConfig::default()
            },
            validation: ValidationConfig::new(flat.eval_every, flat.evaluation),
            compute: ComputeConfig::new(flat.compute, flat.workers, prefetch_bytes),
        }
    }
}
