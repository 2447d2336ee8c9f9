//! COCO's instances file with its folder of images. Masks are compressed run lengths, which hold them exactly.

use maskwright_image::mask::Rle;
use serde_json::{Value, json};

use super::layout::{Held, Place, Stream, Writer, write_file};
use super::names::Classes;
use super::reader::Item;
use crate::error::Result;
use crate::source::{LeftOut, SetSpec};

const FILE: &str = "annotations.json";

pub(super) struct Coco {
    place: Place,
    file: Stream,
    images: Vec<Value>,
    /// Annotations that were written.
    annotations: usize,
}

impl Coco {
    pub(super) fn new(place: &Place) -> Result<Coco> {
        place.folder("images")?;
        let mut file = Stream::create(place.file(FILE))?;
        file.write(b"{\"annotations\":[")?;
        Ok(Coco { place: place.clone(), file, images: Vec::new(), annotations: 0 })
    }
}

/// A mask as COCO's compressed run lengths.
pub(super) fn segmentation(mask: &Rle) -> Value {
    json!({"size": [mask.height(), mask.width()], "counts": mask.to_compressed()})
}

impl Writer for Coco {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        write_file(&self.place.file("images").join(item.file_name()), &item.file)?;
        let image = self.images.len() + 1;
        // The frame of the masks is that of the image as it is shown.
        let size = item.objects.first().map_or(item.shown, |object| object.mask.size());
        self.images.push(json!({
            "id": image, "file_name": item.file_name(), "width": size.width, "height": size.height
        }));
        for object in &item.objects {
            self.annotations += 1;
            let annotation = json!({
                "id": self.annotations,
                "image_id": image,
                "category_id": object.class + 1,
                "iscrowd": 0,
                "area": object.mask.area(),
                "bbox": object.mask.box_xywh(),
                "segmentation": segmentation(&object.mask),
            });
            let comma = if self.annotations > 1 { "," } else { "" };
            self.file.write(format!("{comma}\n{annotation}").as_bytes())?;
        }
        let masks = item.objects.iter().map(|object| object.mask.clone()).collect();
        Ok(vec![Held { record: item.name.clone(), masks }])
    }

    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        let lines = |values: Vec<Value>| {
            values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",\n")
        };
        let categories = classes.names().iter().zip(1..);
        let categories = categories.map(|(name, id)| json!({"id": id, "name": name})).collect();
        let images = lines(std::mem::take(&mut self.images));
        let end =
            format!("],\n\"images\":[\n{images}],\n\"categories\":[\n{}]}}\n", lines(categories));
        self.file.write(end.as_bytes())?;
        self.file.flush()?;
        Ok(Vec::new())
    }

    fn spec(&self, name: &str) -> SetSpec {
        SetSpec::coco(name, self.place.inner.join(FILE), self.place.inner.join("images"))
    }
}
