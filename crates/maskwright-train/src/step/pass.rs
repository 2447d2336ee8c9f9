//! Objects of a batch that are asked about together.

use maskwright_data::batch::TrainBatch;
use maskwright_model::PromptInput;

use super::StepSettings;
use crate::prompts;

/// Some objects of a batch, each with its prompt, in one pass through the decoder.
pub(super) struct Pass {
    /// Numbers of the objects in the batch.
    pub(super) objects: Vec<usize>,
    /// A prompt for each of them.
    pub(super) prompts: Vec<PromptInput>,
    /// 0 for the first prediction, from 1 for those after corrections.
    pub(super) round: u64,
    /// Whether each prompt is a single point, which could mean several objects.
    pub(super) ambiguous: bool,
}

impl Pass {
    /// The passes of the first predictions of a batch. They are done from the last to the first.
    pub(super) fn first(batch: &TrainBatch, settings: &StepSettings) -> Vec<Self> {
        let all: Vec<PromptInput> = batch.prompts.iter().map(prompts::to_model).collect();
        let ambiguous = |&object: &usize| !settings.hq_alone && is_ambiguous(&all[object]);
        let (several, single): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(ambiguous);
        let most = match settings.objects_per_step {
            0 => all.len().max(1),
            most => most,
        };
        let mut passes = Vec::new();
        for (objects, ambiguous) in [(several, true), (single, false)] {
            for objects in objects.chunks(most) {
                let prompts = objects.iter().map(|&object| all[object].clone()).collect();
                passes.push(Self { objects: objects.to_vec(), prompts, round: 0, ambiguous });
            }
        }
        passes
    }

    /// The image of each object.
    pub(super) fn image_of(&self, batch: &TrainBatch) -> Vec<usize> {
        self.objects.iter().map(|&object| batch.image_of[object]).collect()
    }
}

/// Whether a prompt is a single point on the object.
fn is_ambiguous(prompt: &PromptInput) -> bool {
    let one = matches!(&prompt.points[..], [point] if point.label == 1);
    one && prompt.box_xyxy.is_none() && prompt.mask.is_none()
}
