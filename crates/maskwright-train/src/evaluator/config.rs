//! How a model is evaluated.

use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::Preset;
use serde::{Deserialize, Serialize};

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
