//! What scores mean: how sure a mean is, on which objects a model is good, how much it knows about its own masks, and which of
//! two models is better.
//!
//! All of it is computed from the scores of an [`Evaluation`]; nothing is predicted again.

mod calibration;
mod comparison;
mod groups;
mod interval;

pub use calibration::{Calibration, CalibrationBin, calibration};
pub use comparison::{Changed, Compared, Comparison};
pub use groups::{Group, groups, size_of};
pub use interval::{Interval, intervals};
use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use super::metrics::means;
use super::{ClickRun, Evaluation, ImageScores, MaskScores};

/// What the scores of one set under one prompt mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetStatistics {
    /// The set's name.
    pub set: String,
    /// The prompt that was given.
    pub prompt: PromptKind,
    /// How sure the means are, one for each mask; none for a single image.
    pub intervals: Vec<MaskInterval>,
    /// The means over images, each of which is the mean over its objects; none where every image has one object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_image: Vec<MaskScores>,
    /// The means over objects of a kind.
    pub groups: Vec<Group>,
    /// Predicted beside true IoU, for each mask.
    pub calibration: Vec<Calibration>,
}

/// How sure the means of a mask are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaskInterval {
    /// The mask.
    pub mask: MaskKind,
    /// The interval of the mean IoU.
    pub iou: Interval,
    /// The interval of the mean boundary IoU.
    pub boundary_iou: Interval,
}

/// How sure the means over clicks of one set and mask are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClickStatistics {
    /// The set's name.
    pub set: String,
    /// The mask.
    pub mask: MaskKind,
    /// The interval of the number of clicks to each IoU, in the order of
    /// [`ClickMetrics::reached`](super::ClickMetrics::reached).
    pub noc: Vec<Interval>,
}

/// Returns what the scores of an evaluation mean, in the order of its sets. `seed` is that of the resampled means.
pub fn of_sets(evaluation: &Evaluation, seed: u64) -> Vec<SetStatistics> {
    let of_set = |set: &super::SetMetrics| {
        let own = |one: &&ImageScores| one.set == set.set && one.prompt == set.prompt;
        let objects: Vec<&ImageScores> = evaluation.images.iter().filter(own).collect();
        SetStatistics {
            set: set.set.clone(),
            prompt: set.prompt,
            intervals: mask_intervals(&objects, seed),
            per_image: match set.objects > set.images {
                true => per_image(&objects),
                false => Vec::new(),
            },
            groups: groups(&objects),
            calibration: calibration(&objects),
        }
    };
    evaluation.sets.iter().map(of_set).collect()
}

/// Returns how sure the numbers of clicks of an evaluation are, in the order of its sets and masks; a single image has none.
pub fn of_clicks(evaluation: &Evaluation, seed: u64) -> Vec<ClickStatistics> {
    let of_set = |metrics: &super::ClickMetrics| {
        let own = |run: &&ClickRun| run.set == metrics.set && run.mask == metrics.mask;
        let counts = |run: &ClickRun| {
            let count = |reached: &super::clicks::Reached| {
                let clicks = maskwright_image::metric::clicks::number_of_clicks;
                clicks(&run.ious, reached.iou, metrics.most) as f64
            };
            (run.image, metrics.reached.iter().map(count).collect())
        };
        let rows: Vec<_> = evaluation.click_runs.iter().filter(own).map(counts).collect();
        Some(ClickStatistics {
            set: metrics.set.clone(),
            mask: metrics.mask,
            noc: intervals(&rows, seed)?,
        })
    };
    evaluation.clicks.iter().filter_map(of_set).collect()
}

fn mask_intervals(objects: &[&ImageScores], seed: u64) -> Vec<MaskInterval> {
    let values = |one: &&ImageScores| {
        let both = |scores: &MaskScores| [scores.iou, scores.boundary_iou];
        (one.image, one.scores.iter().flat_map(both).collect())
    };
    let rows: Vec<(usize, Vec<f64>)> = objects.iter().map(values).collect();
    let found = intervals(&rows, seed).unwrap_or_default();
    let masks = objects.first().map_or(&[][..], |first| &first.scores);
    let of_mask = |(scores, found): (&MaskScores, &[Interval])| MaskInterval {
        mask: scores.mask,
        iou: found[0],
        boundary_iou: found[1],
    };
    masks.iter().zip(found.chunks_exact(2)).map(of_mask).collect()
}

/// The mean over images of the means over their objects.
fn per_image(objects: &[&ImageScores]) -> Vec<MaskScores> {
    let images: Vec<ImageScores> = objects
        .chunk_by(|a, b| a.image == b.image)
        .map(|objects| ImageScores { scores: means(objects), ..objects[0].clone() })
        .collect();
    means(&images)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::evaluator::{SetMetrics, WithoutPrompt};

    /// An object alone in its image, whose HQ mask is always right.
    pub(super) fn object(record: usize, iou: f64) -> ImageScores {
        ImageScores {
            set: "leaves".into(),
            record,
            name: format!("leaf-{record}"),
            image: record,
            area: 4000,
            boundary_area: 1000,
            prompt: PromptKind::Box,
            scores: vec![
                MaskScores::new(MaskKind::Sam, iou, iou / 2.0),
                MaskScores::new(MaskKind::Hq, 1.0, 1.0),
            ],
        }
    }

    pub(super) fn evaluation(objects: &[ImageScores]) -> Evaluation {
        let images = objects.chunk_by(|a, b| a.image == b.image).count();
        let metrics =
            SetMetrics::mean("leaves", PromptKind::Box, objects, images, WithoutPrompt::default());
        Evaluation { sets: vec![metrics], images: objects.to_vec(), ..Evaluation::default() }
    }

    #[test]
    fn images_with_many_objects_count_as_one() {
        // Three bad objects in one image, a good one in another.
        let in_image = |image, iou| ImageScores { image, ..object(0, iou) };
        let objects = [in_image(0, 0.0), in_image(0, 0.0), in_image(0, 0.5), in_image(1, 1.0)];
        let found = of_sets(&evaluation(&objects), 0);
        assert_eq!(found[0].per_image[0].iou, (0.5 / 3.0 + 1.0) / 2.0);
        let sam = found[0].intervals[0];
        assert_eq!((sam.mask, sam.iou), (MaskKind::Sam, Interval { low: 0.5 / 3.0, high: 1.0 }));
        assert!(of_sets(&evaluation(&objects[..1]), 0)[0].intervals.is_empty());
    }
}
