//! The masks of a model with an HQ head, by name.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::words;

/// Which of the model's masks is meant.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = no_kind)]
pub enum MaskKind {
    /// SAM's own single mask.
    Sam,
    /// The HQ token's mask alone (HQ-SAM's validation).
    Hq,
    /// The sum of both masks' logits (HQ-SAM's predictor).
    #[strum(to_string = "sam_hq", serialize = "sam-hq")]
    SamHq,
}

fn no_kind(found: &str) -> String {
    words::expected(MaskKind::VARIANTS, found)
}

impl MaskKind {
    /// Returns the name in tables and files.
    pub fn name(self) -> &'static str {
        self.into()
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
