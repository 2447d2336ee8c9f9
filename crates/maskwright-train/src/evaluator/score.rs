//! The model's masks, and how they are held to the truth at the image's own resolution.

use std::borrow::Cow;

use burn::tensor::Tensor;
use maskwright_data::geometry::Geometry;
use maskwright_data::postprocess;
use maskwright_data::sample::EvalSample;
use maskwright_image::mask::Bitmap;
use maskwright_image::metric;
use maskwright_model::{DecodeMode, ImageFeatures, MaskKind, MaskOutput, PromptInput, Sam};

use super::metrics::MaskScores;
use crate::error::Result;

/// A mask of the model before it is scored.
pub(super) struct MaskLogits {
    pub(super) mask: MaskKind,
    /// Logits at the model's mask resolution.
    pub(super) logits: Vec<f32>,
    /// The IoU that the model predicts.
    pub(super) predicted_iou: Option<f64>,
}

impl MaskLogits {
    /// The mask at the image's own size.
    pub(super) fn pixels(&self, geometry: &Geometry) -> Bitmap {
        pixels(&self.logits, geometry)
    }
}

/// The mask that logits at the model's mask resolution say, at the image's own size.
pub(super) fn pixels(logits: &[f32], geometry: &Geometry) -> Bitmap {
    let enlarged = postprocess::to_source(geometry, logits, logits.len().isqrt());
    Bitmap::from_logits(&enlarged, geometry.source)
}

/// Values of a tensor on the host, row-major.
pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Every mask that the model gives for each of some prompts on the first image: SAM's own, and where there is an HQ head its mask
/// and the sum of both.
///
/// SAM's own mask is decoded without the HQ token among the tokens, so that it is exactly
/// what the SAM inside the model says; HQ-SAM's comparison lets the token take part.
pub(super) fn all_masks(
    sam: &Sam,
    features: &ImageFeatures,
    prompts: &[PromptInput],
) -> Result<Vec<Vec<MaskLogits>>> {
    let image_of = vec![0; prompts.len()];
    let ask = |mode| sam.predict(features, prompts, &image_of, mode);
    let own = ask(DecodeMode::Sam { multimask: false })?;
    let mut kinds = vec![split(MaskKind::Sam, own.sam.clone(), &own, prompts.len())];
    if sam.config().hq {
        let both = ask(DecodeMode::Both { multimask: false })?;
        kinds.push(split(MaskKind::Hq, both.hq.clone(), &both, prompts.len()));
        kinds.push(split(MaskKind::SamHq, both.logits(), &both, prompts.len()));
    }
    let mut kinds: Vec<_> = kinds.into_iter().map(Vec::into_iter).collect();
    let of_prompt = |_| kinds.iter_mut().filter_map(Iterator::next).collect();
    Ok((0..prompts.len()).map(of_prompt).collect())
}

/// The masks of several prompts one by one, with the IoU that goes with each.
fn split(
    mask: MaskKind,
    logits: Option<Tensor<4>>,
    output: &MaskOutput,
    count: usize,
) -> Vec<MaskLogits> {
    let Some(logits) = logits.map(values) else { return Vec::new() };
    let predicted = output.iou.clone().map_or_else(Vec::new, values);
    let each = logits.chunks_exact((logits.len() / count.max(1)).max(1));
    each.enumerate()
        .map(|(at, logits)| MaskLogits {
            mask,
            logits: logits.to_vec(),
            predicted_iou: predicted.get(at).copied().map(f64::from),
        })
        .collect()
}

/// The pixels of a mask that count: those that the sample does not ignore.
pub(super) fn counted<'m>(sample: &EvalSample, mask: &'m Bitmap) -> Cow<'m, Bitmap> {
    // The truth is without it already.
    match &sample.ignored {
        Some(ignored) => Cow::Owned(mask.without(ignored)),
        None => Cow::Borrowed(mask),
    }
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
        let predicted = masks.pixels(&self.sample.geometry);
        let counted = counted(self.sample, &predicted);
        let scores = MaskScores {
            mask: masks.mask,
            iou: metric::iou(&counted, &self.sample.truth),
            boundary_iou: metric::iou(&metric::boundary_band(&counted, self.ratio), &self.band),
            predicted_iou: masks.predicted_iou,
        };
        (scores, predicted)
    }
}
