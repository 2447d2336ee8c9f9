//! Evaluation: IoU and boundary IoU of a model's masks at the images' own resolution.
//!
//! Each image goes through the model once per kind of prompt; SAM's own mask, the HQ mask
//! and their sum are scored side by side from the same features. HQ-SAM's validation
//! scores the HQ mask alone and its predictor shows the sum; both have a name here
//! ([`MaskKind`](maskwright_model::MaskKind)).
//!
//! Three stages run beside each other: samples are decoded, the model runs, masks are
//! brought to the image's size and scored. Results come in the sets' order.

mod metrics;
mod run;

use std::sync::Arc;

use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::Preset;
use maskwright_data::source::Source;
use serde::{Deserialize, Serialize};

pub use metrics::{Evaluation, ImageScores, MaskScores, SetMetrics};
pub(crate) use run::all_masks;
pub use run::evaluate;

/// How a model is evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
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

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            prompts: vec![PromptKind::Box],
            geometry: Preset::LongestSide,
            boundary_ratio: 0.02,
            seed: 0,
            limit: 0,
        }
    }
}

/// A named set to evaluate on.
#[derive(Clone)]
pub struct EvalSet {
    /// The name in tables.
    pub name: String,
    /// Its records.
    pub source: Arc<dyn Source>,
}
