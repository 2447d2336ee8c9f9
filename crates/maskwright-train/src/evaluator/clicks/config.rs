//! How clicks are given.

use maskwright_model::{MaskKind, Sam};
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::error::{Error, Result};

/// How a model is evaluated by clicks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClickConfig {
    /// The largest number of clicks on an object.
    pub most: usize,
    /// The IoUs that the clicks are counted to.
    pub thresholds: Vec<f64>,
    /// Which of SAM's masks answers the first click.
    pub first: FirstMask,
    /// How far a click lies from the middle of the error, at most, as a share of the error's depth there, in `[0, 1]`: a draw
    /// from the pixels that near, all of which are wrong. 0: in the middle, as the protocol has it.
    pub jitter: f64,
    /// The masks that get clicks, each its own; empty for all that the model has.
    pub masks: Vec<MaskKind>,
}

/// Which of SAM's masks answers a single click, which is ambiguous.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::Display,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FirstMask {
    /// Of the three masks for an ambiguous prompt the one with the highest predicted IoU, as SAM's examples do it.
    #[default]
    Best,
    /// The single mask, as for every other prompt.
    Single,
}

impl Default for ClickConfig {
    fn default() -> Self {
        Self {
            most: 20,
            thresholds: vec![0.8, 0.85, 0.9, 0.95],
            first: FirstMask::default(),
            jitter: 0.0,
            masks: Vec::new(),
        }
    }
}

impl ClickConfig {
    /// Returns the masks of `sam` that get clicks, in the order SAM, HQ, sum.
    ///
    /// # Errors
    /// [`Error::Setting`] for values out of range, and masks that the model does not have.
    pub fn check(&self, sam: &Sam) -> Result<Vec<MaskKind>> {
        let refused = |key: &str, expected: &str, found: String| {
            Err(Error::setting(format!("clicks.{key}"), expected, found))
        };
        if self.most == 0 {
            return refused("most", "at least one click", "0".into());
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return refused("jitter", "a share in 0..=1", self.jitter.to_string());
        }
        if let Some(iou) = self.thresholds.iter().find(|iou| !(0.0..=1.0).contains(*iou)) {
            return refused("thresholds", "IoUs in 0..=1", iou.to_string());
        }
        let all: &[MaskKind] = match sam.config().hq {
            true => &[MaskKind::Sam, MaskKind::Hq, MaskKind::SamHq],
            false => &[MaskKind::Sam],
        };
        if let Some(mask) = self.masks.iter().find(|mask| !all.contains(mask)) {
            return refused(
                "masks",
                "masks that the model has (sam, for it has no HQ head)",
                mask.name().into(),
            );
        }
        let wanted = |mask: &MaskKind| self.masks.is_empty() || self.masks.contains(mask);
        Ok(all.iter().copied().filter(wanted).collect())
    }
}
