//! The result of an evaluation.

use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use super::refusals::RefusedRecord;

/// The agreement of one mask with the label, or the mean over several; each value is in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaskScores {
    /// The mask that is scored.
    pub mask: MaskKind,
    /// Intersection over union at the image's own resolution.
    pub iou: f64,
    /// Boundary IoU (Cheng et al., 2021) at the image's own resolution.
    pub boundary_iou: f64,
}

/// The scores of one image under one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageScores {
    /// The set's name.
    pub set: String,
    /// The record's number in the set.
    pub record: usize,
    /// The record's name.
    pub name: String,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// The scores, one for each mask of the model.
    pub scores: Vec<MaskScores>,
}

/// The means over a set under one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetMetrics {
    /// The set's name.
    pub set: String,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// The number of objects that were scored, one per record.
    pub images: usize,
    /// The number of records whose object allows no prompt of this kind, because it is empty or has too
    /// few pixels for the points.
    pub without_prompt: usize,
    /// The means, one for each mask, in the order SAM, HQ, sum.
    pub scores: Vec<MaskScores>,
}

impl SetMetrics {
    /// Computes the means over `images`, all of one set and prompt. `without` is the number of records
    /// without such a prompt.
    pub fn mean(set: &str, prompt: PromptKind, images: &[ImageScores], without: usize) -> Self {
        let count = images.len();
        let scores = images.first().map_or_else(Vec::new, |first| {
            let mean = |of: fn(&MaskScores) -> f64, place: usize| {
                images.iter().map(|image| of(&image.scores[place])).sum::<f64>() / count as f64
            };
            (0..first.scores.len())
                .map(|place| MaskScores {
                    mask: first.scores[place].mask,
                    iou: mean(|s| s.iou, place),
                    boundary_iou: mean(|s| s.boundary_iou, place),
                })
                .collect()
        });
        Self { set: set.to_owned(), prompt, images: count, without_prompt: without, scores }
    }

    /// Returns the mean of one mask, if the model has it.
    pub fn of(&self, mask: MaskKind) -> Option<&MaskScores> {
        self.scores.iter().find(|scores| scores.mask == mask)
    }

    /// Returns a line for a log, with set, prompt, and both metrics of every mask.
    pub fn one_line(&self) -> String {
        let mut text = format!("{} ({}, {} images):", self.set, self.prompt, self.images);
        for scores in &self.scores {
            text.push_str(&format!(
                "  {} IoU {:.4} boundary IoU {:.4}",
                scores.mask.title(),
                scores.iou,
                scores.boundary_iou
            ));
        }
        text
    }
}

/// All results of an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The means for each set and prompt, in the order of the settings.
    pub sets: Vec<SetMetrics>,
    /// The scores of each image, set by set and prompt by prompt.
    pub images: Vec<ImageScores>,
    /// Records that could not be used and were left out.
    #[serde(default)]
    pub refused: Vec<RefusedRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(iou: f64) -> ImageScores {
        ImageScores {
            set: "leaves".into(),
            record: 0,
            name: "a".into(),
            prompt: PromptKind::Box,
            scores: vec![
                MaskScores { mask: MaskKind::Sam, iou, boundary_iou: iou / 2.0 },
                MaskScores { mask: MaskKind::Hq, iou: 1.0, boundary_iou: 0.25 },
            ],
        }
    }

    #[test]
    fn means_are_per_mask() {
        let images = [image(0.5), image(1.0)];
        let metrics = SetMetrics::mean("leaves", PromptKind::Box, &images, 3);
        let sam = metrics.of(MaskKind::Sam).expect("scored");
        assert_eq!((sam.iou, sam.boundary_iou), (0.75, 0.375));
        assert_eq!(metrics.of(MaskKind::Hq).expect("scored").boundary_iou, 0.25);
        assert_eq!(metrics.of(MaskKind::SamHq), None);
        assert_eq!((metrics.images, metrics.without_prompt), (2, 3));
    }

    #[test]
    fn nothing_scored_has_no_mean() {
        assert!(SetMetrics::mean("a", PromptKind::Box, &[], 1).scores.is_empty());
    }
}
