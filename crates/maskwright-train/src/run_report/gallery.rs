//! The worst and the best predictions of an evaluation, beside the truth.

use burn::tensor::Device;
use maskwright_data::sample::{SampleConfig, SampleMaker};
use maskwright_image::decode::{Limits, decode_rgb, orient_rgb, read_header};
use maskwright_image::mask::Bitmap;
use maskwright_image::{RgbImage, Size};
use maskwright_model::Sam;

use crate::error::{Error, Result};
use crate::evaluator::{EvalConfig, EvalSet, Evaluation, ImageScores, MaskKind, all_masks};
use crate::postprocess;
use crate::prompts;
use crate::report::tile::{self, Marks};
use crate::report::{Gallery, GalleryRow, Tile};

/// Pictures in each gallery.
const SHOWN: usize = 4;
/// Side of a tile.
const TILE: usize = 260;

/// A model with the sets it was evaluated on, to predict some of the images again.
#[derive(Clone, Copy)]
pub(crate) struct Evaluated<'a> {
    /// The model.
    pub(crate) sam: &'a Sam,
    /// Its device.
    pub(crate) device: &'a Device,
    /// How samples are made for it.
    pub(crate) samples: &'a SampleConfig,
    /// The sets.
    pub(crate) sets: &'a [EvalSet],
    /// How they were evaluated.
    pub(crate) config: &'a EvalConfig,
    /// What came of it.
    pub(crate) evaluation: &'a Evaluation,
}

/// Two galleries under the first prompt of the evaluation: the worst images, then the best, by
/// the IoU of the HQ mask (or SAM's own where there is no other).
pub(crate) fn galleries(evaluated: &Evaluated<'_>) -> Result<Vec<Gallery>> {
    let Some(&prompt) = evaluated.config.prompts.first() else { return Ok(Vec::new()) };
    let mut ranked: Vec<&ImageScores> =
        evaluated.evaluation.images.iter().filter(|image| image.prompt == prompt).collect();
    ranked.sort_by(|a, b| hq_iou(a).total_cmp(&hq_iou(b)));
    let worst: Vec<&ImageScores> = ranked.iter().copied().take(SHOWN).collect();
    let best: Vec<&ImageScores> = ranked.iter().rev().copied().take(SHOWN).collect();
    let mut maker = SampleMaker::new(evaluated.samples.clone())?;
    let mut gallery = |title: &str, images: Vec<&ImageScores>| -> Result<Gallery> {
        let rows = images
            .into_iter()
            .map(|image| row(evaluated, &mut maker, image))
            .collect::<Result<_>>()?;
        Ok(Gallery {
            title: title.to_owned(),
            caption: format!(
                "Prompt: {}. Green outline: the truth. Blue: the predicted mask. Errors: red was \
                 missed, orange is too much.",
                prompt.name().replace('_', " ")
            ),
            rows,
        })
    };
    Ok(vec![
        gallery("Worst predictions on held-out images", worst)?,
        gallery("Best predictions on held-out images", best)?,
    ])
}

fn hq_iou(image: &ImageScores) -> f64 {
    let of = |kind| image.scores.iter().find(|scores| scores.mask == kind);
    of(MaskKind::Hq).or_else(|| of(MaskKind::Sam)).map_or(0.0, |scores| scores.iou)
}

fn row(
    evaluated: &Evaluated<'_>,
    maker: &mut SampleMaker,
    scores: &ImageScores,
) -> Result<GalleryRow> {
    let Evaluated { sam, device, config, .. } = *evaluated;
    let set = evaluated
        .sets
        .iter()
        .find(|set| set.name == scores.set)
        .expect("an evaluation names its own sets");
    let sample = maker.eval(set.source.as_ref(), scores.record, config.geometry)?;
    let image = read_image(set, scores.record, sample.turned)?;
    let truth = Bitmap::from_grey(&sample.label);
    let mut tiles = vec![Tile {
        caption: "image and truth".to_owned(),
        image: tile::prediction(&image, &Marks { truth: Some(&truth), ..Marks::default() }, TILE),
    }];
    let prompt = sample.prompt(scores.prompt, &maker.config().prompts, config.seed);
    if let Some(prompt) = prompt {
        let features = sam.encode_image(sam.preprocess(&sample.image, 1, device)?);
        let masks = all_masks(sam, &features, &prompts::to_model(&prompt))?;
        let box_xyxy = prompt.box_xyxy.map(|corners| {
            sample.geometry.box_to_source(corners.map(f64::from)).map(|corner| corner as f32)
        });
        let points: Vec<(f32, f32, i32)> = prompt
            .points
            .iter()
            .map(|point| {
                let (x, y) = sample.geometry.to_source(f64::from(point.x), f64::from(point.y));
                (x as f32, y as f32, point.label)
            })
            .collect();
        let (height, width) = sample.geometry.source;
        let side = sam.config().mask_size();
        for (kind, logits) in masks {
            if kind == MaskKind::SamHq {
                continue;
            }
            let logits = postprocess::to_source(&sample.geometry, &logits, side);
            let mask = Bitmap::from_logits(&logits, Size::new(height, width));
            let found = scores.scores.iter().find(|scores| scores.mask == kind);
            let (iou, boundary) = found.map_or((0.0, 0.0), |s| (s.iou, s.boundary_iou));
            let marks =
                Marks { truth: Some(&truth), prediction: Some(&mask), box_xyxy, points: &points };
            tiles.push(Tile {
                caption: format!("{}: IoU {iou:.3}, boundary {boundary:.3}", kind.title()),
                image: tile::prediction(&image, &marks, TILE),
            });
            tiles.push(Tile {
                caption: format!("{}: errors", kind.title()),
                image: tile::errors(&image, &mask, &truth, TILE),
            });
        }
    }
    Ok(GalleryRow { label: scores.name.clone(), tiles })
}

/// The whole image at its own resolution, upright if the sample was turned.
fn read_image(set: &EvalSet, record: usize, turned: bool) -> Result<RgbImage> {
    let mut bytes = Vec::new();
    set.source.image_bytes(record, &mut bytes)?;
    let file = set.source.record(record)?.image;
    let image = |source| Error::Image { file: file.clone(), source };
    let header = read_header(&bytes).map_err(image)?;
    let pixels = decode_rgb(&bytes, &Limits::default()).map_err(image)?.pixels;
    Ok(if turned { orient_rgb(pixels, header.orientation) } else { pixels })
}
