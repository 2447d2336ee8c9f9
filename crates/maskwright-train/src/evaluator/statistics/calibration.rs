//! How much a model knows about its own masks.

use maskwright_model::MaskKind;
use serde::{Deserialize, Serialize};

use crate::evaluator::ImageScores;

/// The number of equal bins of predicted IoU between 0 and 1.
const BINS: usize = 10;

/// The predicted IoU of masks beside their true IoU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The mask.
    pub mask: MaskKind,
    /// The mean absolute difference between predicted and true IoU.
    pub mean_error: f64,
    /// The mean of predicted minus true IoU: above 0 the model believes too much in its masks.
    pub bias: f64,
    /// The bins of predicted IoU that hold objects, from low to high.
    pub bins: Vec<CalibrationBin>,
}

/// The objects whose predicted IoU lies in a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The lower end of the range; predictions below 0 are in the first.
    pub from: f64,
    /// The upper end; predictions above 1 are in the last.
    pub to: f64,
    /// The number of objects.
    pub objects: usize,
    /// Their mean predicted IoU.
    pub predicted: f64,
    /// Their mean true IoU.
    pub iou: f64,
}

/// Returns the calibration of each mask of the model; none where no IoU was predicted.
pub fn calibration(objects: &[&ImageScores]) -> Vec<Calibration> {
    let masks = objects.first().map_or(&[][..], |first| &first.scores);
    masks.iter().filter_map(|scores| of_mask(objects, scores.mask)).collect()
}

fn of_mask(objects: &[&ImageScores], mask: MaskKind) -> Option<Calibration> {
    let pair = |one: &&ImageScores| {
        let scores = one.of(mask)?;
        Some((scores.predicted_iou?, scores.iou))
    };
    let pairs: Vec<(f64, f64)> = objects.iter().filter_map(pair).collect();
    if pairs.is_empty() {
        return None;
    }
    let mean = |pairs: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        pairs.iter().map(of).sum::<f64>() / pairs.len() as f64
    };
    let bin_of = |predicted: f64| ((predicted * BINS as f64).max(0.0) as usize).min(BINS - 1);
    let bins = (0..BINS).filter_map(|bin| {
        let members: Vec<(f64, f64)> =
            pairs.iter().copied().filter(|(predicted, _)| bin_of(*predicted) == bin).collect();
        (!members.is_empty()).then(|| CalibrationBin {
            from: bin as f64 / BINS as f64,
            to: (bin + 1) as f64 / BINS as f64,
            objects: members.len(),
            predicted: mean(&members, |pair| pair.0),
            iou: mean(&members, |pair| pair.1),
        })
    });
    Some(Calibration {
        mask,
        mean_error: mean(&pairs, |(predicted, iou)| (predicted - iou).abs()),
        bias: mean(&pairs, |(predicted, iou)| predicted - iou),
        bins: bins.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::object;
    use super::*;

    #[test]
    fn hand_computed() {
        let of = |predicted, iou| {
            let mut one = object(0, iou);
            one.scores[0].predicted_iou = Some(predicted);
            one
        };
        let objects = [of(0.875, 0.75), of(0.8125, 1.0), of(1.25, 1.0), of(-0.5, 0.0)];
        let objects: Vec<&ImageScores> = objects.iter().collect();
        let found = calibration(&objects);
        assert_eq!(found.len(), 1, "of the HQ mask no IoU was predicted");
        assert_eq!((found[0].mean_error, found[0].bias), (1.0625 / 4.0, -0.3125 / 4.0));
        let bins: Vec<(f64, usize, f64, f64)> = found[0]
            .bins
            .iter()
            .map(|bin| (bin.from, bin.objects, bin.predicted, bin.iou))
            .collect();
        assert_eq!(bins, [(0.0, 1, -0.5, 0.0), (0.8, 2, 0.84375, 0.875), (0.9, 1, 1.25, 1.0)]);
    }
}
