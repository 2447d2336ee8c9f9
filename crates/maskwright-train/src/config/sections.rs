//! The sections of a run's settings, each with HQ-SAM's defaults.

use maskwright_data::loader::{LastBatch, LoaderConfig, OnRefusal};
use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::{Preset, SampleConfig};
use maskwright_image::decode::DecodeBudget;
use maskwright_model::adapter::LoraConfig;
use maskwright_model::device::{Compute, DeviceName};
use maskwright_model::{Precision, Trainable};
use serde::{Deserialize, Serialize};

use super::best_by::BestBy;
use crate::evaluator::{ClickConfig, EvalConfig};
use crate::loss::LossConfig;

/// `[train]`: which parameters learn, the images per step, and the length of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningConfig {
    /// Which parameters learn.
    pub learns: Trainable,
    /// Images per step. HQ-SAM: 4.
    pub batch_size: usize,
    /// The number of the epoch before which the run ends, counted from 0. HQ-SAM: 12.
    pub epochs: usize,
    /// The number of the first epoch, counted from 0.
    pub first_epoch: usize,
    /// The seed of everything random: initial weights, order of the samples, jitter, prompts, loss
    /// points.
    pub seed: u64,
    /// The number of steps between two `"step"` lines of `metrics.jsonl`.
    pub log_every_steps: usize,
    /// What happens at the end of an epoch to records that do not fill a batch.
    pub last_batch: LastBatch,
    /// What happens when a record cannot be used.
    pub on_refusal: OnRefusal,
    /// The number of objects of an image that are drawn for a step, or all if it has fewer; the image is encoded once for all
    /// of them. HQ-SAM: 1.
    pub objects_per_image: usize,
    /// The largest number of objects that are decoded at a time, which bounds the memory; 0 for all of a batch.
    pub objects_per_step: usize,
    /// The largest number of rounds after the first prediction, each with one more click where the prediction is wrong
    /// ([`step`](crate::step)). HQ-SAM: 0.
    pub corrections: usize,
    /// The number of different views of each image: epoch e shows view e modulo this, with prompts and objects drawn anew. 0
    /// makes a new view in every epoch, as HQ-SAM does.
    pub views: u64,
    /// The number of batches whose gradients make one update, so that few images fit into memory at a time and many make
    /// an update. Their mean, each batch counted by its objects, is the gradient of one large batch. At the end of an
    /// epoch, batches that are too few make an update by themselves.
    pub accumulate: usize,
    /// The decay of an exponential moving average of the weights, which is evaluated and saved beside the weights
    /// themselves; in (0, 1), such as 0.999. If not given, there is no average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// The number of validations in a row without a better one ([`CheckpointsConfig::best_by`]) after which the run ends.
    /// If not given, it runs through all epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// The low-rank adapter, if one learns.
    #[serde(skip_serializing_if = "is_default")]
    pub lora: LoraConfig,
    /// The loss that is minimised.
    pub loss: LossConfig,
}

fn is_default(lora: &LoraConfig) -> bool {
    *lora == LoraConfig::default()
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
            objects_per_image: 1,
            objects_per_step: 0,
            corrections: 0,
            views: 0,
            accumulate: 1,
            ema: None,
            patience: None,
            lora: LoraConfig::default(),
            loss: LossConfig::default(),
        }
    }
}

/// `[checkpoints]`: when models and states are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointsConfig {
    /// The number of epochs between two checkpoints. The last epoch always writes one.
    pub every_epochs: usize,
    /// The number of steps between two saved states within an epoch, in addition to the one at its end;
    /// 0 for none.
    pub state_every_steps: usize,
    /// By what the best epoch is told, whose checkpoint is never deleted. With an average of the weights it is the
    /// average's validation that counts.
    pub best_by: BestBy,
    /// The number of epochs whose checkpoints are kept, the newest ones, beside those of the best epoch. If not given,
    /// one of the whole model and all of what was tuned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<usize>,
}

impl Default for CheckpointsConfig {
    fn default() -> Self {
        Self { every_epochs: 1, state_every_steps: 1000, best_by: BestBy::default(), keep: None }
    }
}

/// `[validation]`: when and how the validation sets are evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationConfig {
    /// Whether the model is validated as it came, before the first step, to be compared with what becomes of it. One that begins with
    /// fresh weights throughout never is.
    pub before: bool,
    /// The number of epochs between two validations. The last epoch is always validated.
    pub every_epochs: usize,
    /// The kinds of prompt; each image is evaluated once with each of them. HQ-SAM: the box.
    pub prompts: Vec<PromptKind>,
    /// How an image is fitted into the model's input.
    pub geometry: Preset,
    /// The width of the boundary in boundary IoU, as a share of the image's diagonal (Cheng et al.,
    /// 2021). HQ-SAM: 0.02.
    pub boundary_ratio: f64,
    /// The seed of the prompts that are drawn at random (points, noise mask).
    pub seed: u64,
    /// The largest number of images that are evaluated of each set, for a quick check during training; 0
    /// for all.
    pub limit: usize,
    /// Whether clicks are given one after the other, too, and how; of the trained mask if it says none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicks: Option<ClickConfig>,
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self::new(1, EvalConfig::default())
    }
}

impl ValidationConfig {
    /// Validates every `every_epochs` epochs, as `evaluation` says.
    pub fn new(every_epochs: usize, evaluation: EvalConfig) -> Self {
        let EvalConfig { prompts, geometry, boundary_ratio, seed, limit, clicks, .. } = evaluation;
        let before = true;
        Self { before, every_epochs, prompts, geometry, boundary_ratio, seed, limit, clicks }
    }

    /// Returns how the sets are evaluated.
    pub fn evaluation(&self) -> EvalConfig {
        EvalConfig {
            prompts: self.prompts.clone(),
            geometry: self.geometry,
            boundary_ratio: self.boundary_ratio,
            seed: self.seed,
            limit: self.limit,
            clicks: self.clicks.clone(),
            ..EvalConfig::default()
        }
    }
}

/// `[compute]`: the device, its precision, and the threads and memory of the loader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComputeConfig {
    /// The device: `cpu`, `cuda` or `cuda:N`.
    pub device: DeviceName,
    /// The number type in which the frozen image encoder multiplies. If not given: bf16 on a GPU, f32 on
    /// the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Whether f32 products on a GPU may round their factors to TF32.
    pub allow_tf32: bool,
    /// The number of threads that decode and sample; 0 for one per core.
    pub workers: usize,
    /// The largest number of bytes that batches made in advance may take. Independently of it, at most
    /// two batches more than there are threads are made in advance, and always at least one.
    pub prefetch_bytes: u64,
    /// Bytes that decoding images and masks may take at a time, over all threads; if not given, a quarter of the
    /// machine's memory. An image that takes more alone is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_memory: Option<u64>,
}

impl Default for ComputeConfig {
    fn default() -> Self {
        let loader = LoaderConfig::default();
        Self::new(Compute::default(), 0, loader.prefetch_bytes)
    }
}

impl ComputeConfig {
    /// Settings with this device and precision, number of threads, and bytes of batches made in advance.
    pub fn new(compute: Compute, workers: usize, prefetch_bytes: u64) -> Self {
        let Compute { device, precision, allow_tf32 } = compute;
        let decode_memory = None;
        Self { device, precision, allow_tf32, workers, prefetch_bytes, decode_memory }
    }

    /// Sample settings whose decoding keeps to [`decode_memory`](Self::decode_memory).
    pub(crate) fn bounded(&self, mut samples: SampleConfig) -> SampleConfig {
        if let Some(bytes) = self.decode_memory {
            samples.decode_budget = DecodeBudget::new(bytes);
        }
        samples
    }

    /// Returns the device and precision for models.
    pub fn compute(&self) -> Compute {
        let Self { device, precision, allow_tf32, .. } = *self;
        Compute { device, precision, allow_tf32 }
    }
}
