//! SA-1B's layout: a JSON file beside each image.

use maskwright_image::decode::Format;
use serde_json::{Value, json};

use super::coco::segmentation;
use super::layout::{Held, Place, Writer, write_file};
use super::names::{Classes, without_classes};
use super::reader::Item;
use crate::error::{Error, Result};
use crate::source::{LeftOut, SetSpec};

pub(super) struct Sa1b {
    place: Place,
    numbers: Numbers,
}

impl Sa1b {
    pub(super) fn new(place: &Place) -> Result<Sa1b> {
        place.folder("")?;
        Ok(Sa1b { place: place.clone(), numbers: Numbers::default() })
    }
}

/// How many images and annotations have a number already.
#[derive(Default)]
pub(super) struct Numbers {
    images: usize,
    annotations: usize,
}

/// The annotation file of an image. Scores, which data of other kinds do not have, are 1.
pub(super) fn notes(item: &Item, name: &str, numbers: &mut Numbers) -> Value {
    numbers.images += 1;
    let size = item.objects.first().map_or(item.shown, |object| object.mask.size());
    let annotations: Vec<Value> = item
        .objects
        .iter()
        .map(|object| {
            numbers.annotations += 1;
            let mask = object.mask.to_bitmap();
            let (y, x) = mask.nth(mask.count() / 2).unwrap_or_default();
            json!({
                "id": numbers.annotations,
                "area": object.mask.area(),
                "bbox": object.mask.box_xywh(),
                "segmentation": segmentation(&object.mask),
                "predicted_iou": 1.0,
                "stability_score": 1.0,
                "crop_box": [0, 0, size.width, size.height],
                "point_coords": [[x, y]],
            })
        })
        .collect();
    json!({
        "image": {
            "image_id": numbers.images,
            "width": size.width,
            "height": size.height,
            "file_name": name,
        },
        "annotations": annotations,
    })
}

/// Refuses PNG images, which are masks where a layout has images and masks side by side.
pub(super) fn refuse_png(item: &Item) -> Result<()> {
    if item.header.format != Format::Png {
        return Ok(());
    }
    Err(Error::Setting {
        key: format!("record {}", item.record),
        expected: "a JPEG image, since this layout holds no PNG images; the others do".into(),
        found: "a PNG image".into(),
    })
}

impl Writer for Sa1b {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        refuse_png(item)?;
        let name = item.file_name();
        write_file(&self.place.file(&name), &item.file)?;
        let notes = notes(item, &name, &mut self.numbers).to_string();
        write_file(&self.place.file(format!("{}.json", item.name)), notes.as_bytes())?;
        let masks = item.objects.iter().map(|object| object.mask.clone()).collect();
        Ok(vec![Held { record: item.name.clone(), masks }])
    }

    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        Ok(without_classes(classes))
    }

    fn spec(&self, name: &str) -> SetSpec {
        let inner = &self.place.inner;
        let here = if inner.as_os_str().is_empty() { ".".into() } else { inner.clone() };
        SetSpec::sa1b(name, here)
    }
}
