//! A data set in another shape: any set that is read, written as COCO, as images with masks, as SA-1B, YOLO or WebDataset.
//!
//! Image files are copied byte by byte. What is written is in a folder of a temporary name until all of it has been read back and
//! compared; then the folder gets its name. The same data give the same bytes.
//!
//! ```no_run
//! use maskwright_data::export::{Shape, export};
//! use maskwright_data::source::{DataFile, OpenContext};
//!
//! let data = DataFile::read("data.toml".as_ref())?;
//! let done = export(&data, "coco".as_ref(), Shape::Coco, &OpenContext::default(), &mut |_| true)?;
//! println!("{} images", done.map_or(0, |done| done.images()));
//! # Ok::<(), maskwright_data::Error>(())
//! ```
//!
//! | file | what it is about |
//! |---|---|
//! | `reader` | an image with the masks of all its objects |
//! | `shape`, `shapes` | the names of the shapes, and the writer of each |
//! | `layout` | what all shapes have in common |
//! | `coco`, `pairs`, `sa1b`, `webdataset`, `yolo` | the shapes |
//! | `instance_picture` | the objects of an image in one picture |
//! | `names` | file names, and the numbers of classes |
//! | `check` | what was written, read back |

mod check;
mod coco;
mod instance_picture;
mod layout;
mod names;
mod pairs;
mod reader;
mod sa1b;
mod shape;
mod shapes;
mod webdataset;
mod yolo;

use std::path::Path;

use maskwright_files::{NewFolder, folder_of};
use serde::Serialize;
use strum::IntoStaticStr;

use crate::error::{Error, Result};
use crate::loader::WarnedRecord;
use crate::source::{DataFile, LeftOut, OpenContext, SetSpec};

use check::Expected;
pub use instance_picture::{InstancePicture, Overlaps, list_row};
use layout::Place;
use names::Classes;
pub use names::Names;
use reader::Reader;
pub use shape::Shape;
use shapes::{Layout, finish_all};

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Images that are done.
    pub done: usize,
    /// Images in all.
    pub total: usize,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Stage {
    /// Images and masks are written.
    Writing,
    /// What was written is read back and compared.
    Checking,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The training sets as one, then the validation sets as one, where there are such.
    pub parts: Vec<Part>,
    /// Names of the classes, in the order of their numbers.
    pub classes: Vec<String>,
    /// What of the data is not in the result, or is there in another form than it was.
    pub inexact: Vec<LeftOut>,
    /// What opening the sets left out.
    pub left_out: Vec<LeftOut>,
    /// Masks that are damaged and were used all the same. Images are copied without being decoded.
    #[serde(skip)]
    pub damaged: Vec<WarnedRecord>,
}

/// The training sets or the validation sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `train` or `valid`.
    pub role: &'static str,
    /// Images that were written.
    pub images: usize,
    /// Objects that were written.
    pub objects: usize,
}

impl Exported {
    /// How many images were written.
    pub fn images(&self) -> usize {
        self.parts.iter().map(|part| part.images).sum()
    }
}

/// Writes all sets of a data file in another shape into a new folder, with a `data.toml` that describes it. Returns none, and leaves
/// nothing, where `progress` asks to stop by returning false.
///
/// Every image is written once, with all the objects that the sets' settings take. Where there are training and validation sets,
/// each of the two becomes one set. Classes get numbers in the order in which they are met; objects without a class are of
/// the class `object`. A mask of levels between is written as 0 and 255 except where [`Shape::Masks`] holds it as it is.
///
/// # Errors
///
/// Those of opening and reading the sets: an export is whole or does not come about. [`Error::DamagedFile`] where the plan is strict and
/// an image or a mask is damaged. [`Error::Setting`] where there is
/// something at `output` already, where it lies in a folder that is read, or where the shape cannot hold an image's format.
/// [`Error::Write`], and [`Error::AnnotationFile`] where what was written does not read as what was meant.
pub fn export(
    data: &DataFile,
    output: &Path,
    shape: Shape,
    context: &OpenContext<'_>,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Option<Exported>> {
    refuse_place(data, output)?;
    let mut readers = Vec::new();
    for (role, specs) in [("train", &data.train), ("valid", &data.valid)] {
        let open = specs
            .iter()
            .map(|spec| Reader::open(spec, data.plan.strict, context))
            .collect::<Result<Vec<_>>>()?;
        if !open.is_empty() {
            readers.push((role, specs, open));
        }
    }
    let total: usize = readers.iter().flat_map(|(_, _, open)| open).map(Reader::len).sum();
    let written = |source| Error::Write { file: output.into(), source };
    let folder = NewFolder::beside(output).map_err(written)?;

    let several = readers.len() > 1;
    let (mut classes, mut done) = (Classes::default(), 0);
    let (mut parts, mut sets, mut inexact, mut left_out, mut damaged) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (role, specs, open) in &mut readers {
        let place = Place::new(folder.path(), role, several);
        let mut layout = Layout::new(shape, &place)?;
        let (mut names, mut expected) = (Names::default(), Expected::default());
        let mut part = Part { role, images: 0, objects: 0 };
        let mut bare = LeftOut::none("images without an object");
        for reader in open.iter_mut() {
            left_out.extend(reader.left_out().iter().cloned());
            for record in 0..reader.len() {
                let item = reader.read(record, &mut names, &mut classes)?;
                done += 1;
                if !progress(Progress { stage: Stage::Writing, done, total }) {
                    return Ok(None);
                }
                if item.objects.is_empty() {
                    bare.add(|| item.record.clone());
                    continue;
                }
                part.images += 1;
                part.objects += item.objects.len();
                expected.add(&item, layout.add(&item)?);
            }
            inexact.extend(reader.inexact(shape == Shape::Masks));
            damaged.extend(reader.take_damaged());
        }
        inexact.push(bare);
        inexact.extend(layout.finish(&classes)?);
        sets.push((role.to_owned(), shared(specs, layout.spec(role), &mut inexact), expected));
        parts.push(part);
    }
    finish_all(shape, folder.path(), &sets, &classes)?;
    if parts.iter().all(|part| part.images == 0) {
        return Err(Error::Setting {
            key: "the sets".into(),
            expected: "at least one image with an object".into(),
            found: "none".into(),
        });
    }
    let (mut checked, total) = (0, parts.iter().map(|part| part.images).sum());
    for (_, spec, expected) in &sets {
        let complete = check::read_back(folder.path(), spec, expected, &mut |images| {
            checked = images.max(checked);
            progress(Progress { stage: Stage::Checking, done: checked.min(total), total })
        })?;
        if !complete {
            return Ok(None);
        }
    }
    folder.publish().map_err(written)?;
    inexact.retain(|left: &LeftOut| left.count > 0);
    Ok(Some(Exported { parts, classes: classes.names().to_vec(), inexact, left_out, damaged }))
}

/// Refuses an output where something is at its place, or that the data lie around.
fn refuse_place(data: &DataFile, output: &Path) -> Result<()> {
    let refuse = |expected: &str, found: String| {
        Err(Error::Setting { key: "the output".into(), expected: expected.into(), found })
    };
    if output.symlink_metadata().is_ok() {
        return refuse("a path where nothing is", format!("{}, which is there", output.display()));
    }
    let parent = folder_of(output);
    parent.canonicalize().map_err(|source| Error::Read { file: parent.into(), source })?;
    if let Some(place) = data.place_around(parent) {
        let found = format!("{} in {}, which is read", output.display(), place.display());
        return refuse("a path outside of the data", found);
    }
    Ok(())
}

/// A set that is read as the sets that it was made of: in their range of numbers, with or without EXIF's orientation.
fn shared(specs: &[SetSpec], written: SetSpec, inexact: &mut Vec<LeftOut>) -> SetSpec {
    let Some(first) = specs.first() else { return written };
    let mut differ = LeftOut::none("sets whose value_range or exif is not that of the first");
    for spec in &specs[1..] {
        if (spec.value_range, spec.exif) != (first.value_range, first.exif) {
            differ.add(|| spec.name.clone());
        }
    }
    inexact.push(differ);
    SetSpec { value_range: first.value_range, exif: first.exif, ..written }
}
