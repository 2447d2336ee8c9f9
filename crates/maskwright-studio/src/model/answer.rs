//! Prompts of the page, and masks for it.

use std::time::Instant;

use maskwright_data::prompt::{Point as PromptPoint, Prompt};
use maskwright_image::mask::Rle;
use maskwright_model::MaskKind;
use maskwright_predict::mask_generator::{MaskGenerator, MaskGeneratorConfig};
use maskwright_predict::predictor::{EncodedImage, PredictedMask};

use super::Model;
use crate::api::{CroppedMask, PromptRequest, Proposal};
use crate::error::{Error, Result};

/// Clicks of a prompt.
const POINTS: usize = 512;
/// Points along each side of the grid that finds everything: a person prunes what is found, and waits for it.
const GRID: usize = 16;
/// What a mask of it has to reach; lower than SAM's, since models trained for minutes are less sure.
const BELIEVED: f32 = 0.6;
const STABLE: f32 = 0.7;

/// From the page's coordinates to pixel indices: the centre of the first pixel is at 0.5 there, at 0 here.
const HALF: f32 = 0.5;

/// What the model answers, the best first, and the milliseconds that it took.
///
/// # Errors
/// [`Error::Setting`] for a prompt that makes no sense.
pub(crate) fn answer(
    model: &Model,
    image: &EncodedImage,
    request: &PromptRequest,
) -> Result<(Vec<Proposal>, f64)> {
    let start = Instant::now();
    let prompt = prompt(model, image, request)?;
    let predictor = &model.predictor;
    let best = predictor.best_kind();
    let single_click =
        request.points.len() == 1 && request.corners.is_none() && request.previous.is_none();
    let mut masks = match request.proposals {
        true => predictor.propose(image, &prompt, best)?,
        // One click may mean several things: the best of three, as SAM's predictor is used.
        false => predictor.predict(image, &prompt, best, single_click)?.masks,
    };
    masks.sort_by(|a, b| b.predicted_iou.total_cmp(&a.predicted_iou));
    if !request.proposals {
        masks.truncate(1);
    }
    let proposals = masks.iter().map(proposal).collect();
    Ok((proposals, start.elapsed().as_secs_f64() * 1e3))
}

fn prompt(model: &Model, image: &EncodedImage, request: &PromptRequest) -> Result<Prompt> {
    if request.points.len() > POINTS {
        let found = request.points.len().to_string();
        return Err(Error::setting("points", format!("at most {POINTS}"), found));
    }
    let points: Vec<PromptPoint> = request
        .points
        .iter()
        .map(|point| PromptPoint {
            x: point.x - HALF,
            y: point.y - HALF,
            label: i32::from(point.positive),
        })
        .collect();
    let corners = request.corners.map(|[x0, y0, x1, y1]| {
        // From the edges of pixels to the centres of the outermost.
        [x0 + HALF, y0 + HALF, x1 - HALF, y1 - HALF].map(|at| at - HALF)
    });
    let corners = corners.map(|[x0, y0, x1, y1]| [x0, y0, x1.max(x0), y1.max(y0)]);
    let mask = match &request.previous {
        Some(mask) if !mask.is_empty() => {
            let size = image.size();
            Some(model.predictor.mask_prompt(&mask.to_grey(size)?, size)?)
        }
        _ => None,
    };
    Ok(Prompt::of(corners, points, mask))
}

/// A mask for the page.
fn proposal(mask: &PredictedMask) -> Proposal {
    Proposal {
        area: mask.mask.count(),
        mask: CroppedMask::of(&mask.mask),
        predicted_iou: finite(mask.predicted_iou),
    }
}

/// JSON has no NaN.
fn finite(value: f32) -> f64 {
    if value.is_finite() { f64::from(value) } else { 0.0 }
}

/// Everything in an image, the surest first, for as long as `goes_on` says so.
///
/// # Errors
/// Those of the model.
pub(crate) fn everything(
    model: &Model,
    image: &EncodedImage,
    pixels: &maskwright_image::RgbImage,
    goes_on: impl Fn() -> bool,
) -> Result<Vec<Proposal>> {
    let config = MaskGeneratorConfig {
        points_per_side: GRID,
        pred_iou_thresh: BELIEVED,
        stability_score_thresh: STABLE,
        ..MaskGeneratorConfig::default()
    };
    let generator = MaskGenerator::new(&model.predictor, model.predictor.best_kind(), config)?;
    let mut found = generator.generate_of(pixels, Some(image), |_, _| goes_on())?;
    found.sort_by(|a, b| b.predicted_iou.total_cmp(&a.predicted_iou));
    let masks = found.iter().filter(|one| one.mask.area() > 0);
    Ok(masks
        .map(|one| Proposal {
            mask: CroppedMask::of_rle(&one.mask),
            predicted_iou: finite(one.predicted_iou),
            area: one.mask.area() as usize,
        })
        .collect())
}

/// How unsure the model is of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Doubt {
    /// The mean predicted IoU of the best mask at each point.
    pub(crate) predicted_iou: f64,
    /// How little the three masks of a point have in common: 1 - their mean IoU.
    pub(crate) disagreement: f64,
}

/// Points along each side that are asked about.
const PROBES: usize = 4;

impl Doubt {
    /// Asks the model about a grid of points.
    ///
    /// # Errors
    /// Those of the model.
    pub(crate) fn of(model: &Model, image: &EncodedImage) -> Result<Self> {
        let size = image.size();
        let place = |number: usize, side: usize| {
            (number as f32 + HALF) / PROBES as f32 * side as f32 - HALF
        };
        let prompts: Vec<Prompt> = (0..PROBES * PROBES)
            .map(|number| {
                let x = place(number % PROBES, size.width).max(0.0);
                let y = place(number / PROBES, size.height).max(0.0);
                Prompt::from_points([PromptPoint { x, y, label: 1 }])
            })
            .collect();
        let answers = model.predictor.predict_all(image, &prompts, MaskKind::Sam, true)?;
        let (mut sure, mut alike, mut pairs) = (0.0, 0.0, 0_usize);
        for answer in &answers {
            let ious = answer.masks.iter().map(|mask| finite(mask.predicted_iou));
            sure += ious.fold(0.0, f64::max).min(1.0);
            let masks: Vec<Rle> =
                answer.masks.iter().map(|mask| Rle::from_bitmap(&mask.mask)).collect();
            for (at, mask) in masks.iter().enumerate() {
                for other in &masks[at + 1..] {
                    // Two empty masks agree.
                    let empty = mask.area() == 0 && other.area() == 0;
                    let iou = mask.iou(other, false).map_err(Error::image("a mask".as_ref()))?;
                    alike += if empty { 1.0 } else { iou };
                    pairs += 1;
                }
            }
        }
        Ok(Self {
            predicted_iou: sure / answers.len().max(1) as f64,
            disagreement: 1.0 - alike / pairs.max(1) as f64,
        })
    }

    /// How much the image would teach: 0 to 1.
    pub(crate) fn score(self) -> f64 {
        (0.5 * (1.0 - self.predicted_iou) + 0.5 * self.disagreement).clamp(0.0, 1.0)
    }

    /// Why, in words.
    pub(crate) fn why(self) -> String {
        format!(
            "predicted IoU {:.2}, its three proposals agree to {:.0} %",
            self.predicted_iou,
            100.0 * (1.0 - self.disagreement)
        )
    }
}
