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
        let prompts = batch.prompts.iter().zip(&batch.image_of).enumerate();
        let own = prompts.filter(|(_, (_, image))| images.contains(image));
        let asked = own.map(|(object, (prompt, _))| (object, prompts::to_model(prompt)));
        let (several, single): (Vec<_>, Vec<_>) =
            asked.partition(|(_, prompt)| !hq_alone && is_ambiguous(prompt));
        let mut passes = Vec::new();
        for (asked, ambiguous) in [(several, true), (single, false)] {
            for asked in asked.chunks(most) {
                let (objects, prompts) = asked.iter().cloned().unzip();
                passes.push(Self {
                    objects,
                    first_image: images.start,
                    prompts,
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
