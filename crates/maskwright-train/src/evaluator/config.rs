//! How a model is evaluated.

use maskwright_data::loader::OnRefusal;
use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::Preset;
use serde::{Deserialize, Serialize};

use super::clicks::ClickConfig;
use super::sets::EvalSet;

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
    /// Whether clicks are given one after the other, too, and how; none if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicks: Option<ClickConfig>,
    /// Whether the mask of every record is kept, of the kind that is judged first, under the first prompt: for comparisons.
    #[serde(skip)]
    pub keep_masks: bool,
    /// The width of the pictures that are to be kept of the worst and the best predictions, where reading their images again would
    /// take long; none if no pictures are drawn.
    #[serde(skip)]
    pub picture_width: Option<usize>,
    /// What becomes of a record that cannot be used; with a replacement it is left out and named.
    #[serde(skip)]
    pub on_refusal: OnRefusal,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            prompts: vec![PromptKind::Box],
            geometry: Preset::LongestSide,
            boundary_ratio: 0.02,
            seed: 0,
            limit: 0,
            clicks: None,
            keep_masks: false,
            picture_width: None,
            on_refusal: OnRefusal::Fail,
        }
    }
}

impl EvalConfig {
    /// How many records of a set are evaluated.
    pub(crate) fn records(&self, set: &EvalSet) -> usize {
        let all = set.source.len();
        if self.limit == 0 { all } else { all.min(self.limit) }
    }
}
