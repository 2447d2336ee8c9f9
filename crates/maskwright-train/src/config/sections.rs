//! The sections of a run's settings, each with HQ-SAM's defaults.

use maskwright_data::loader::{LastBatch, LoaderConfig, OnRefusal};
use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::Preset;
use maskwright_model::device::{Compute, DeviceName};
use maskwright_model::{Precision, Trainable};
use serde::{Deserialize, Serialize};

use crate::evaluator::EvalConfig;
use crate::loss::LossConfig;

/// `[train]`: what learns, from how many images at a time, for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningConfig {
    /// Which parameters learn.
    pub learns: Trainable,
    /// Images per step. HQ-SAM: 4.
    pub batch_size: usize,
    /// The run ends before the epoch of this number, counted from 0. HQ-SAM: 12.
    pub epochs: usize,
    /// Number of the first epoch.
    pub first_epoch: usize,
    /// Seed of everything random: initial weights, order, jitter, prompts, loss points.
    pub seed: u64,
    /// Steps between two lines of `metrics.jsonl`.
    pub log_every_steps: usize,
    /// What becomes of records that do not fill a batch at an epoch's end.
    pub last_batch: LastBatch,
    /// What becomes of a record that cannot be used.
    pub on_refusal: OnRefusal,
    /// What is minimised.
    pub loss: LossConfig,
}

impl Default for LearningConfig {
    fn default() -> Self {
        Self {
            learns: Trainable::Hq,
            batch_size: 4,
            epochs: 12,
            first_epoch: 0,
            seed: 42,
            log_every_steps: 20,
            last_batch: LastBatch::default(),
            on_refusal: OnRefusal::default(),
            loss: LossConfig::default(),
        }
    }
}

/// `[checkpoints]`: when models and states are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointsConfig {
    /// Epochs between two checkpoints; the last epoch always has one.
    pub every_epochs: usize,
    /// Steps between two saved states within an epoch, beside the one at its end; 0 for none.
    pub state_every_steps: usize,
}

impl Default for CheckpointsConfig {
    fn default() -> Self {
        Self { every_epochs: 1, state_every_steps: 1000 }
    }
}

/// `[validation]`: when and how the validation sets are evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationConfig {
    /// Epochs between two validations; the last epoch is always validated.
    pub every_epochs: usize,
    /// The prompts each image is given, one evaluation each. HQ-SAM: its box.
    pub prompts: Vec<PromptKind>,
    /// How an image becomes a model input.
    pub geometry: Preset,
    /// Width of the boundary in boundary IoU, as a share of the image's diagonal
    /// (Cheng et al., 2021). HQ-SAM: 0.02.
    pub boundary_ratio: f64,
    /// Seed of the prompts that are drawn (points, noise mask).
    pub seed: u64,
    /// At most so many images of each set, 0 for all: a quick look during training.
    pub limit: usize,
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self::new(1, EvalConfig::default())
    }
}

impl ValidationConfig {
    /// Every so many epochs, in this way.
    pub fn new(every_epochs: usize, evaluation: EvalConfig) -> Self {
        let EvalConfig { prompts, geometry, boundary_ratio, seed, limit } = evaluation;
        Self { every_epochs, prompts, geometry, boundary_ratio, seed, limit }
    }

    /// How the sets are evaluated.
    pub fn evaluation(&self) -> EvalConfig {
        EvalConfig {
            prompts: self.prompts.clone(),
            geometry: self.geometry,
            boundary_ratio: self.boundary_ratio,
            seed: self.seed,
            limit: self.limit,
        }
    }
}

/// `[compute]`: where, and with how many threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComputeConfig {
    /// The device: `cpu`, `cuda` or `cuda:N`.
    pub device: DeviceName,
    /// Of the frozen image encoder's products; if not given, bf16 on a GPU and f32 on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Whether f32 products on a GPU may round their factors to TF32.
    pub allow_tf32: bool,
    /// Decoding threads; 0 for one per core.
    pub workers: usize,
    /// Bytes that batches made ahead of training may take, beside the bound of two batches more
    /// than threads; one batch is made ahead however large it is.
    pub prefetch_bytes: u64,
}

impl Default for ComputeConfig {
    fn default() -> Self {
        let loader = LoaderConfig::default();
        Self::new(Compute::default(), 0, loader.prefetch_bytes)
    }
}

impl ComputeConfig {
    /// On this device, with this many decoding threads.
    pub fn new(compute: Compute, workers: usize, prefetch_bytes: u64) -> Self {
        let Compute { device, precision, allow_tf32 } = compute;
        Self { device, precision, allow_tf32, workers, prefetch_bytes }
    }

    /// Where models compute.
    pub fn compute(&self) -> Compute {
        let Self { device, precision, allow_tf32, .. } = *self;
        Compute { device, precision, allow_tf32 }
    }
}
