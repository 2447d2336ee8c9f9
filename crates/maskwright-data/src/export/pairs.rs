//! A folder of images with a folder of masks: a mask for each object, or one in which every number is an object.

use maskwright_image::mask::Rle;
use maskwright_image::{GreyImage, Size, encode};

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

/// A picture as a PNG file.
fn png(item: &Item, file: maskwright_image::Result<Vec<u8>>) -> Result<Vec<u8>> {
    let refused = |source| Error::Image {
        record: item.record.clone(),
        file: item.file_name().into(),
        source,
    };
    file.map_err(refused)
}

/// A text as a column of a list.
fn column(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r', ';', '\t']) || text != text.trim() {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
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
            let file = png(item, encode::png_grey(&grey))?;
            write_file(&self.place.file("masks").join(format!("{name}.png")), &file)?;
            let [image, mask, record] =
                [item.file_name(), format!("{name}.png"), name.clone()].map(|text| column(&text));
            self.list.write(format!("{image},{mask},{record}\n").as_bytes())?;
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
    overlapping: LeftOut,
    covered: LeftOut,
}

impl Instances {
    pub(super) fn new(place: &Place) -> Result<Instances> {
        place.folder("images")?;
        place.folder("masks")?;
        Ok(Instances {
            place: place.clone(),
            overlapping: LeftOut::none("objects that lost the pixels that a smaller one has, too"),
            covered: LeftOut::none("objects of which smaller ones have every pixel"),
        })
    }
}

impl Writer for Instances {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        let Some(first) = item.objects.first() else { return Ok(Vec::new()) };
        let size = first.mask.size();
        if item.objects.len() > usize::from(u16::MAX) {
            return Err(Error::Setting {
                key: format!("record {}", item.record),
                expected: format!("at most {} objects in a mask", u16::MAX),
                found: item.objects.len().to_string(),
            });
        }
        let numbers = drawn(item, size);
        write_file(&self.place.file("images").join(item.file_name()), &item.file)?;
        // 255 is a number as any other here; 8 bits as long as they suffice.
        let file = match u8::try_from(item.objects.len()) {
            Ok(_) => {
                let data = numbers.iter().map(|&number| number as u8).collect();
                GreyImage::new(size, data).and_then(|grey| encode::png_grey(&grey))
            }
            Err(_) => encode::png_grey16(size, &numbers),
        };
        write_file(
            &self.place.file("masks").join(format!("{}.png", item.name)),
            &png(item, file)?,
        )?;
        let mut masks = Vec::new();
        for (object, number) in item.objects.iter().zip(1u16..) {
            let kept = maskwright_image::mask::Bitmap::from_fn(size, |y, x| {
                numbers[y * size.width + x] == number
            });
            let kept = Rle::from_bitmap(&kept);
            match kept.area() {
                0 => self.covered.add(|| item.record.clone()),
                area if area < object.mask.area() => self.overlapping.add(|| item.record.clone()),
                _ => {}
            }
            if kept.area() > 0 {
                masks.push(kept);
            }
        }
        Ok(vec![Held { record: item.name.clone(), masks }])
    }

    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        let own = [&mut self.overlapping, &mut self.covered].map(std::mem::take);
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

/// The numbers of an image's objects, row by row; where objects overlap that of the smallest.
fn drawn(item: &Item, size: Size) -> Vec<u16> {
    let mut order: Vec<usize> = (0..item.objects.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(item.objects[at].mask.area()), at));
    let mut numbers = vec![0; size.area()];
    for at in order {
        let (mut from, mut set) = (0usize, false);
        // Runs go down the columns.
        for &run in item.objects[at].mask.counts() {
            let end = from + run as usize;
            if set {
                for pixel in from..end {
                    let (x, y) = (pixel / size.height, pixel % size.height);
                    numbers[y * size.width + x] = at as u16 + 1;
                }
            }
            (from, set) = (end, !set);
        }
    }
    numbers
}
