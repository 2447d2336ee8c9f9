//! YOLO's layout for segmentation: a polygon for each object.

use maskwright_image::mask::{Bitmap, Rle, one_polygon};

use super::layout::{Held, Place, Writer, write_file};
use super::names::Classes;
use super::reader::Item;
use crate::error::{Error, Result};
use crate::source::{LeftOut, SetSpec, YoloSplit};

/// The file that names the folders and classes.
pub(super) const DATA: &str = "data.yaml";

pub(super) struct Yolo {
    place: Place,
    split: &'static str,
    filled: LeftOut,
}

fn split_of(role: &str) -> &'static str {
    if role == "train" { "train" } else { "val" }
}

impl Yolo {
    pub(super) fn new(place: &Place) -> Result<Yolo> {
        // YOLO's folders hold its splits, and not the other way round.
        let place = Place { inner: Default::default(), ..place.clone() };
        let split = split_of(place.role);
        place.folder(&format!("images/{split}"))?;
        place.folder(&format!("labels/{split}"))?;
        let filled =
            LeftOut::none("objects that a polygon does not hold exactly (holes are filled)");
        Ok(Yolo { place, split, filled })
    }
}

/// The file that names the folders of these roles and the classes.
pub(super) fn data_yaml(roles: &[&str], classes: &Classes) -> String {
    let has = |role: &str| roles.contains(&role);
    // Both splits have to be there; a set of one serves as both.
    let (train, val) = match (has("train"), has("valid")) {
        (true, true) => ("train", "val"),
        (true, false) => ("train", "train"),
        _ => ("val", "val"),
    };
    let names = classes.names().iter().enumerate();
    // A text of JSON is one of YAML.
    let names: String =
        names.map(|(number, name)| format!("  {number}: {}\n", serde_json::json!(name))).collect();
    format!("path: .\ntrain: images/{train}\nval: images/{val}\nnames:\n{names}")
}

/// A mask in the frame of the image as its set sees it.
fn upright(mask: &Rle, item: &Item) -> Rle {
    let (turn, size) = (item.header.orientation, item.shown);
    if mask.size() == size {
        return mask.clone();
    }
    let (stored, bits) = (mask.size(), mask.to_bitmap());
    Rle::from_bitmap(&Bitmap::from_fn(size, |y, x| {
        let (row, column) = turn.stored_pixel(y, x, stored);
        bits.get(row, column)
    }))
}

impl Writer for Yolo {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        let Yolo { place, split, filled } = self;
        let (mut text, mut masks) = (String::new(), Vec::new());
        for object in &item.objects {
            let mask = upright(&object.mask, item);
            let size = mask.size();
            let sides = [size.width as f64, size.height as f64];
            let shares: Vec<String> = one_polygon(&mask)
                .iter()
                .enumerate()
                .map(|(at, number)| share(number / sides[at % 2]))
                .collect();
            // As it is read.
            let read: Vec<f64> = shares
                .iter()
                .enumerate()
                .map(|(at, share)| share.parse::<f64>().unwrap_or_default() * sides[at % 2])
                .collect();
            let held = Rle::from_polygons(size, &[read]).map_err(|source| Error::Image {
                record: item.record.clone(),
                file: item.file_name().into(),
                source,
            })?;
            let held = Rle::from_bitmap(&held.to_bitmap());
            if held != mask {
                filled.add(|| item.record.clone());
            }
            text.push_str(&format!("{} {}\n", object.class, shares.join(" ")));
            masks.push(held);
        }
        write_file(&place.file(format!("images/{split}/{}", item.file_name())), &item.file)?;
        write_file(&place.file(format!("labels/{split}/{}.txt", item.name)), text.as_bytes())?;
        Ok(vec![Held { record: item.name.clone(), masks }])
    }

    fn finish(&mut self, _: &Classes) -> Result<Vec<LeftOut>> {
        Ok(vec![std::mem::take(&mut self.filled)])
    }

    fn spec(&self, name: &str) -> SetSpec {
        let split = if self.split == "train" { YoloSplit::Train } else { YoloSplit::Val };
        SetSpec::yolo(name, DATA, split)
    }
}

/// A share of a side, with as many digits as a pixel's corner needs.
fn share(share: f64) -> String {
    let text = format!("{share:.7}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.is_empty() { "0".into() } else { short.to_owned() }
}
