//! All objects of a COCO file, and boxes that were found: what average precision compares.
//!
//! Where the index of a set keeps only what samples are made of, here is what the benchmark needs besides: areas as they are
//! stated, crowds, categories, and images without an object.

use std::collections::HashMap;
use std::path::Path;

use maskwright_image::mask::Rle;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::coco::{Annotations, category_key, named, or_key};
use super::coco_file::CocoFile;
use super::said::{Ids, Said};
use super::segmentation::{Look, look, read_four, read_segmentation};
use super::stream::{JsonStream, Parsed};
use crate::error::{Error, Result};
use crate::source::bytes::open_file;
use crate::source::{LeftOut, MaskBuffer};

/// An object of an annotation file.
#[derive(Debug, Clone)]
pub struct TrueObject {
    /// The place of its category.
    pub category: usize,
    /// Its pixels.
    pub mask: Rle,
    /// Its area as it is stated, or the number of its pixels.
    pub area: f64,
    /// Whether it is a crowd.
    pub crowd: bool,
    /// Its box in pixels of the image: x and y of the upper left corner, width, height.
    pub box_xywh: [f64; 4],
}

/// A box that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxDetection {
    /// The place of its image in [`DetectionSet::images`](crate::source::DetectionSet::images).
    pub image: usize,
    /// The place of its category.
    pub category: usize,
    /// The box in pixels of the image: x and y of the upper left corner, width, height; both above 0.
    pub box_xywh: [f64; 4],
    /// How sure the detector is.
    pub score: f64,
}

#[derive(Deserialize)]
#[serde(expecting = "a detection {image_id, category_id, bbox, score}")]
struct DetectionJson<'a> {
    #[serde(borrow, default)]
    image_id: Said<'a>,
    #[serde(borrow, default)]
    category_id: Said<'a>,
    #[serde(borrow, default)]
    score: Said<'a>,
    #[serde(borrow, default)]
    bbox: Option<&'a RawValue>,
}

struct Detections;
impl<'a> Parsed<'a> for Detections {
    type Value = DetectionJson<'a>;
}

/// The ids of an annotation file's images and categories.
#[derive(Debug)]
pub(crate) struct Known {
    ids: Ids,
    images: HashMap<u64, usize>,
    categories: HashMap<u32, usize>,
    /// The categories' names, in the order of the file.
    pub(crate) names: Vec<String>,
}

/// All objects of a file whose images are `file`'s, with the sizes `sizes` (height, width): per image those that are there, in
/// the order of the file. Also what was left out.
pub(crate) fn read_objects(
    path: &Path,
    file: CocoFile,
    sizes: &[(u32, u32)],
) -> Result<(Vec<Vec<TrueObject>>, Known, Vec<LeftOut>)> {
    let mut known = Known::of(file);
    let mut objects: Vec<Vec<TrueObject>> = sizes.iter().map(|_| Vec::new()).collect();
    let mut left_out = [
        LeftOut::none("annotations of images that are not listed"),
        LeftOut::none("annotations without a mask"),
        LeftOut::none("annotations of categories that are not listed"),
    ];
    let mut mask = MaskBuffer::new();
    let mut stream = open(path)?;
    stream.object(|key, stream| match key {
        "annotations" => stream.list::<Annotations>("annotation", |annotation, at, place| {
            let named = || named(&or_key(&annotation.id, place.key), at);
            let Some(image) = known.image(&annotation.image_id) else {
                left_out[0].add(named);
                return Ok(());
            };
            let text = annotation.segmentation.map_or("null", RawValue::get);
            if matches!(look(text), Look::Nothing | Look::NoPolygon | Look::NoNumbers(_)) {
                left_out[1].add(named);
                return Ok(());
            }
            let Some(category) = known.category(&annotation.category_id) else {
                left_out[2].add(named);
                return Ok(());
            };
            read_segmentation(text, sizes[image], &mut mask).map_err(|flaw| {
                let (file, place) = (path.into(), format!("annotation {}", named()));
                Error::AnnotationFile { file, place, message: flaw.to_string() }
            })?;
            let area = annotation.area.number();
            objects[image].push(TrueObject {
                category,
                area: area.unwrap_or(mask.rle.area() as f64),
                crowd: annotation.iscrowd.is_set(),
                box_xywh: annotation
                    .bbox
                    .and_then(|text| read_four(text.get()))
                    .unwrap_or_else(|| mask.rle.box_xywh().map(f64::from)),
                mask: mask.rle.clone(),
            });
            Ok(())
        }),
        _ => stream.skip(),
    })?;
    let left_out = left_out.into_iter().filter(|left| left.count > 0).collect();
    Ok((objects, known, left_out))
}

impl Known {
    fn of(file: CocoFile) -> Self {
        let images = file.images.iter().enumerate();
        let images = images.map(|(number, image)| (image.id, number)).collect();
        let (mut categories, mut names) = (HashMap::new(), Vec::new());
        for (key, name) in file.categories {
            categories.entry(key).or_insert_with(|| {
                names.push(name);
                names.len() - 1
            });
        }
        Self { ids: file.ids, images, categories, names }
    }

    fn image(&mut self, id: &Said<'_>) -> Option<usize> {
        self.images.get(&self.ids.key(id)?).copied()
    }

    fn category(&mut self, id: &Said<'_>) -> Option<usize> {
        // Where there is none the key is that of the id 0.
        self.ids.key(id)?;
        self.categories.get(&category_key(&mut self.ids, id)).copied()
    }

    /// The place of a category with this key, which is its id where that is a number below 2^31; texts have keys of their file.
    pub(crate) fn category_of(&self, key: u32) -> Option<usize> {
        self.categories.get(&key).copied().filter(|_| key >> 31 == 0)
    }

    /// Reads a list of detections. Also what was left out: those of images and of categories that are not listed.
    ///
    /// # Errors
    /// A list that cannot be read, and detections without a box of four numbers or without a score.
    pub(crate) fn read_boxes(&mut self, path: &Path) -> Result<(Vec<BoxDetection>, Vec<LeftOut>)> {
        let mut left_out = [
            LeftOut::none("detections of images that are not listed"),
            LeftOut::none("detections of categories that are not listed"),
        ];
        let mut boxes = Vec::new();
        let mut stream = open(path)?;
        stream.list::<Detections>("detection", |detection, at, _| {
            let flaw = |field: &str, expected: &str, found: String| {
                let (file, place) = (path.into(), format!("detection {at}"));
                let message = format!("{field}: expected {expected}, found {found}");
                Err(Error::AnnotationFile { file, place, message })
            };
            let Some(score) = detection.score.number() else {
                return flaw("score", "a number", detection.score.to_string());
            };
            let text = detection.bbox.map_or("none", RawValue::get);
            let Some(box_xywh) = read_four(text) else {
                let found: String = text.chars().take(80).collect();
                return flaw("bbox", "four numbers [x, y, width, height]", found);
            };
            let [_, _, width, height] = box_xywh;
            if width <= 0.0 || height <= 0.0 {
                return flaw("bbox", "a width and a height above 0", text.to_owned());
            }
            let Some(image) = self.image(&detection.image_id) else {
                let id = detection.image_id.to_string();
                left_out[0].add(|| format!("number {at}, of image {id}"));
                return Ok(());
            };
            let Some(category) = self.category(&detection.category_id) else {
                let id = detection.category_id.to_string();
                left_out[1].add(|| format!("number {at}, of category {id}"));
                return Ok(());
            };
            boxes.push(BoxDetection { image, category, box_xywh, score });
            Ok(())
        })?;
        stream.end()?;
        Ok((boxes, left_out.into_iter().filter(|left| left.count > 0).collect()))
    }
}

/// Whether a file is a list of results; it is to be an instances file otherwise.
///
/// # Errors
/// A file that cannot be read or begins with neither.
pub(crate) fn is_results(path: &Path) -> Result<bool> {
    let mut stream = open(path)?;
    match stream.peek()? {
        Some(b'[') => Ok(true),
        Some(b'{') => Ok(false),
        _ => Err(stream.error(
            "expected COCO's list of results [{image_id, category_id, bbox, score}, ...] or its {images, annotations, categories}"
                .into(),
        )),
    }
}

fn open(path: &Path) -> Result<JsonStream<std::fs::File>> {
    let file = open_file(path).map_err(|source| Error::Read { file: path.into(), source })?;
    Ok(JsonStream::new(file, path))
}
