//! What a model is asked with: the kinds of prompts, and how clicks are given.

use clap::Args;
use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use maskwright_train::evaluator::ClickConfig;
use maskwright_train::evaluator::clicks::FirstMask;
use strum::{EnumString, VariantNames};

use crate::exit::Usage;
use crate::flags::named::named;

/// What a model is asked with: a prompt that is given once, or clicks one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Asked {
    Box,
    #[strum(to_string = "points", serialize = "point")]
    Points,
    #[strum(to_string = "noise_mask", serialize = "noise-mask")]
    NoiseMask,
    Clicks,
}

impl Asked {
    pub(super) fn prompt(self) -> Option<PromptKind> {
        match self {
            Self::Box => Some(PromptKind::Box),
            Self::Points => Some(PromptKind::Points),
            Self::NoiseMask => Some(PromptKind::NoiseMask),
            Self::Clicks => None,
        }
    }
}

/// How clicks are given.
#[derive(Args)]
#[command(next_help_heading = "Clicks")]
pub(super) struct ClickFlags {
    /// At most so many clicks on an object
    #[arg(long, value_name = "N", default_value_t = 20)]
    clicks: usize,

    /// IoUs in percent that clicks are counted to
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', default_value = "80,85,90,95")]
    click_iou: Vec<f64>,

    /// Which of SAM's masks answers the first click: best (of the three for an ambiguous prompt the one with the highest
    /// predicted IoU) or single
    #[arg(long, value_name = "MASK", value_parser = named::<FirstMask>(), default_value = "best")]
    first_click: FirstMask,

    /// Draw clicks from around the middle of the error, up to this share (0 to 1) of its depth there
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    click_jitter: f64,

    /// Masks that get clicks, each its own [default: all that the model has]
    #[arg(long, value_name = "MASK,...", value_delimiter = ',', value_parser = named::<MaskKind>())]
    click_masks: Vec<MaskKind>,
}

impl ClickFlags {
    pub(super) fn resolve(&self) -> Result<ClickConfig, Usage> {
        if let Some(percent) = self.click_iou.iter().find(|iou| !(0.0..=100.0).contains(*iou)) {
            return Err(Usage(format!(
                "--click-iou: expected percents from 0 to 100, found {percent}"
            )));
        }
        Ok(ClickConfig {
            most: self.clicks,
            thresholds: self.click_iou.iter().map(|percent| percent / 100.0).collect(),
            first: self.first_click,
            jitter: self.click_jitter,
            masks: self.click_masks.clone(),
        })
    }
}
