//! Masks for boxes, and their average precision.
//!
//! The boxes are a detector's, or those of the objects themselves. HQ-SAM's evaluation on COCO is of this kind: the detector's
//! scores order the masks, so that all that differs between two models is how well they cut out what is in a box.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use maskwright_data::loader::{EvalLoader, EvalLoaderConfig};
use maskwright_data::sample::{EvalSample, SampleConfig};
use maskwright_data::source::{BoxDetection, DetectionSet, Source};
use maskwright_image::mask::Rle;
use maskwright_image::metric::average_precision::{
    AveragePrecision, Found, Overlap, Scene, True, average_precision,
};
use maskwright_model::{ImageFeatures, MaskKind, PromptInput, Sam};
use serde::{Deserialize, Serialize};

use super::config::EvalConfig;
use super::encoded::Encoder;
use super::evaluation::{EvalTimes, RecordWarning};
use super::score::{MaskLogits, all_masks};
use crate::error::{Error, Result};
use crate::observer::Observer;

/// The boxes of an image that are decoded together. The digits of a mask depend on it in the last place.
const TOGETHER: usize = 16;

/// What orders the masks of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredBy {
    /// The scores that came with the boxes.
    Detector,
    /// The IoU that the model predicts for each of its masks.
    PredictedIou,
}

/// What masks for boxes were worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxEvaluation {
    /// The number of images, those without boxes too.
    pub images: usize,
    /// The number of boxes.
    pub boxes: usize,
    /// What ordered the masks.
    pub scored_by: ScoredBy,
    /// Per mask of the model, in the order SAM, HQ, sum.
    pub masks: Vec<BoxMetrics>,
    /// What was odd about images that were used all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RecordWarning>,
}

/// The average precision of one of the model's masks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoxMetrics {
    /// The mask.
    pub mask: MaskKind,
    /// By IoU.
    pub by_mask: AveragePrecision,
    /// By the lesser of IoU and boundary IoU.
    pub by_boundary: AveragePrecision,
}

/// A mask that a box led to.
struct BoxMask {
    kind: MaskKind,
    pixels: Rle,
    score: f64,
}

/// The masks of boxes in their order, each of all kinds.
type BoxMasks = Vec<Vec<BoxMask>>;

/// Evaluates `sam` on boxes of the images of a set; `boxes` are sorted by image.
pub(super) fn evaluate_boxes(
    (sam, device): (&Sam, &Device),
    samples: &SampleConfig,
    set: &Arc<DetectionSet>,
    (boxes, scored_by): (&[BoxDetection], ScoredBy),
    config: &EvalConfig,
    observer: &mut dyn Observer,
) -> Result<BoxEvaluation> {
    let started = Instant::now();
    let source = Arc::clone(set) as Arc<dyn Source>;
    let loader = EvalLoaderConfig {
        preset: config.geometry,
        sample: samples.clone(),
        ..EvalLoaderConfig::default()
    };
    let total = set.images().len();
    let mut encoder = Encoder::new(sam, device);
    let mut times = EvalTimes::default();
    let mut warnings = Vec::new();
    let mut masks: Vec<BoxMasks> = Vec::new();
    masks.resize_with(total, Vec::new);
    let mut places = masks.iter_mut();
    let mut loaded = EvalLoader::new(source, loader)?.take(total).enumerate();
    rayon::in_place_scope(|scope| -> Result<()> {
        for (place, (image, sample)) in places.by_ref().zip(&mut loaded) {
            if observer.should_stop() {
                return Err(Error::Stopped);
            }
            let sample = Arc::new(sample?);
            warnings.extend(RecordWarning::all(set.name(), &sample.name, &sample.warnings));
            let own = of_image(boxes, image);
            if !own.is_empty() {
                let features = encoder.features(&sample)?;
                let decoding = Instant::now();
                let logits = masks_of(sam, &features, &sample, own)?;
                times.decode_seconds += decoding.elapsed().as_secs_f64();
                times.prompts += own.len();
                scope.spawn(move |_| *place = pixels_of(&sample, own, logits, scored_by));
            }
            observer.evaluating(set.name(), image + 1, total);
        }
        Ok(())
    })?;
    drop(places);
    times.images = encoder.images;
    times.encode_seconds = encoder.took.as_secs_f64();
    let masks = metrics(set, boxes, &masks, config.boundary_ratio)?;
    times.seconds = started.elapsed().as_secs_f64();
    observer.timed(&times);
    Ok(BoxEvaluation { images: total, boxes: boxes.len(), scored_by, masks, warnings })
}

/// The boxes of one image.
fn of_image(boxes: &[BoxDetection], image: usize) -> &[BoxDetection] {
    let from = boxes.partition_point(|one| one.image < image);
    let to = boxes.partition_point(|one| one.image <= image);
    &boxes[from..to]
}

/// A box as the model is asked with it: inclusive pixel indices in the frame of the input.
fn prompt(sample: &EvalSample, [x, y, width, height]: [f64; 4]) -> PromptInput {
    let corners = [x, y, x + (width - 1.0).max(0.0), y + (height - 1.0).max(0.0)];
    PromptInput::from_box(sample.geometry.box_to_output(corners).map(|corner| corner as f32))
}

/// Every mask that the model gives for each box.
fn masks_of(
    sam: &Sam,
    features: &ImageFeatures,
    sample: &EvalSample,
    boxes: &[BoxDetection],
) -> Result<Vec<Vec<MaskLogits>>> {
    let mut masks = Vec::with_capacity(boxes.len());
    for together in boxes.chunks(TOGETHER) {
        let prompts: Vec<PromptInput> =
            together.iter().map(|one| prompt(sample, one.box_xywh)).collect();
        masks.extend(all_masks(sam, features, &prompts)?);
    }
    Ok(masks)
}

/// The masks of an image's boxes at its own size.
fn pixels_of(
    sample: &EvalSample,
    boxes: &[BoxDetection],
    masks: Vec<Vec<MaskLogits>>,
    scored_by: ScoredBy,
) -> BoxMasks {
    let of_box = |(one, masks): (&BoxDetection, Vec<MaskLogits>)| {
        let pixels = |mask: MaskLogits| {
            let score = match scored_by {
                ScoredBy::Detector => one.score,
                ScoredBy::PredictedIou => mask.predicted_iou.unwrap_or(one.score),
            };
            let pixels = Rle::from_bitmap(&mask.pixels(&sample.geometry));
            BoxMask { kind: mask.mask, pixels, score }
        };
        masks.into_iter().map(pixels).collect()
    };
    boxes.iter().zip(masks).map(of_box).collect()
}

/// The average precision of each kind of mask.
fn metrics(
    set: &DetectionSet,
    boxes: &[BoxDetection],
    masks: &[BoxMasks],
    boundary_ratio: f64,
) -> Result<Vec<BoxMetrics>> {
    let first = masks.iter().flatten().next();
    let kinds = first.map_or_else(Vec::new, |masks| masks.iter().map(|one| one.kind).collect());
    let wrong = |source| Error::Image { file: set.name().into(), source };
    let of_kind = |mask: MaskKind| {
        let scenes = scenes(set, boxes, masks, mask);
        Ok(BoxMetrics {
            mask,
            by_mask: average_precision(&scenes, Overlap::Mask).map_err(wrong)?,
            by_boundary: average_precision(&scenes, Overlap::Boundary(boundary_ratio))
                .map_err(wrong)?,
        })
    };
    kinds.into_iter().map(of_kind).collect()
}

/// Objects and masks of one kind by category and image.
fn scenes(
    set: &DetectionSet,
    boxes: &[BoxDetection],
    masks: &[BoxMasks],
    kind: MaskKind,
) -> Vec<Vec<Scene>> {
    let images = set.images();
    let none = || images.iter().map(|_| Scene::default()).collect::<Vec<_>>();
    let mut categories: Vec<Vec<Scene>> = set.categories().iter().map(|_| none()).collect();
    for (image, (shown, masks)) in images.iter().zip(masks).enumerate() {
        for object in &shown.objects {
            let truths = &mut categories[object.category][image].truths;
            let (mask, area, crowd) = (object.mask.clone(), object.area, object.crowd);
            truths.push(True { mask, area, crowd });
        }
        for (one, masks) in of_image(boxes, image).iter().zip(masks) {
            let own = masks.iter().filter(|found| found.kind == kind);
            let found = own.map(|found| Found { mask: found.pixels.clone(), score: found.score });
            categories[one.category][image].found.extend(found);
        }
    }
    categories
}
