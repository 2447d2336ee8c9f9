//! The data's prompts as the model takes them.

use maskwright_data::prompt::Prompt;
use maskwright_model::{PromptInput, PromptPoint};

/// The same prompt in the model's type; both are in pixels of the model's input.
pub(crate) fn to_model(prompt: &Prompt) -> PromptInput {
    PromptInput {
        points: prompt.points.iter().map(|p| PromptPoint::new(p.x, p.y, p.label)).collect(),
        box_xyxy: prompt.box_xyxy,
        mask: prompt.mask.as_ref().map(|mask| mask.data.clone()),
    }
}
