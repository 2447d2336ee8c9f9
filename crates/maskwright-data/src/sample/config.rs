//! The settings of samples.

use std::str::FromStr;

use maskwright_image::decode::Limits;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::plan::PlanConfig;
use crate::prompt::PromptConfig;

/// How samples are made.
#[derive(Debug, Clone, Default)]
pub struct SampleConfig {
    /// How training samples are cut out, and the size of all samples.
    pub plan: PlanConfig,
    /// How prompts are drawn.
    pub prompts: PromptConfig,
    /// What the decoder accepts.
    pub limits: Limits,
}

impl SampleConfig {
    /// The defaults for a model with an input of `size` x `size` pixels and patches of 16 pixels,
    /// whose mask prompts have a quarter of that size.
    pub fn for_size(size: usize) -> SampleConfig {
        let mut config = SampleConfig::default();
        config.plan.size = size;
        config.prompts.mask_size = (size / 4).max(1);
        config
    }

    /// Refuses settings that no sample can be made with.
    pub fn validate(&self) -> Result<()> {
        self.plan.validate()?;
        self.prompts.validate()
    }
}

/// A geometry without randomness, for evaluation and prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// [`Geometry::squash`]: HQ-SAM's evaluation.
    #[default]
    Squash,
    /// [`Geometry::longest_side`]: SAM's predictor.
    LongestSide,
}

impl Preset {
    /// The view on an image of `source` = (height, width).
    pub fn geometry(self, source: (usize, usize), size: usize) -> Geometry {
        match self {
            Preset::Squash => Geometry::squash(source, size),
            Preset::LongestSide => Geometry::longest_side(source, size),
        }
    }
}

impl FromStr for Preset {
    type Err = Error;

    /// Reads `squash` or `longest_side`; `longest-side` is accepted.
    fn from_str(name: &str) -> Result<Preset> {
        match name {
            "squash" => Ok(Preset::Squash),
            "longest_side" | "longest-side" => Ok(Preset::LongestSide),
            _ => Err(Error::Setting {
                key: "geometry".into(),
                expected: "squash or longest_side".into(),
                found: name.into(),
            }),
        }
    }
}
