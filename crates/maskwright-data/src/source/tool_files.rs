//! Opening a file of an annotation tool that has the objects of all images: CVAT's XML, Label Studio's JSON.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use maskwright_image::Size;
use serde_json::value::RawValue;

use super::annotation::{Flawed, Task, list_cvat};
use super::bytes::read_file;
use super::coco::refuse_unmatched;
use super::folder_kinds::{CvatKeys, LabelStudioKeys};
use super::image_size::size_of;
use super::index::{IndexWriter, OpenContext, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::listed::{Found, Listed};
use super::outlined::{OutlineFormat, flaw_in, read_outlines};
use super::outlines::{Draft, Gatherer, finish, gather, passes, stems_of_two};
use super::select::Selection;
use super::{LeftOut, SetSpec};
use crate::error::{Error, Missing, Result};

/// Numbers of the folder and of the file in the index.
const IMAGES: u32 = 0;
const FILE: u32 = 1;

/// A file and its images.
struct Export<'a> {
    format: OutlineFormat,
    file: &'a Path,
    images: &'a Path,
    categories: &'a [String],
    /// The part of the file about each of the images, and what it is about.
    list: fn(&[u8]) -> Result<Vec<Item>, Flawed>,
}

/// An image that a file lists.
struct Item {
    /// The file's name, as the tool calls it.
    name: String,
    size: Option<Size>,
    range: Range<usize>,
}

/// Opens a set of CVAT's XML.
pub(super) fn open_cvat(
    spec: &SetSpec,
    keys: &CvatKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let list = |bytes: &[u8]| {
        let images = list_cvat(bytes)?.into_iter();
        Ok(images
            .map(|image| Item { name: image.name, size: image.size, range: image.range })
            .collect())
    };
    let export = Export {
        format: OutlineFormat::Cvat,
        file: &keys.annotations,
        images: &keys.images,
        categories: &keys.categories,
        list,
    };
    export.open(spec, context)
}

/// Opens a set of Label Studio's JSON.
pub(super) fn open_label_studio(
    spec: &SetSpec,
    keys: &LabelStudioKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let export = Export {
        format: OutlineFormat::LabelStudio,
        file: &keys.annotations,
        images: &keys.images,
        categories: &keys.categories,
        list: list_tasks,
    };
    export.open(spec, context)
}

/// The tasks of a list that have an image.
fn list_tasks(bytes: &[u8]) -> Result<Vec<Item>, Flawed> {
    let flaw = |place: String, message: String| Flawed { place, message };
    let start = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let tasks: Vec<&RawValue> = serde_json::from_slice(&bytes[start..]).map_err(|error| {
        let expected = "expected Label Studio's list of tasks (export \"JSON\")";
        flaw(String::new(), format!("{expected}, found no such JSON ({error})"))
    })?;
    let mut items = Vec::new();
    for (number, json) in (1..).zip(tasks) {
        let json = json.get();
        let place = format!("task number {number}");
        let task =
            Task::parse(json.as_bytes()).map_err(|error| flaw(place.clone(), error.message))?;
        let size = task.size();
        let name = task.image.ok_or_else(|| {
            flaw(place, "data: expected the name or address of an image, found none".into())
        })?;
        let from = json.as_ptr().addr() - bytes.as_ptr().addr();
        items.push(Item { name, size, range: from..from + json.len() });
    }
    Ok(items)
}

/// The name of an uploaded file without the eight digits that Label Studio puts before it.
fn without_prefix(name: &str) -> Option<String> {
    let last = name.rsplit('/').next()?;
    let (digits, rest) = last.split_once('-')?;
    let hexadecimal = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && !rest.is_empty()).then(|| rest.to_owned())
}

impl Export<'_> {
    /// Opens the set's index, or makes one by reading the file once.
    fn open(&self, spec: &SetSpec, context: &OpenContext<'_>) -> Result<IndexedSource> {
        if !self.images.is_dir() {
            let (set, folder) = (spec.name.clone(), self.images.into());
            return Err(Error::FolderMissing { set, role: "images", folder });
        }
        let mut print = spec.fingerprint();
        print.source(self.file)?;
        print.source(self.images)?;
        print.setting("exif", spec.exif);
        let index = open_or_build(&spec.name, &print, context, |writer| {
            let left_out = self.build(spec, context, writer)?;
            Ok((vec![self.images.to_path_buf(), self.file.to_path_buf()], left_out))
        })?;
        IndexedSource::new(spec, index, Notes::Outlines(self.format))
    }

    fn build(
        &self,
        spec: &SetSpec,
        context: &OpenContext<'_>,
        writer: &mut IndexWriter,
    ) -> Result<Vec<LeftOut>> {
        let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
        let filter = spec.kind.object_filter();
        let wanted: BTreeSet<String> = self.categories.iter().cloned().collect();
        let wanted = (!wanted.is_empty()).then_some(&wanted);
        let mut bytes = Vec::new();
        read_file(self.file, &mut bytes)?;
        let items = (self.list)(&bytes).map_err(|flaw| flaw_in(self.file, flaw))?;

        let mut absent = LeftOut::none("images that are listed but not there");
        let mut shared =
            LeftOut::none("images that are not where they are listed and share their file's name");
        let mut doubled = LeftOut::none("entries of an image that another one is about");
        let names: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
        let uploaded: Vec<String> =
            names.iter().map(|name| without_prefix(name).unwrap_or_default()).collect();
        let (names, uploaded) =
            (Listed::new(self.images, &names), Listed::new(self.images, &uploaded));
        let mut chosen: Vec<(usize, PathBuf)> = Vec::new();
        let mut taken: HashMap<PathBuf, usize> = HashMap::new();
        for (number, item) in items.iter().enumerate() {
            let found = match names.find(number) {
                Found::Absent if self.format == OutlineFormat::LabelStudio => uploaded.find(number),
                found => found,
            };
            let file = match found {
                Found::File(file) => PathBuf::from(file),
                Found::Absent => {
                    if passes(&selection, Path::new(&item.name)) {
                        absent.add(|| item.name.clone());
                    }
                    continue;
                }
                Found::Shared { file, with } => {
                    let other = &items[with].name;
                    shared.add(|| format!("{}: {file} may be {other}, too", item.name));
                    continue;
                }
            };
            if !passes(&selection, &file) {
                continue;
            }
            match taken.insert(file.clone(), number) {
                Some(_) => doubled.add(|| file.display().to_string()),
                None => chosen.push((number, file)),
            }
        }
        let flaws = [(absent, self.images), (shared, self.images), (doubled, self.file)];
        refuse_unmatched(spec, &flaws, [Missing::Image; 3])?;

        let twice = stems_of_two(chosen.iter().map(|(_, file)| file.as_path()));
        let gatherer = || Gatherer::new(self.format, &filter, wanted);
        let gathered = gather(spec, &chosen, context, gatherer, |(number, file), gatherer| {
            let twice = twice.contains(&file.with_extension(""));
            self.read_one(spec, (&items[*number], file, twice), &bytes, gatherer)
        })?;
        let others = flaws.into_iter().map(|(left, _)| left);
        finish(spec, self.categories, &selection, gathered, others, writer)
    }

    /// Takes the objects of an image; `twice` says that another image has the stem of this one.
    fn read_one(
        &self,
        spec: &SetSpec,
        (item, image, twice): (&Item, &Path, bool),
        bytes: &[u8],
        gatherer: &mut Gatherer<'_>,
    ) -> Result<()> {
        let record = || format!("{}/{}", spec.name, image.display());
        let whole = self.images.join(image);
        let size = item.size.map_or_else(|| size_of(&whole, spec.exif, record), Ok)?;
        let part = &bytes[item.range.clone()];
        let named = |error| match error {
            Error::AnnotationFile { file, place, message } => {
                let comma = if place.is_empty() { "" } else { ", " };
                let place = format!("{}{comma}{place}", image.display());
                Error::AnnotationFile { file, place, message }
            }
            other => other,
        };
        let outlines =
            read_outlines(self.format, part, size, || Ok(self.file.into())).map_err(named)?;
        let length = u32::try_from(part.len()).map_err(|_| Error::AnnotationFile {
            file: self.file.into(),
            place: image.display().to_string(),
            message: "expected less than 4 GiB about an image, found more".into(),
        })?;
        let draft = Draft {
            places: [IMAGES, FILE],
            part: (length, item.range.start as u64),
            ..Draft::new(image, twice, Vec::new(), size)
        };
        gatherer.add(self.file, outlines, draft)
    }
}

#[cfg(test)]
mod tests {
    use super::without_prefix;

    #[test]
    fn uploaded_files_have_a_prefix() {
        let names =
            ["/data/upload/1/0f3a9b2c-a b.jpg", "0f3a9b2c-x-y.png", "leaf-1.jpg", "0f3a9b2c-"];
        let found = names.map(without_prefix);
        assert_eq!(found, [Some("a b.jpg".into()), Some("x-y.png".into()), None, None]);
    }
}
