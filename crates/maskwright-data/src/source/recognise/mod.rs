//! What a folder holds: which kind of data set it unmistakably is, or what was found and what it may be.
//!
//! [`recognise`] looks at names, and into single files where names do not tell. It opens no set and decodes no image.
//!
//! | file | what it is about |
//! |---|---|
//! | `listing` | what lies in one folder |
//! | `annotations` | COCO, Labelme, YOLO, SA-1B |
//! | `masks` | images with masks |
//! | `voc` | Pascal VOC, CVAT's masks |
//! | `tools` | Supervisely, CVAT's XML, Label Studio |

mod annotations;
mod listing;
mod masks;
mod tools;
mod voc;

use std::path::{Path, PathBuf};

pub use annotations::{images_of, yolo_sets};
use listing::{Listing, name_of};

use super::{DataFile, SetSpec, hqseg44k_available, hqseg44k_left_out};
use crate::error::Result;

const TRAIN: [&str; 2] = ["train", "training"];
const VALID: [&str; 3] = ["valid", "val", "validation"];
/// Folders that validate where there is none of [`VALID`].
const TEST: [&str; 2] = ["test", "eval"];

/// What a folder was taken for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Recognised {
    /// It is unmistakably this.
    Set(Box<Reading>),
    /// Images, of which nothing says what is on them.
    ImagesAlone {
        /// How many.
        images: usize,
    },
    /// Several things or none.
    Unclear {
        /// What lies in the folder, in a few words.
        found: String,
        /// What it may be, the likeliest first; at most two.
        likely: Vec<Reading>,
    },
    /// The layout of a tool, of which something is missing or not read.
    NotRead {
        /// What it is.
        what: &'static str,
        /// What makes something of it that is read.
        instead: &'static str,
    },
}

/// One thing that a folder may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it is, and how much of it: "YOLO: 8 images, 8 label files".
    pub what: String,
    /// The sets. Their paths begin with the path of the folder that was looked at.
    pub data: DataFile,
}

impl Reading {
    fn train(what: String, set: SetSpec) -> Reading {
        Reading { what, data: DataFile { train: vec![set], ..DataFile::default() } }
    }
}

/// Looks at a folder.
///
/// | the folder has | it is |
/// |---|---|
/// | `DIS5K`, `cascade_psp` or `thin_object_detection` | HQSeg-44K |
/// | a `.yaml` file that names images for training, or `images` and `labels` with text files | YOLO |
/// | JSON files of COCO's layout in it or in `annotations`, with their images near | COCO, of Roboflow or others; `val` in a name makes a validation set |
/// | JSON files of Labelme's layout, with images | Labelme |
/// | `img` and `ann` with JSON files, in it or in folders beside a `meta.json` | Supervisely |
/// | `annotations.xml` with its images | CVAT |
/// | a JSON list of Label Studio's tasks, or its brush masks, with images | Label Studio |
/// | `sa_*.json` or tar files | SA-1B |
/// | `JPEGImages` and `SegmentationObject` or `SegmentationClass` | pairs whose masks are numbers or colours: Pascal VOC, CVAT |
/// | two folders like `images` and `masks`, `im` and `gt`, perhaps with `training` and `validation` in each | pairs; of ADE20K the classes of an image are its objects |
/// | JPEG files with PNG files of the same names, or of names with a suffix like `_mask` | pairs |
/// | folders like `train` and `valid`, each one of the above | these, to train on and to validate |
///
/// # Errors
///
/// A folder that cannot be listed.
pub fn recognise(folder: &Path) -> Result<Recognised> {
    let found = look(folder, &name_of(folder))?;
    if !matches!(&found, Recognised::Unclear { likely, .. } if likely.is_empty()) {
        return Ok(found);
    }
    let listing = Listing::of(folder)?;
    let (mut data, mut what) = (DataFile::default(), Vec::new());
    for (names, trains) in [(&TRAIN[..], true), (&VALID[..], false), (&TEST[..], false)] {
        if names == TEST && !data.valid.is_empty() {
            continue;
        }
        for part in names.iter().filter_map(|name| listing.folder(name)) {
            let name = format!("{}/{}", name_of(folder), name_of(part));
            match look(part, &name)? {
                Recognised::Set(reading) => {
                    what.push(format!("{} ({})", reading.what, name_of(part)));
                    let sets = reading.data.train.into_iter().chain(reading.data.valid);
                    if trains { data.train.extend(sets) } else { data.valid.extend(sets) }
                }
                // Pictures to test a model on, or a part that holds something else.
                Recognised::ImagesAlone { .. } => {}
                Recognised::Unclear { likely, .. } if likely.is_empty() => {}
                other => return Ok(other),
            }
        }
    }
    if what.is_empty() {
        return Ok(found);
    }
    Ok(Recognised::Set(Box::new(Reading { what: what.join(", "), data })))
}

/// What a folder is itself; `name` is that of its set.
fn look(folder: &Path, name: &str) -> Result<Recognised> {
    let listing = Listing::of(folder)?;
    let hqseg = ["DIS5K", "cascade_psp", "thin_object_detection"];
    if hqseg.iter().any(|known| folder.join(known).is_dir()) {
        let (data, _) = hqseg44k_available(folder)?;
        let sets = data.train.len() + data.valid.len();
        let what = match &hqseg44k_left_out(&data)[..] {
            [] => format!("HQSeg-44K: {sets} sets"),
            missing => format!("HQSeg-44K in part: {sets} sets, without {}", missing.join(", ")),
        };
        return Ok(Recognised::Set(Box::new(Reading { what, data })));
    }
    if let Some(known) = voc::look(&listing, name)? {
        return Ok(known);
    }
    if let Some(known) = tools::look(&listing, name)? {
        return Ok(known);
    }
    let readings = [
        annotations::yolo(&listing, name)?,
        annotations::coco(&listing, name)?,
        annotations::labelme(&listing, name)?,
        annotations::sa1b(&listing, name),
        masks::folders(&listing, name)?,
        masks::side_by_side(&listing, name),
    ];
    let mut likely: Vec<Reading> = readings.into_iter().flatten().collect();
    if likely.len() == 1 {
        return Ok(Recognised::Set(Box::new(likely.remove(0))));
    }
    if likely.is_empty() && !listing.pictures.is_empty() {
        return Ok(Recognised::ImagesAlone { images: listing.pictures.len() });
    }
    likely.truncate(2);
    Ok(Recognised::Unclear { found: listing.describe(), likely })
}

/// How many of something, in words.
fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// Folders with one of these names, in the order of the names.
fn first_named<'a>(listing: &'a Listing, names: &[&str]) -> Option<&'a PathBuf> {
    names.iter().find_map(|name| listing.folder(name))
}
