//! The worst and the best predictions of an evaluation, beside the truth.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use maskwright_data::source::ImageBuffer;
use maskwright_image::Size;
use maskwright_image::decode::Limits;
use maskwright_image::mask::Rle;
use maskwright_model::MaskKind;
use maskwright_train::evaluator::statistics::{Changed, Comparison};
use maskwright_train::evaluator::{EvalSet, Shown, ShownPrediction};

use crate::error::{Error, Result};
use crate::page::tile::{Backdrop, Cover, Marks};
use crate::page::{Gallery, GalleryRow, Tile};

/// The largest width of a tile; smaller images are shown pixel by pixel, so that a reader can enlarge them.
pub const TILE: usize = 640;
/// The smallest.
const LEAST: usize = 260;
/// Objects of each kind that a comparison shows.
const PAIRS: usize = 6;

/// The images of what is shown, each read once at most, and kept at the size of a tile.
pub struct Images<'a> {
    sets: &'a [EvalSet],
    /// By set, file, and whether it was turned upright.
    read: HashMap<(String, PathBuf, bool), Rc<Backdrop>>,
}

impl<'a> Images<'a> {
    /// Images of these sets, of which none was read yet.
    pub fn new(sets: &'a [EvalSet]) -> Self {
        Self { sets, read: HashMap::new() }
    }

    /// The image of a prediction.
    fn of(&mut self, shown: &ShownPrediction) -> Result<Rc<Backdrop>> {
        let own = |set: &&EvalSet| set.name == shown.set;
        let set = self.sets.iter().find(own).ok_or_else(|| Error::Setting {
            key: "the validation sets".into(),
            expected: format!("{}, which was evaluated", shown.set),
            found: "none of that name".into(),
        })?;
        let file = set.source.record(shown.record)?.image;
        let key = (set.name.clone(), file.clone(), shown.turned);
        let backdrop = match self.read.get(&key) {
            Some(read) => Rc::clone(read),
            None => {
                let tile = |size: Size| size.at_width(tile_width(size));
                let own = shown.truth.size();
                let kept = shown.picture.as_ref().filter(|picture| picture.size == tile(own));
                let backdrop = match kept {
                    Some(picture) => Backdrop::of_scaled((**picture).clone(), own),
                    None => {
                        let mut image = ImageBuffer::new();
                        set.source.image(&shown.record.into(), &mut image)?;
                        let small = image.decode_scaled(shown.turned, &Limits::default(), tile);
                        let (size, small) =
                            small.map_err(|source| Error::Image { file, source })?;
                        Backdrop::of_scaled(small.pixels, size)
                    }
                };
                let read = Rc::new(backdrop);
                self.read.insert(key, Rc::clone(&read));
                read
            }
        };
        if backdrop.size() != shown.truth.size() {
            return Err(Error::Setting {
                key: format!("record {}/{}", shown.set, shown.name),
                expected: format!("the image of {} pixels that was evaluated", shown.truth.size()),
                found: format!("one of {}", backdrop.size()),
            });
        }
        Ok(backdrop)
    }
}

/// Makes two galleries of what an evaluation of these sets kept: the worst predictions, then the best that are not among them; one
/// where all are among the worst. Returns none if it kept none. The images are read again, but for those that were kept.
///
/// # Errors
/// An image that cannot be read, with its file.
pub fn galleries(images: &mut Images<'_>, shown: &Shown) -> Result<Vec<Gallery>> {
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
        shown.worst.iter().map(|one| row(images, one)).collect::<Result<_>>()?;
    // Of few records the best are among the worst.
    let others: Vec<&ShownPrediction> =
        shown.best.iter().filter(|one| !shown.worst.contains(one)).collect();
    let best: Vec<GalleryRow> =
        others.into_iter().map(|one| row(images, one)).collect::<Result<_>>()?;
    if best.is_empty() {
        return Ok(vec![gallery("Predictions on held-out images, the worst first", worst)]);
    }
    Ok(vec![
        gallery("Worst predictions on held-out images", worst),
        gallery("Best predictions on held-out images", best),
    ])
}

fn row(images: &mut Images<'_>, shown: &ShownPrediction) -> Result<GalleryRow> {
    let image = images.of(shown)?;
    let truth = image.cover(&shown.truth);
    let mut tiles = vec![Tile {
        caption: "image and truth".to_owned(),
        image: image.prediction(&Marks { truth: Some(&truth), ..Marks::default() }),
        other: None,
    }];
    let (box_xyxy, points) = (shown.box_xyxy, shown.points.as_slice());
    for mask in &shown.masks {
        let (scores, cover) = (&mask.scores, image.cover(&mask.pixels));
        let marks = Marks { truth: Some(&truth), prediction: Some(&cover), box_xyxy, points };
        let kind = scores.mask.title();
        tiles.push(Tile {
            caption: format!("{kind}: IoU {:.3}, boundary {:.3}", scores.iou, scores.boundary_iou),
            image: image.prediction(&marks),
            other: None,
        });
        tiles.push(Tile {
            caption: format!("{kind}: errors"),
            image: image.errors(&cover, &truth),
            other: None,
        });
    }
    Ok(GalleryRow { label: shown.name.clone(), facets: facets(shown), tiles })
}

/// The width that an image is drawn with: its own where that is neither too large nor too small, otherwise less, or a multiple.
fn tile_width(size: Size) -> usize {
    let width = size.width.max(1);
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
    images: &mut Images<'_>,
    comparison: &Comparison,
    now: &[ShownPrediction],
    before: &[ShownPrediction],
) -> Result<Vec<Gallery>> {
    let mut galleries = Vec::new();
    for (title, changed) in [("Better most", &comparison.better), ("Worse most", &comparison.worse)]
    {
        let mut rows = Vec::new();
        for one in changed.iter().take(PAIRS) {
            let own = |shown: &&ShownPrediction| shown.set == one.set && shown.record == one.record;
            if let (Some(now), Some(before)) = (now.iter().find(own), before.iter().find(own)) {
                rows.push(pair(images, one, now, before)?);
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
    images: &mut Images<'_>,
    one: &Changed,
    now: &ShownPrediction,
    before: &ShownPrediction,
) -> Result<GalleryRow> {
    let image = images.of(now)?;
    let (Some(now_mask), Some(before_mask)) = (decisive(now), decisive(before)) else {
        return Ok(GalleryRow::default());
    };
    let truth = image.cover(&now.truth);
    let [before_cover, now_cover] = [before_mask, now_mask].map(|mask| image.cover(mask));
    let drawn = |cover: &Cover| {
        image.prediction(&Marks {
            truth: Some(&truth),
            prediction: Some(cover),
            box_xyxy: now.box_xyxy,
            points: &now.points,
        })
    };
    Ok(GalleryRow {
        label: format!("{}: IoU {:.3} before, {:.3} now", one.name, one.before, one.after),
        facets: facets(now),
        tiles: vec![
            Tile {
                caption: "before and now".into(),
                image: drawn(&before_cover),
                other: Some(drawn(&now_cover)),
            },
            Tile {
                caption: "errors before and now".into(),
                image: image.errors(&before_cover, &truth),
                other: Some(image.errors(&now_cover, &truth)),
            },
        ],
    })
}

/// The mask of a prediction that is judged.
fn decisive(shown: &ShownPrediction) -> Option<&Rle> {
    let of = |kind| shown.masks.iter().find(|mask| mask.scores.mask == kind);
    of(MaskKind::Hq).or_else(|| of(MaskKind::Sam)).map(|mask| &mask.pixels)
}
