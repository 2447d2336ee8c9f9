//! What of a step may be no number.

use serde::{Deserialize, Serialize};

/// What of a step is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum NotFinite {
    /// The loss.
    Loss,
    /// The gradient: a value of it, or its norm.
    Gradient,
}
