//! The worst and the best predictions of an evaluation, beside the truth.

use maskwright_data::source::ImageBuffer;
use maskwright_image::RgbImage;
use maskwright_image::decode::Limits;
use maskwright_image::mask::Bitmap;
use maskwright_model::MaskKind;
use maskwright_train::evaluator::statistics::{Changed, Comparison};
use maskwright_train::evaluator::{EvalSet, Shown, ShownPrediction};

use crate::error::{Error, Result};
use crate::page::tile::{self, Marks};
use crate::page::{Gallery, GalleryRow, Tile};

/// The largest width of a tile; smaller images are shown pixel by pixel, so that a reader can enlarge them.
const TILE: usize = 640;
/// The smallest.
const LEAST: usize = 260;
/// Objects of each kind that a comparison shows.
const PAIRS: usize = 6;

/// Makes two galleries of what an evaluation of these sets kept: the worst predictions, then the best. Returns none
/// if it kept none. The images are read again.
///
/// # Errors
/// An image that cannot be read, with its file.
pub fn galleries(sets: &[EvalSet], shown: &Shown) -> Result<Vec<Gallery>> {
    let Some(first) = shown.worst.first() else { return Ok(Vec::new()) };
    let gallery = |title: &str, rows: Vec<GalleryRow>| Gallery {
        title: title.to_owned(),
        caption: format!(
            "Prompt: {}. Green outline: the truth. Blue: the predicted mask. Errors: red was \
             missed, orange is too much.",
            first.prompt.name().replace('_', " ")
        ),
        rows,
    };
    let worst: Vec<GalleryRow> =
        shown.worst.iter().map(|one| row(sets, one)).collect::<Result<_>>()?;
    // Of few records the best are among the worst, and large images take a while to read and scale.
    let drawn = |one: &ShownPrediction| {
        let place = shown.worst.iter().position(|other| other == one);
        place.map_or_else(|| row(sets, one), |place| Ok(worst[place].clone()))
    };
    let best = shown.best.iter().map(drawn).collect::<Result<_>>()?;
    Ok(vec![
        gallery("Worst predictions on held-out images", worst.clone()),
        gallery("Best predictions on held-out images", best),
    ])
}

/// The image of a prediction, and its object.
fn image_of(sets: &[EvalSet], shown: &ShownPrediction) -> Result<(RgbImage, Bitmap)> {
    let set = sets.iter().find(|set| set.name == shown.set).ok_or_else(|| Error::Setting {
        key: "the validation sets".into(),
        expected: format!("{}, which was evaluated", shown.set),
        found: "none of that name".into(),
    })?;
    let image = read_image(set, shown.record, shown.turned)?;
    let truth = shown.truth.to_bitmap();
    if image.size != truth.size() {
        return Err(Error::Setting {
            key: format!("record {}/{}", shown.set, shown.name),
            expected: format!("the image of {} pixels that was evaluated", truth.size()),
            found: format!("one of {}", image.size),
        });
    }
    Ok((image, truth))
}

fn row(sets: &[EvalSet], shown: &ShownPrediction) -> Result<GalleryRow> {
    let (image, truth) = image_of(sets, shown)?;
    let width = tile_width(&image);
    let mut tiles = vec![Tile {
        caption: "image and truth".to_owned(),
        image: tile::prediction(&image, &Marks { truth: Some(&truth), ..Marks::default() }, width),
        other: None,
    }];
    let (box_xyxy, points) = (shown.box_xyxy, shown.points.as_slice());
    for mask in &shown.masks {
        let (scores, pixels) = (&mask.scores, mask.pixels.to_bitmap());
        let marks = Marks { truth: Some(&truth), prediction: Some(&pixels), box_xyxy, points };
        let kind = scores.mask.title();
        tiles.push(Tile {
            caption: format!("{kind}: IoU {:.3}, boundary {:.3}", scores.iou, scores.boundary_iou),
            image: tile::prediction(&image, &marks, width),
            other: None,
        });
        tiles.push(Tile {
            caption: format!("{kind}: errors"),
            image: tile::errors(&image, &pixels, &truth, width),
            other: None,
        });
    }
    Ok(GalleryRow { label: shown.name.clone(), facets: facets(shown), tiles })
}

/// The width that an image is drawn with: its own where that is neither too large nor too small, otherwise less, or a multiple.
fn tile_width(image: &RgbImage) -> usize {
    let width = image.size.width.max(1);
    if width < LEAST { width * LEAST.div_ceil(width) } else { width.min(TILE) }
}

/// By what a reader chooses a row.
fn facets(shown: &ShownPrediction) -> Vec<(String, String)> {
    vec![
        ("set".into(), shown.set.clone()),
        ("prompt".into(), shown.prompt.name().replace('_', " ")),
    ]
}

/// Makes two galleries of a comparison: the objects that got better most, then those that got worse, each with the prediction
/// before and the prediction now under one handle. `now` and `before` hold the predictions of all objects. Returns those that
/// have rows.
///
/// # Errors
/// An image that cannot be read, with its file.
pub fn compared(
    sets: &[EvalSet],
    comparison: &Comparison,
    now: &[ShownPrediction],
    before: &[ShownPrediction],
) -> Result<Vec<Gallery>> {
    let find = |all: &'_ [ShownPrediction], one: &Changed| {
        all.iter().find(|shown| shown.set == one.set && shown.record == one.record).cloned()
    };
    let mut galleries = Vec::new();
    for (title, changed) in [("Better most", &comparison.better), ("Worse most", &comparison.worse)]
    {
        let mut rows = Vec::new();
        for one in changed.iter().take(PAIRS) {
            if let (Some(now), Some(before)) = (find(now, one), find(before, one)) {
                rows.push(pair(sets, one, &now, &before)?);
            }
        }
        if !rows.is_empty() {
            galleries.push(Gallery {
                title: title.to_owned(),
                caption: "Drag the handle: to the left of it is the prediction before, to the right the one now. Green \
                          outline: the truth. Blue: the predicted mask. Errors: red was missed, orange is too much."
                    .to_owned(),
                rows,
            });
        }
    }
    Ok(galleries)
}

/// The masks of an object before and now.
fn pair(
    sets: &[EvalSet],
    one: &Changed,
    now: &ShownPrediction,
    before: &ShownPrediction,
) -> Result<GalleryRow> {
    let (image, truth) = image_of(sets, now)?;
    let width = tile_width(&image);
    let decisive = |shown: &ShownPrediction| {
        let of = |kind| shown.masks.iter().find(|mask| mask.scores.mask == kind);
        let mask = of(MaskKind::Hq).or_else(|| of(MaskKind::Sam));
        mask.map(|mask| mask.pixels.to_bitmap())
    };
    let (Some(now_mask), Some(before_mask)) = (decisive(now), decisive(before)) else {
        return Ok(GalleryRow::default());
    };
    let drawn = |mask: &Bitmap| {
        let marks = Marks {
            truth: Some(&truth),
            prediction: Some(mask),
            box_xyxy: now.box_xyxy,
            points: &now.points,
        };
        tile::prediction(&image, &marks, width)
    };
    let errors = |mask: &Bitmap| tile::errors(&image, mask, &truth, width);
    Ok(GalleryRow {
        label: format!("{}: IoU {:.3} before, {:.3} now", one.name, one.before, one.after),
        facets: facets(now),
        tiles: vec![
            Tile {
                caption: "before and now".into(),
                image: drawn(&before_mask),
                other: Some(drawn(&now_mask)),
            },
            Tile {
                caption: "errors before and now".into(),
                image: errors(&before_mask),
                other: Some(errors(&now_mask)),
            },
        ],
    })
}

/// The whole image at its own resolution, upright if the sample was turned.
fn read_image(set: &EvalSet, record: usize, turned: bool) -> Result<RgbImage> {
    let mut image = ImageBuffer::new();
    set.source.image(&record.into(), &mut image)?;
    let file = set.source.record(record)?.image;
    let refused = |source| Error::Image { file: file.clone(), source };
    let limits = Limits::default();
    let decoded = if turned {
        image.open().and_then(|file| file.decode_upright(&limits))
    } else {
        image.decode(&limits)
    };
    Ok(decoded.map_err(refused)?.pixels)
}
