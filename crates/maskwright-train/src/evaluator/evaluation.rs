//! What an evaluation found.

use maskwright_image::decode::Warning;
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use super::clicks::{ClickMetrics, ClickRun};
use super::metrics::{ImageScores, SetMetrics};
use super::refusals::RefusedRecord;
use super::shown::{Shown, ShownPrediction};

/// Everything an evaluation found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Per set and prompt, in the order asked for.
    pub sets: Vec<SetMetrics>,
    /// Per image, set by set and prompt by prompt.
    pub images: Vec<ImageScores>,
    /// Per set and mask, where clicks were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clicks: Vec<ClickMetrics>,
    /// The clicks on every object, set by set and mask by mask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub click_runs: Vec<ClickRun>,
    /// What was odd about records that were evaluated all the same, set by set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RecordWarning>,
    /// Records that could not be used and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRecord>,
    /// Records that were used though a file of them is damaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<RefusedRecord>,
    /// The worst and the best predictions.
    #[serde(default, skip_serializing_if = "Shown::is_empty")]
    pub shown: Shown,
    /// The predictions of all records under the first prompt, where that was asked for
    /// ([`EvalConfig::keep_masks`](super::EvalConfig::keep_masks)).
    #[serde(skip)]
    pub kept: Vec<ShownPrediction>,
}

impl Evaluation {
    /// Leaves out the scores and pictures of all masks but SAM's own.
    pub(crate) fn keep_mask_of_sam(&mut self) {
        self.sets.iter_mut().for_each(SetMetrics::keep_mask_of_sam);
        for image in &mut self.images {
            image.scores.retain(|scores| scores.mask == MaskKind::Sam);
        }
        self.clicks.retain(|clicks| clicks.mask == MaskKind::Sam);
        self.click_runs.retain(|run| run.mask == MaskKind::Sam);
        self.shown = Shown::default();
    }
}

/// How long an evaluation took, and for how much.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EvalTimes {
    /// The number of images that were encoded.
    pub images: usize,
    /// Seconds that the image encoder took.
    pub encode_seconds: f64,
    /// The number of prompts that were answered, clicks aside.
    pub prompts: usize,
    /// Seconds that the masks of these prompts took.
    pub decode_seconds: f64,
    /// The number of clicks that were answered.
    pub clicks: usize,
    /// Seconds that the masks of these clicks took.
    pub click_seconds: f64,
    /// The same by set and mask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clicks_by: Vec<ClickTimes>,
    /// Seconds from the first image to the last score. Reading images and scoring masks go on beside the model.
    pub seconds: f64,
}

impl EvalTimes {
    /// Returns the mean time in seconds of a click on the objects of a set, for one of the model's masks.
    pub fn per_click(&self, set: &str, mask: MaskKind) -> Option<f64> {
        let own = self.clicks_by.iter().find(|own| own.set == set && own.mask == mask)?;
        (own.clicks > 0).then(|| own.seconds / own.clicks as f64)
    }
}

/// How long the clicks on the objects of a set took, for one of the model's masks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClickTimes {
    /// The set's name.
    pub set: String,
    /// The mask that was judged, and clicked on.
    pub mask: MaskKind,
    /// The number of clicks that were answered.
    pub clicks: usize,
    /// Seconds that the masks of these clicks took; the image is encoded before.
    pub seconds: f64,
}

/// Something odd about a record that was used all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordWarning {
    /// Set and name of the record: `set/name`.
    pub record: String,
    /// What was odd.
    pub text: String,
}

impl RecordWarning {
    /// The warnings about one record.
    pub fn all(set: &str, name: &str, warnings: &[Warning]) -> Vec<Self> {
        let one =
            |warning: &Warning| Self { record: format!("{set}/{name}"), text: warning.to_string() };
        warnings.iter().map(one).collect()
    }
}
