//! A folder of images with a folder of masks: a mask for each object, or one in which every number is an object.

use maskwright_image::encode;
use maskwright_image::mask::Rle;

use super::instance_picture::{InstancePicture, Overlaps, list_row};
use super::layout::{Held, Place, Stream, Writer, write_file};
use super::names::{Classes, without_classes};
use super::reader::Item;
use crate::error::{Error, Result};
use crate::source::{LeftOut, MaskContents, MaskKeys, PairsKeys, SetKind, SetSpec};

const LIST: &str = "list.csv";

/// A mask for each object, with a list of images, masks and names.
pub(super) struct Masks {
    place: Place,
    list: Stream,
}

impl Masks {
    pub(super) fn new(place: &Place) -> Result<Masks> {
        place.folder("images")?;
        place.folder("masks")?;
        let mut list = Stream::create(place.file(LIST))?;
        list.write(b"image,mask,name\n")?;
        Ok(Masks { place: place.clone(), list })
    }
}

/// The error of a picture that could not be written.
fn unwritten(item: &Item, source: maskwright_image::Error) -> Error {
    Error::Image { record: item.record.clone(), file: item.file_name().into(), source }
}

impl Writer for Masks {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        write_file(&self.place.file("images").join(item.file_name()), &item.file)?;
        let mut held = Vec::new();
        for (number, object) in item.objects.iter().enumerate() {
            let name = match item.objects.len() {
                1 => item.name.clone(),
                // No image's own name has this sign.
                _ => format!("{}#{number}", item.name),
            };
            let grey = object.levels.clone().unwrap_or_else(|| object.mask.to_grey());
            let file = encode::png_grey(&grey).map_err(|source| unwritten(item, source))?;
            write_file(&self.place.file("masks").join(format!("{name}.png")), &file)?;
            let row = list_row([&item.file_name(), &format!("{name}.png"), &name]);
            self.list.write(row.as_bytes())?;
            held.push(Held { record: name, masks: vec![object.mask.clone()] });
        }
        Ok(held)
    }

    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        self.list.flush().map(|()| without_classes(classes))
    }

    fn spec(&self, name: &str) -> SetSpec {
        let [images, masks, list] =
            ["images", "masks", LIST].map(|part| self.place.inner.join(part));
        let keys = PairsKeys { images, masks, list, ..PairsKeys::default() };
        SetSpec::new(name, SetKind::Pairs(keys))
    }
}

/// One mask for each image; its numbers are objects, from 1.
pub(super) struct Instances {
    place: Place,
    overlaps: Overlaps,
}

impl Instances {
    pub(super) fn new(place: &Place) -> Result<Instances> {
        place.folder("images")?;
        place.folder("masks")?;
        Ok(Instances { place: place.clone(), overlaps: Overlaps::default() })
    }
}

impl Writer for Instances {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        if item.objects.is_empty() {
            return Ok(Vec::new());
        }
        if item.objects.len() > usize::from(u16::MAX) {
            return Err(Error::Setting {
                key: format!("record {}", item.record),
                expected: format!("at most {} objects in a mask", u16::MAX),
                found: item.objects.len().to_string(),
            });
        }
        let own: Vec<&Rle> = item.objects.iter().map(|object| &object.mask).collect();
        let drawn = InstancePicture::of(&own);
        let drawn = drawn.map_err(|source| unwritten(item, source))?;
        write_file(&self.place.file("images").join(item.file_name()), &item.file)?;
        write_file(&self.place.file("masks").join(format!("{}.png", item.name)), &drawn.png)?;
        self.overlaps.count(&item.record, &own, &drawn);
        let held = (0..own.len()).filter(|&object| drawn.areas[object] > 0);
        let masks = held.map(|object| drawn.held(object)).collect();
        Ok(vec![Held { record: item.name.clone(), masks }])
    }

    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        let own = std::mem::take(&mut self.overlaps).into_list();
        Ok(own.into_iter().chain(without_classes(classes)).collect())
    }

    fn spec(&self, name: &str) -> SetSpec {
        let [images, masks] = ["images", "masks"].map(|part| self.place.inner.join(part));
        let mask_files = MaskKeys { mask_kind: MaskContents::Instances, ..MaskKeys::default() };
        SetSpec::new(
            name,
            SetKind::Pairs(PairsKeys { images, masks, mask_files, ..PairsKeys::default() }),
        )
    }
}
