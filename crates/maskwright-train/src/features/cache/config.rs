//! The settings of the cache.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

/// `[cache]`: whether the features of views are kept on disk, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Whether they are kept. That needs an encoder that does not learn, or of which at least the first block does not, and a
    /// fixed number of views ([`LearningConfig::views`](crate::config::LearningConfig::views)).
    pub keep: bool,
    /// The number type in which they are kept.
    pub dtype: FeatureType,
    /// The folder of all caches. If not given: `maskwright/features` in the user's folder of caches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

/// The number type in which features are kept.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_type)]
pub enum FeatureType {
    /// bfloat16: half the bytes, features rounded to 8 bits of precision.
    #[default]
    Bf16,
    /// f32: training is then, to the last bit, what it is without a cache on the same views.
    F32,
}

fn no_type(found: &str) -> String {
    format!("expected {}, found {found}", FeatureType::VARIANTS.join(" or "))
}

impl FeatureType {
    /// Returns the number of bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}
