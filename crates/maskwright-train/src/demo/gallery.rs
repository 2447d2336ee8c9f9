//! The worst and the best predictions beside the truth.

use burn::tensor::Device;
use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::{SampleConfig, SampleMaker};
use maskwright_image::RgbImage;
use maskwright_image::decode::{Limits, decode_rgb};
use maskwright_image::mask::Bitmap;
use maskwright_model::Sam;

use crate::error::{Error, Result};
use crate::evaluator::{EvalSet, Evaluation, ImageScores, MaskKind, all_masks};
use crate::postprocess;
use crate::prompts;
use crate::report::tile::{self, Marks};
use crate::report::{Gallery, GalleryRow, Tile};

/// Pictures in each gallery.
const SHOWN: usize = 4;
/// Side of a tile.
const TILE: usize = 260;

/// Two galleries, the worst box-prompted HQ masks first, then the best.
pub(super) fn galleries(
    sam: &Sam,
    device: &Device,
    samples: &SampleConfig,
    set: &EvalSet,
    evaluation: &Evaluation,
) -> Result<Vec<Gallery>> {
    let mut ranked: Vec<&ImageScores> =
        evaluation.images.iter().filter(|image| image.prompt == PromptKind::Box).collect();
    ranked.sort_by(|a, b| hq_iou(a).total_cmp(&hq_iou(b)));
    let worst: Vec<&ImageScores> = ranked.iter().copied().take(SHOWN).collect();
    let best: Vec<&ImageScores> = ranked.iter().rev().copied().take(SHOWN).collect();
    let mut maker = SampleMaker::new(samples.clone())?;
    let mut gallery = |title: &str, images: Vec<&ImageScores>| -> Result<Gallery> {
        let rows = images
            .into_iter()
            .map(|image| row(sam, device, &mut maker, set, image))
            .collect::<Result<_>>()?;
        Ok(Gallery {
            title: title.to_owned(),
            caption: "Green outline: the truth. Blue: the predicted mask. Yellow: the box that \
                      was the prompt. Errors: red was missed, orange is too much."
                .to_owned(),
            rows,
        })
    };
    Ok(vec![
        gallery("Worst predictions on held-out pictures", worst)?,
        gallery("Best predictions on held-out pictures", best)?,
    ])
}

fn hq_iou(image: &ImageScores) -> f64 {
    let of = |kind| image.scores.iter().find(|scores| scores.mask == kind);
    of(MaskKind::Hq).or_else(|| of(MaskKind::Sam)).map_or(0.0, |scores| scores.iou)
}

fn row(
    sam: &Sam,
    device: &Device,
    maker: &mut SampleMaker,
    set: &EvalSet,
    scores: &ImageScores,
) -> Result<GalleryRow> {
    let settings = crate::evaluator::EvalConfig::default();
    let sample = maker.eval(set.source.as_ref(), scores.record, settings.geometry)?;
    let image = read_image(set, scores.record)?;
    let truth = Bitmap::from_grey(&sample.label);
    let mut tiles = vec![Tile {
        caption: "image and truth".to_owned(),
        image: tile::prediction(&image, &Marks { truth: Some(&truth), ..Marks::default() }, TILE),
    }];
    let prompt = sample.prompt(PromptKind::Box, &maker.config().prompts, settings.seed);
    if let Some(prompt) = prompt {
        let features = sam.encode_image(sam.preprocess(&sample.image, 1, device)?);
        let masks = all_masks(sam, &features, &prompts::to_model(&prompt))?.masks;
        let box_xyxy = prompt.box_xyxy.map(|corners| {
            sample.geometry.box_to_source(corners.map(f64::from)).map(|corner| corner as f32)
        });
        let (height, width) = sample.geometry.source;
        let side = sam.config().mask_size();
        for (kind, logits) in masks {
            if kind == MaskKind::SamHq {
                continue;
            }
            let logits = postprocess::to_source(&sample.geometry, &logits, side);
            let mask = Bitmap::from_logits(&logits, height, width);
            let found = scores.scores.iter().find(|scores| scores.mask == kind);
            let (iou, boundary) = found.map_or((0.0, 0.0), |s| (s.iou, s.boundary_iou));
            let marks = Marks {
                truth: Some(&truth),
                prediction: Some(&mask),
                box_xyxy,
                ..Marks::default()
            };
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

/// The whole image at its own resolution.
fn read_image(set: &EvalSet, record: usize) -> Result<RgbImage> {
    let mut bytes = Vec::new();
    set.source.image_bytes(record, &mut bytes)?;
    let file = set.source.record(record)?.image;
    let decoded =
        decode_rgb(&bytes, &Limits::default()).map_err(|source| Error::Image { file, source })?;
    Ok(decoded.pixels)
}
