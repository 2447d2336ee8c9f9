//! Scores of records, and their means over sets.

use std::borrow::Borrow;

use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

/// The agreement of one mask with the label, or the mean over several; each value is in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaskScores {
    /// The mask that is scored.
    pub mask: MaskKind,
    /// Intersection over union at the image's own resolution.
    pub iou: f64,
    /// Boundary IoU (Cheng et al., 2021) at the image's own resolution.
    pub boundary_iou: f64,
    /// The IoU that the model predicted; for the HQ mask and the sum, that of SAM's mask beside them. Missing in files from
    /// before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_iou: Option<f64>,
}

impl MaskScores {
    /// Scores of a mask of which no IoU was predicted.
    pub fn new(mask: MaskKind, iou: f64, boundary_iou: f64) -> Self {
        Self { mask, iou, boundary_iou, predicted_iou: None }
    }
}

/// Returns the score of the mask that is judged first: the HQ mask, or SAM's own where there is no HQ head.
pub fn judged(scores: &[MaskScores]) -> Option<&MaskScores> {
    let of = |mask| scores.iter().find(|scores| scores.mask == mask);
    of(MaskKind::Hq).or_else(|| of(MaskKind::Sam))
}

/// The means over objects, one for each mask; none without objects.
pub(super) fn means(objects: &[impl Borrow<ImageScores>]) -> Vec<MaskScores> {
    let Some(first) = objects.first() else { return Vec::new() };
    let mean = |of: &dyn Fn(&MaskScores) -> f64, place: usize| {
        let values = objects.iter().map(|one| of(&one.borrow().scores[place]));
        values.sum::<f64>() / objects.len() as f64
    };
    let of_mask = |(place, scores): (usize, &MaskScores)| MaskScores {
        mask: scores.mask,
        iou: mean(&|scores| scores.iou, place),
        boundary_iou: mean(&|scores| scores.boundary_iou, place),
        predicted_iou: scores
            .predicted_iou
            .map(|_| mean(&|scores| scores.predicted_iou.unwrap_or(0.0), place)),
    };
    first.borrow().scores.iter().enumerate().map(of_mask).collect()
}

/// The scores of one record, which is an object in its image, under one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageScores {
    /// The set's name.
    pub set: String,
    /// The record's number in the set.
    pub record: usize,
    /// The record's name.
    pub name: String,
    /// The number of its image among those of the set that were evaluated; the objects of one image share it.
    #[serde(default)]
    pub image: usize,
    /// The number of the object's pixels that count.
    #[serde(default)]
    pub area: usize,
    /// The number of them that lie in the band of boundary IoU.
    #[serde(default)]
    pub boundary_area: usize,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// The scores, one for each mask of the model.
    pub scores: Vec<MaskScores>,
}

impl ImageScores {
    /// Returns the score of one mask, if the model has it.
    pub fn of(&self, mask: MaskKind) -> Option<&MaskScores> {
        self.scores.iter().find(|scores| scores.mask == mask)
    }
}

/// The means over a set under one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetMetrics {
    /// The set's name.
    pub set: String,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// The number of images with objects that were scored.
    pub images: usize,
    /// The number of objects that were scored: more than images if each of an image's objects is a record. 0 in
    /// files from before they were counted.
    #[serde(default)]
    pub objects: usize,
    /// The number of records whose object allows no prompt, because not a pixel of it is left at the size of the
    /// model's input, or the mask is empty. They are in no mean.
    pub without_prompt: usize,
    /// Of these, the number of empty masks. 0 in files from before they were counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub empty: usize,
    /// The means, one for each mask, in the order SAM, HQ, sum.
    pub scores: Vec<MaskScores>,
}

impl SetMetrics {
    /// Computes the means over the `scored` objects of one set and prompt, which lie in `images` images. `without`
    /// is the number of records without such a prompt.
    pub fn mean(
        set: &str,
        prompt: PromptKind,
        scored: &[ImageScores],
        images: usize,
        without: WithoutPrompt,
    ) -> Self {
        Self {
            set: set.to_owned(),
            prompt,
            images,
            objects: scored.len(),
            without_prompt: without.records,
            empty: without.empty,
            scores: means(scored),
        }
    }

    /// Leaves out the means of all masks but SAM's own.
    pub(crate) fn keep_mask_of_sam(&mut self) {
        self.scores.retain(|scores| scores.mask == MaskKind::Sam);
    }

    /// What was scored: images, or objects where an image has several.
    pub fn counted(&self) -> String {
        let Self { images, objects, .. } = self;
        if objects > images {
            return format!("{objects} objects of {images} images");
        }
        format!("{images} images")
    }

    /// Returns the mean of one mask, if the model has it.
    pub fn of(&self, mask: MaskKind) -> Option<&MaskScores> {
        self.scores.iter().find(|scores| scores.mask == mask)
    }

    /// Says how many objects are in no mean, and why, if there are such.
    pub fn left_out(&self) -> Option<String> {
        let without = WithoutPrompt { records: self.without_prompt, empty: self.empty };
        (without.records > 0).then(|| {
            let all = self.objects.max(self.images) + without.records;
            let (set, prompt, why) = (&self.set, self.prompt, without.why());
            format!("{set} ({prompt}): {} of {all} objects are in no mean: {why}", without.records)
        })
    }

    /// Returns a line for a log, with set, prompt, and both metrics of every mask.
    pub fn one_line(&self) -> String {
        let mut text = format!("{} ({}, {}):", self.set, self.prompt, self.counted());
        for scores in &self.scores {
            text.push_str(&format!(
                "  {} IoU {:.4} boundary IoU {:.4}",
                scores.mask.title(),
                scores.iou,
                scores.boundary_iou
            ));
        }
        if let Some(left_out) = self.left_out() {
            text.push_str("; ");
            text.push_str(&left_out);
        }
        text
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Records whose object allows no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WithoutPrompt {
    /// How many there are.
    pub records: usize,
    /// Of these, those whose mask is empty.
    pub empty: usize,
}

impl WithoutPrompt {
    /// Says why there is no prompt.
    pub fn why(&self) -> String {
        let Self { records, empty } = *self;
        let small = "not a pixel is left at the size of the model's input";
        match (records - empty.min(records), empty) {
            (_, 0) => format!("of {records} {small}"),
            (0, _) => format!("the masks of {empty} are empty"),
            (tiny, _) => format!("of {tiny} {small}, the masks of {empty} are empty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(iou: f64) -> ImageScores {
        ImageScores {
            set: "leaves".into(),
            record: 0,
            name: "a".into(),
            image: 0,
            area: 40,
            boundary_area: 20,
            prompt: PromptKind::Box,
            scores: vec![
                MaskScores::new(MaskKind::Sam, iou, iou / 2.0),
                MaskScores::new(MaskKind::Hq, 1.0, 0.25),
            ],
        }
    }

    #[test]
    fn means_are_per_mask() {
        let images = [image(0.5), image(1.0)];
        let without = WithoutPrompt { records: 3, empty: 0 };
        let metrics = SetMetrics::mean("leaves", PromptKind::Box, &images, 1, without);
        let sam = metrics.of(MaskKind::Sam).expect("scored");
        assert_eq!((sam.iou, sam.boundary_iou), (0.75, 0.375));
        assert_eq!(metrics.of(MaskKind::Hq).expect("scored").boundary_iou, 0.25);
        assert_eq!(metrics.of(MaskKind::SamHq), None);
        assert_eq!((metrics.images, metrics.objects, metrics.without_prompt), (1, 2, 3));
        assert_eq!(metrics.counted(), "2 objects of 1 images");
    }

    #[test]
    fn nothing_scored_has_no_mean() {
        let without = WithoutPrompt { records: 1, empty: 0 };
        assert!(SetMetrics::mean("a", PromptKind::Box, &[], 0, without).scores.is_empty());
    }

    #[test]
    fn objects_without_a_prompt_are_told_with_the_cause() {
        let told = |records, empty| {
            let without = WithoutPrompt { records, empty };
            SetMetrics::mean("cells", PromptKind::Box, &[image(0.5)], 1, without).left_out()
        };
        assert_eq!(told(0, 0), None);
        let lines = [(3, 0), (3, 1), (2, 2)].map(|(records, empty)| told(records, empty).unwrap());
        insta::assert_snapshot!(lines.join("\n"), @"
        cells (box): 3 of 4 objects are in no mean: of 3 not a pixel is left at the size of the model's input
        cells (box): 3 of 4 objects are in no mean: of 2 not a pixel is left at the size of the model's input, the masks of 1 are empty
        cells (box): 2 of 3 objects are in no mean: the masks of 2 are empty
        ");
    }
}
