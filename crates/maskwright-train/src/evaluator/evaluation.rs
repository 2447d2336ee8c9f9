//! What an evaluation found.

use maskwright_image::decode::Warning;
use serde::{Deserialize, Serialize};

use super::metrics::{ImageScores, SetMetrics};
use super::refusals::RefusedRecord;
use super::shown::Shown;

/// Everything an evaluation found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Per set and prompt, in the order asked for.
    pub sets: Vec<SetMetrics>,
    /// Per image, set by set and prompt by prompt.
    pub images: Vec<ImageScores>,
    /// What was odd about records that were evaluated all the same, set by set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RecordWarning>,
    /// Records that could not be used and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRecord>,
    /// The worst and the best predictions.
    #[serde(default, skip_serializing_if = "Shown::is_empty")]
    pub shown: Shown,
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
