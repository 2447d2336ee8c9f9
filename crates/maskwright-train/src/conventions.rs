//! What a run's checkpoints say of how their model is used rightly.

use maskwright_data::prompt::MaskValues;
use maskwright_model::{Conventions, MaskKind, MaskPromptValues, Padding, Sam, Training};

use crate::config::TrainConfig;
use crate::error::Result;

/// The model, remembering how this run trains and validates it: the padding and the mask prompts of its
/// samples, the geometry of its validation and the mask that is judged there. Pixels are normalised as they were before.
pub(crate) fn remembered(sam: Sam, config: &TrainConfig) -> Result<Sam> {
    let padding = Padding::Value(config.data.plan.pad);
    let mask_prompt = match config.data.prompts.mask_values {
        MaskValues::ZeroTo255 => MaskPromptValues::ZeroTo255,
        MaskValues::Logits => MaskPromptValues::Logits,
    };
    let mut conventions = Conventions::new(padding, mask_prompt, config.validation.geometry.name());
    conventions.mask = Some(if sam.config().hq { MaskKind::Hq } else { MaskKind::Sam });
    if let Some(before) = sam.conventions() {
        conventions.pixel_mean = before.pixel_mean;
        conventions.pixel_std = before.pixel_std;
    }
    Ok(sam.with_conventions(conventions)?)
}

/// The model, remembering how it was trained, too.
pub(crate) fn trained(sam: Sam, training: Training) -> Result<Sam> {
    let Some(known) = sam.conventions().cloned() else { return Ok(sam) };
    Ok(sam.with_conventions(Conventions { training: Some(training), ..known })?)
}
