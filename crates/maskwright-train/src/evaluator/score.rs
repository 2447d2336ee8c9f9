//! Masks held to the truth, at the image's own resolution.

use maskwright_data::postprocess;
use maskwright_data::sample::EvalSample;
use maskwright_image::mask::Bitmap;
use maskwright_image::metric;
use maskwright_model::MaskKind;

use super::metrics::MaskScores;

/// A mask of the model before it is scored.
pub(super) struct MaskLogits {
    pub(super) mask: MaskKind,
    /// Logits at the model's mask resolution.
    pub(super) logits: Vec<f32>,
    /// The IoU that the model predicts.
    pub(super) predicted_iou: Option<f64>,
}

/// What masks are compared with.
pub(super) struct Truth<'a> {
    sample: &'a EvalSample,
    /// Its band in boundary IoU.
    pub(super) band: Bitmap,
    ratio: f64,
}

impl<'a> Truth<'a> {
    pub(super) fn new(sample: &'a EvalSample, boundary_ratio: f64) -> Self {
        let band = metric::boundary_band(&sample.truth, boundary_ratio);
        Self { sample, band, ratio: boundary_ratio }
    }

    /// A mask with its scores.
    pub(super) fn score(&self, masks: &MaskLogits) -> (MaskScores, Bitmap) {
        let MaskLogits { mask, logits, predicted_iou } = masks;
        let sample = self.sample;
        let side = logits.len().isqrt();
        let logits = postprocess::to_source(&sample.geometry, logits, side);
        let predicted = Bitmap::from_logits(&logits, sample.geometry.source);
        // The truth is without them already.
        let counted = sample.ignored.as_ref().map(|ignored| predicted.without(ignored));
        let counted = counted.as_ref().unwrap_or(&predicted);
        let scores = MaskScores {
            mask: *mask,
            iou: metric::iou(counted, &sample.truth),
            boundary_iou: metric::iou(&metric::boundary_band(counted, self.ratio), &self.band),
            predicted_iou: *predicted_iou,
        };
        (scores, predicted)
    }
}
