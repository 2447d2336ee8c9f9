//! Objects of a batch that are asked about together.

use std::ops::Range;

use maskwright_data::batch::TrainBatch;
use maskwright_model::PromptInput;

use crate::prompts;

/// Some objects of a batch, each with its prompt, in one pass through the decoder.
pub(super) struct Pass {
    /// Numbers of the objects in the batch.
    pub(super) objects: Vec<usize>,
    /// The number of the first image of the lane in the batch.
    first_image: usize,
    /// A prompt for each of them.
    pub(super) prompts: Vec<PromptInput>,
    /// 0 for the first prediction, from 1 for those after corrections.
    pub(super) round: u64,
    /// Whether each prompt is a single point, which could mean several objects.
    pub(super) ambiguous: bool,
}

impl Pass {
    /// The passes of the first predictions of a lane's images, each of at most `most` objects. They are done from the last to the
    /// first.
    pub(super) fn first(
        batch: &TrainBatch,
        images: &Range<usize>,
        most: usize,
        hq_alone: bool,
    ) -> Vec<Self> {
        let all: Vec<PromptInput> = batch.prompts.iter().map(prompts::to_model).collect();
        let ambiguous = |&object: &usize| !hq_alone && is_ambiguous(&all[object]);
        let own = (0..all.len()).filter(|&object| images.contains(&batch.image_of[object]));
        let (several, single): (Vec<usize>, Vec<usize>) = own.partition(ambiguous);
        let mut passes = Vec::new();
        for (objects, ambiguous) in [(several, true), (single, false)] {
            for objects in objects.chunks(most) {
                passes.push(Self {
                    objects: objects.to_vec(),
                    first_image: images.start,
                    prompts: objects.iter().map(|&object| all[object].clone()).collect(),
                    round: 0,
                    ambiguous,
                });
            }
        }
        passes
    }

    /// The next round of this pass with these objects of it.
    pub(super) fn next(&self, objects: Vec<usize>, prompts: Vec<PromptInput>) -> Self {
        Self {
            objects,
            first_image: self.first_image,
            prompts,
            round: self.round + 1,
            ambiguous: false,
        }
    }

    /// The image of each object among those of the lane.
    pub(super) fn image_of(&self, batch: &TrainBatch) -> Vec<usize> {
        self.objects.iter().map(|&object| batch.image_of[object] - self.first_image).collect()
    }
}

/// Whether a prompt is a single point on the object.
fn is_ambiguous(prompt: &PromptInput) -> bool {
    let one = matches!(&prompt.points[..], [point] if point.label == 1);
    one && prompt.box_xyxy.is_none() && prompt.mask.is_none()
}
