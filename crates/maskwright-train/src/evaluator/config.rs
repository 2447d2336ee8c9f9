//! How a model is evaluated.

use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::Preset;
use serde::{Deserialize, Serialize};

/// How a model is evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
    /// The kinds of prompt; each image is evaluated once with each of them. HQ-SAM: the box.
    pub prompts: Vec<PromptKind>,
    /// How an image is fitted into the model's input.
    pub geometry: Preset,
    /// The width of the boundary in boundary IoU, as a share of the image's diagonal (Cheng et al.,
    /// 2021). HQ-SAM: 0.02.
    pub boundary_ratio: f64,
    /// The seed of the prompts that are drawn at random (points, noise mask).
    pub seed: u64,
    /// The largest number of images that are evaluated of each set; 0 for all.
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
