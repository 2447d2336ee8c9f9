//! The worst and the best predictions of an evaluation, beside the truth.

use maskwright_data::source::ImageBuffer;
use maskwright_image::RgbImage;
use maskwright_image::decode::Limits;
use maskwright_train::evaluator::{EvalSet, Shown, ShownPrediction};

use crate::error::{Error, Result};
use crate::page::tile::{self, Marks};
use crate::page::{Gallery, GalleryRow, Tile};

/// Side of a tile.
const TILE: usize = 260;

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

fn row(sets: &[EvalSet], shown: &ShownPrediction) -> Result<GalleryRow> {
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
    let mut tiles = vec![Tile {
        caption: "image and truth".to_owned(),
        image: tile::prediction(&image, &Marks { truth: Some(&truth), ..Marks::default() }, TILE),
    }];
    let (box_xyxy, points) = (shown.box_xyxy, shown.points.as_slice());
    for mask in &shown.masks {
        let (scores, pixels) = (&mask.scores, mask.pixels.to_bitmap());
        let marks = Marks { truth: Some(&truth), prediction: Some(&pixels), box_xyxy, points };
        let kind = scores.mask.title();
        tiles.push(Tile {
            caption: format!("{kind}: IoU {:.3}, boundary {:.3}", scores.iou, scores.boundary_iou),
            image: tile::prediction(&image, &marks, TILE),
        });
        tiles.push(Tile {
            caption: format!("{kind}: errors"),
            image: tile::errors(&image, &pixels, &truth, TILE),
        });
    }
    Ok(GalleryRow { label: shown.name.clone(), tiles })
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
