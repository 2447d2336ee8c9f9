//! Objects that are known by their boxes alone: what prompts can be made of, without masks to compare an answer with.
//!
//! ```no_run
//! use maskwright_data::source::{OpenContext, SetKind, SetSpec};
//!
//! let mut spec = SetSpec::coco("detections", "results.json", "val2017");
//! let SetKind::Coco(keys) = &mut spec.kind else { unreachable!() };
//! keys.boxes_only = true;
//! let set = spec.open_boxes(&OpenContext::default())?;
//! for image in 0..set.len() {
//!     println!("{}: {} boxes", set.record(image)?, set.boxes(image)?.len());
//! }
//! # Ok::<(), maskwright_data::Error>(())
//! ```

use super::annotation::read_box;
use super::bytes::read_part;
use super::image::ImageBuffer;
use super::indexed::IndexedSource;
use super::{LeftOut, OpenContext, SetKind, SetSpec, Source, coco};
use crate::error::{Error, Result};
use crate::record::Record;

/// The images of an instances file, each with the boxes of its objects; [`SetSpec::open_boxes`] opens one.
#[derive(Debug)]
pub struct BoxSet {
    set: IndexedSource,
}

/// The box of an annotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectBox {
    /// The annotation's id, or its number in the file, from 0, where it has none.
    pub id: u64,
    /// The key of its category, which is the category's id where that is a number; 0 where it has none.
    pub category: u32,
    /// x and y of the upper left corner, width and height, in pixels of the image; it may reach beyond the image.
    pub box_xywh: [f64; 4],
}

impl SetSpec {
    /// Opens a set of kind `"coco"` or `"lvis"` with `boxes_only = true`: every annotation with a box is an object, whether it has
    /// a mask or not.
    ///
    /// # Errors
    ///
    /// Those of [`SetSpec::open`], and a set that is not such a one.
    pub fn open_boxes(&self, context: &OpenContext<'_>) -> Result<BoxSet> {
        self.validate()?;
        match &self.kind {
            SetKind::Coco(keys) | SetKind::Lvis(keys) if keys.boxes_only => {
                // A record is an image, whatever the set's objects are elsewhere.
                let mut spec = self.clone();
                if let Some(taken) = spec.kind.taken_mut() {
                    taken.objects = super::Objects::One;
                }
                Ok(BoxSet { set: coco::open(&spec, keys, context)? })
            }
            _ => Err(Error::Setting {
                key: format!("set {}", self.name),
                expected: "a set of kind \"coco\" or \"lvis\" with boxes_only = true".into(),
                found: format!("kind \"{}\" without it", self.kind.name()),
            }),
        }
    }
}

impl BoxSet {
    /// How many images have a box.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The record of an image; its mask file is the annotation file.
    ///
    /// # Errors
    ///
    /// No image of this number.
    pub fn record(&self, image: usize) -> Result<Record> {
        self.set.record(image)
    }

    /// Replaces the content of `buffer` with an image's file.
    ///
    /// # Errors
    ///
    /// No image of this number, or one that cannot be read.
    pub fn image(&self, image: usize, buffer: &mut ImageBuffer) -> Result<()> {
        self.set.image(&image.into(), buffer)
    }

    /// The boxes of an image, in the order of the file.
    ///
    /// # Errors
    ///
    /// No image of this number; an annotation file that cannot be read, or that changed since it was indexed.
    pub fn boxes(&self, image: usize) -> Result<Vec<ObjectBox>> {
        let mut bytes = Vec::new();
        let mut boxes = Vec::new();
        for object in self.set.all_objects(image)? {
            let (span, file) = (object.segmentation, self.set.file(object.segmentation.file));
            read_part(file, span.at, span.len.into(), &mut bytes)?;
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let box_xywh = read_box(text).ok_or_else(|| Error::Json {
                file: file.into(),
                at: span.at,
                message: "it changed since it was indexed: no box where one was".into(),
            })?;
            boxes.push(ObjectBox { id: object.number(), category: object.category, box_xywh });
        }
        Ok(boxes)
    }

    /// What the file holds that is no box of an image, and why.
    pub fn left_out(&self) -> &[LeftOut] {
        self.set.left_out()
    }
}
