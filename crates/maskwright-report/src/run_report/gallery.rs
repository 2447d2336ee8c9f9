//! The worst and the best predictions of an evaluation, beside the truth.

use maskwright_data::prompt::Point;
use maskwright_data::source::ImageBuffer;
use maskwright_image::RgbImage;
use maskwright_image::decode::{ImageFile, Limits};
use maskwright_image::metric;
use maskwright_model::MaskKind;
use maskwright_train::evaluator::EvalJob;
use maskwright_train::evaluator::{EvalConfig, EvalSet, ImageScores};

use crate::error::{Error, Result};
use crate::page::tile::{self, Marks};
use crate::page::{Gallery, GalleryRow, Tile};

/// Pictures in each gallery.
const SHOWN: usize = 4;
/// Side of a tile.
const TILE: usize = 260;

/// Makes two galleries for the first prompt of the evaluation: the worst of these images, and the best,
/// by the IoU of the HQ mask, or SAM's own mask if there is no other. The images are predicted again for
/// it.
///
/// # Errors
/// An image that cannot be read, with its file.
pub fn galleries(
    job: &EvalJob,
    config: &EvalConfig,
    images: &[ImageScores],
) -> Result<Vec<Gallery>> {
    let Some(&prompt) = config.prompts.first() else { return Ok(Vec::new()) };
    let mut ranked: Vec<&ImageScores> =
        images.iter().filter(|image| image.prompt == prompt).collect();
    ranked.sort_by(|a, b| hq_iou(a).total_cmp(&hq_iou(b)));
    let worst: Vec<&ImageScores> = ranked.iter().copied().take(SHOWN).collect();
    let best: Vec<&ImageScores> = ranked.iter().rev().copied().take(SHOWN).collect();
    let gallery = |title: &str, images: Vec<&ImageScores>| -> Result<Gallery> {
        let rows =
            images.into_iter().map(|image| row(job, config, image)).collect::<Result<_>>()?;
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

fn row(job: &EvalJob, config: &EvalConfig, scores: &ImageScores) -> Result<GalleryRow> {
    let set =
        job.sets().iter().find(|set| set.name == scores.set).ok_or_else(|| Error::Setting {
            key: "the validation sets".into(),
            expected: format!("{}, which was evaluated", scores.set),
            found: "none of that name".into(),
        })?;
    let predicted = job.predict(set, scores.record, scores.prompt, config)?;
    let sample = &predicted.sample;
    let image = read_image(set, scores.record, sample.turned)?;
    let truth = &sample.truth;
    let mut tiles = vec![Tile {
        caption: "image and truth".to_owned(),
        image: tile::prediction(&image, &Marks { truth: Some(truth), ..Marks::default() }, TILE),
    }];
    let Some(prompt) = &predicted.prompt else {
        return Ok(GalleryRow { label: scores.name.clone(), tiles });
    };
    let box_xyxy = prompt.box_xyxy.map(|corners| {
        sample.geometry.box_to_source(corners.map(f64::from)).map(|corner| corner as f32)
    });
    let points: Vec<Point> = prompt
        .points
        .iter()
        .map(|point| {
            let (x, y) = sample.geometry.to_source(f64::from(point.x), f64::from(point.y));
            Point { x: x as f32, y: y as f32, label: point.label }
        })
        .collect();
    for (kind, mask) in predicted.masks.iter().filter(|(kind, _)| *kind != MaskKind::SamHq) {
        let iou = metric::iou(mask, truth);
        let boundary = metric::boundary_iou(mask, truth, config.boundary_ratio);
        let marks = Marks { truth: Some(truth), prediction: Some(mask), box_xyxy, points: &points };
        tiles.push(Tile {
            caption: format!("{}: IoU {iou:.3}, boundary {boundary:.3}", kind.title()),
            image: tile::prediction(&image, &marks, TILE),
        });
        tiles.push(Tile {
            caption: format!("{}: errors", kind.title()),
            image: tile::errors(&image, mask, truth, TILE),
        });
    }
    Ok(GalleryRow { label: scores.name.clone(), tiles })
}

/// The whole image at its own resolution, upright if the sample was turned.
fn read_image(set: &EvalSet, record: usize, turned: bool) -> Result<RgbImage> {
    let mut image = ImageBuffer::new();
    set.source.image(&record.into(), &mut image)?;
    let file = set.source.record(record)?.image;
    let refused = |source| Error::Image { file: file.clone(), source };
    let limits = Limits::default();
    let decoded = if turned {
        ImageFile::read(&image.file).and_then(|file| file.decode_upright(&limits))
    } else {
        image.decode(&limits)
    };
    Ok(decoded.map_err(refused)?.pixels)
}
