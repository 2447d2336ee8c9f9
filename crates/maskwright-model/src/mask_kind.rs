//! The masks of a model with an HQ head, by name.

use serde::{Deserialize, Serialize};

use crate::words;

/// Which of the model's masks is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskKind {
    /// SAM's own single mask.
    Sam,
    /// The HQ token's mask alone (HQ-SAM's validation).
    Hq,
    /// The sum of both masks' logits (HQ-SAM's predictor).
    SamHq,
}

const NAMES: [(&str, MaskKind); 4] = [
    ("sam", MaskKind::Sam),
    ("hq", MaskKind::Hq),
    ("sam_hq", MaskKind::SamHq),
    ("sam-hq", MaskKind::SamHq),
];

impl MaskKind {
    /// Returns the name in tables and files.
    pub fn name(self) -> &'static str {
        words::name(&NAMES, &self)
    }

    /// Returns the name in sentences and headings.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sam => "SAM",
            Self::Hq => "HQ",
            Self::SamHq => "SAM + HQ",
        }
    }
}

impl std::fmt::Display for MaskKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for MaskKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        words::read(&NAMES, text)
    }
}
