//! Files of outlines, one for each image, brought into an index: which objects are taken, and what was left out.

use std::collections::{BTreeSet, HashSet};
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

use maskwright_image::Size;
use maskwright_image::mask::{PolygonScratch, Rle};
use walkdir::WalkDir;

use super::annotation::OutlineFile;
use super::bytes::{os_bytes, walk_error};
use super::drafts::{in_parallel, sum};
use super::endings::IMAGE_ENDINGS;
use super::index::{Image, IndexWriter, Names, ObjectEntry, OpenContext, Span};
use super::objects::{Facts, ObjectFilter};
use super::outlined::OutlineFormat;
use super::select::Selection;
use super::{LeftOut, SetSpec, Unmatched};
use crate::error::{Error, Result};

/// Files that a thread reads at a time.
pub(super) const BLOCK: usize = 256;

/// Whether a file's name ends as those of images do.
pub(super) fn is_picture(path: &Path) -> bool {
    let ending = path.extension();
    ending.is_some_and(|ending| endings().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Endings of images that a folder is searched for, in lower case: also of formats that are not read, so that such an
/// image is refused by its format, and not its annotations for want of an image.
pub(super) fn endings() -> impl Iterator<Item = &'static str> {
    IMAGE_ENDINGS.into_iter().chain(["heic", "heif", "jp2", "jpe"])
}

/// The files of a folder and of the folders in it, but for hidden ones, whose path is taken.
pub(super) fn files_below(
    folder: &Path,
    takes: impl Fn(&Path) -> bool,
) -> Result<Vec<walkdir::DirEntry>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1).follow_links(true) {
        let entry = entry.map_err(|error| walk_error(folder, error))?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.file_type().is_file() && takes(entry.path()) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// A file below a folder.
pub(super) struct FileBelow {
    /// Its path in the folder.
    pub(super) path: PathBuf,
    pub(super) about: Metadata,
}

/// What [`files_below`] finds, sorted by path.
pub(super) fn list_below(folder: &Path, takes: impl Fn(&Path) -> bool) -> Result<Vec<FileBelow>> {
    let listed = |entry: walkdir::DirEntry| {
        let about = entry.metadata().map_err(|error| walk_error(folder, error))?;
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
        Ok(FileBelow { path, about })
    };
    let mut found: Vec<FileBelow> =
        files_below(folder, takes)?.into_iter().map(listed).collect::<Result<_>>()?;
    found.sort_by(|a, b| os_bytes(a.path.as_os_str()).cmp(os_bytes(b.path.as_os_str())));
    Ok(found)
}

/// Whether patterns let an image through, by its name with and without ending.
pub(super) fn passes(selection: &Selection, image: &Path) -> bool {
    let stem = image.with_extension("");
    selection.lets_through(&stem.to_string_lossy(), &image.to_string_lossy())
}

/// The names without ending that several images have.
pub(super) fn stems_of_two<'p>(images: impl Iterator<Item = &'p Path>) -> HashSet<PathBuf> {
    let mut seen = HashSet::new();
    let stems = images.map(|image| image.with_extension(""));
    stems.filter(|stem| !seen.insert(stem.clone())).collect()
}

/// An image with the objects that are taken of it.
pub(super) struct Draft {
    /// The name that the record goes by.
    pub(super) stem: Vec<u8>,
    /// What the image's name has behind the stem, or a path of its own ([`Names::elsewhere`]).
    pub(super) image: Vec<u8>,
    /// The same of the file of outlines.
    pub(super) notes: Vec<u8>,
    /// Numbers of the folders of both in the index.
    pub(super) places: [u32; 2],
    /// Where in a file for all images the outlines lie: length and begin; nothing of a file of their own.
    pub(super) part: (u32, u64),
    pub(super) size: Size,
    pub(super) objects: Vec<ObjectEntry>,
}

impl Draft {
    /// An image of the first folder of the index, with a file of outlines called `notes` in the same one and no objects yet.
    /// `twice` says that another image has its stem: then the record goes by the whole name.
    pub(super) fn new(image: &Path, twice: bool, notes: Vec<u8>, size: Size) -> Self {
        let path = os_bytes(image.as_os_str());
        let names = Names::of_file(path, b"");
        let (stem, ending) = if twice { (path, &b""[..]) } else { (names.stem, names.image) };
        Self {
            stem: stem.to_vec(),
            image: ending.to_vec(),
            notes,
            places: [0; 2],
            part: (0, 0),
            size,
            objects: Vec::new(),
        }
    }

    fn names(&self) -> Names<'_> {
        Names { stem: &self.stem, image: &self.image, notes: &self.notes }
    }
}

/// Reads files of outlines one after the other, and counts what it leaves out.
pub(super) struct Gatherer<'a> {
    format: OutlineFormat,
    filter: &'a ObjectFilter,
    /// Labels to take; none takes all.
    wanted: Option<&'a BTreeSet<String>>,
    /// All labels that were met.
    pub(super) labels: BTreeSet<String>,
    pub(super) drafts: Vec<Draft>,
    pub(super) damaged: LeftOut,
    bare: LeftOut,
    without_outline: LeftOut,
    too_short: LeftOut,
    unseen: LeftOut,
    filtered: LeftOut,
    other_label: LeftOut,
    mask: Rle,
    scratch: PolygonScratch,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(
        format: OutlineFormat,
        filter: &'a ObjectFilter,
        wanted: Option<&'a BTreeSet<String>>,
    ) -> Gatherer<'a> {
        let without_outline = match format {
            OutlineFormat::Labelme => "shapes without an area (points and lines)",
            OutlineFormat::Yolo => "boxes without an outline",
            OutlineFormat::Supervisely | OutlineFormat::Cvat | OutlineFormat::LabelStudio => {
                "shapes without an outline (boxes, points, lines)"
            }
        };
        Gatherer {
            format,
            filter,
            wanted,
            labels: BTreeSet::new(),
            drafts: Vec::new(),
            damaged: LeftOut::none("images whose annotation file is damaged"),
            bare: LeftOut::none("images without an object to take"),
            without_outline: LeftOut::none(without_outline),
            too_short: LeftOut::none("outlines of fewer than three points"),
            unseen: LeftOut::none("objects that cover no pixel of their image"),
            filtered: LeftOut::none("objects outside the bounds of the set's settings"),
            other_label: LeftOut::none("objects of other categories"),
            mask: Rle::default(),
            scratch: PolygonScratch::default(),
        }
    }

    /// Takes the objects of an image; `draft` comes without them, `file` is that of the outlines.
    pub(super) fn add(&mut self, file: &Path, outlines: OutlineFile, draft: Draft) -> Result<()> {
        let format = self.format;
        // In a file for all images the image is named.
        let image = match draft.part {
            (0, _) => String::new(),
            _ => format!("{}, ", String::from_utf8_lossy(&draft.names().image_file())),
        };
        let place = |number: u64| format!("{image}{}", format.place(number));
        let at = |number: u64| format!("{}, {}", file.display(), place(number));
        outlines.without_outline.iter().for_each(|&n| self.without_outline.add(|| at(n)));
        outlines.too_short.iter().for_each(|&n| self.too_short.add(|| at(n)));
        let mut objects = Vec::new();
        for outlined in outlines.objects {
            let number = outlined.number;
            outlined.draw(draft.size, &mut self.mask, &mut self.scratch).map_err(|source| {
                let (place, message) = (place(number), source.to_string());
                Error::AnnotationFile { file: file.into(), place, message }
            })?;
            let area = self.mask.area();
            let facts = Facts { area: Some(area as f64), ..Facts::default() };
            let wanted = self.wanted.is_none_or(|wanted| wanted.contains(&outlined.label));
            let refused = if !wanted {
                Some(&mut self.other_label)
            } else if area == 0 {
                Some(&mut self.unseen)
            } else if !self.filter.lets_through(&facts) {
                Some(&mut self.filtered)
            } else {
                None
            };
            match refused {
                Some(refused) => refused.add(|| at(number)),
                None => objects.push(ObjectEntry { id: number, ..ObjectEntry::default() }),
            }
            self.labels.insert(outlined.label);
        }
        if self.filter.takes_image(objects.len() as u32) {
            self.drafts.push(Draft { objects, ..draft });
        } else {
            self.bare.add(|| String::from_utf8_lossy(&draft.names().image_file()).into_owned());
        }
        Ok(())
    }

    /// What was left out.
    pub(super) fn left_out(self) -> [LeftOut; 7] {
        [
            self.bare,
            self.without_outline,
            self.too_short,
            self.unseen,
            self.filtered,
            self.other_label,
            self.damaged,
        ]
    }
}

/// Adds up what several gatherers left out.
pub(super) fn left_out_of(gatherers: Vec<Gatherer<'_>>) -> Vec<LeftOut> {
    sum(gatherers.into_iter().flat_map(Gatherer::left_out))
}

/// Gathers the objects of images on all cores: `read` takes those of one. Where the set skips what has no counterpart, damaged
/// files are left out and counted.
pub(super) fn gather<'a, T: Sync>(
    spec: &SetSpec,
    images: &[T],
    context: &OpenContext<'_>,
    gatherer: impl Fn() -> Gatherer<'a> + Sync,
    read: impl Fn(&T, &mut Gatherer<'a>) -> Result<()> + Sync,
) -> Result<Vec<Gatherer<'a>>> {
    let stage = context.stage(&spec.name, "annotations", Some(images.len() as u64));
    let blocks: Vec<&[T]> = images.chunks(BLOCK).collect();
    in_parallel(blocks.len(), |number| {
        let mut gatherer = gatherer();
        for image in blocks[number] {
            match read(image, &mut gatherer) {
                Err(error) if spec.unmatched == Unmatched::Skip => {
                    gatherer.damaged.add(|| error.to_string());
                }
                read => read?,
            }
            stage.add(1);
        }
        Ok(gatherer)
    })
}

/// Writes what was gathered into an index, once its labels are known to hold the wanted `categories`. Returns what was left
/// out, `others` behind it.
pub(super) fn finish(
    spec: &SetSpec,
    categories: &[String],
    selection: &Selection,
    gathered: Vec<Gatherer<'_>>,
    others: impl IntoIterator<Item = LeftOut>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let labels: BTreeSet<&str> =
        gathered.iter().flat_map(|part| part.labels.iter().map(String::as_str)).collect();
    check_categories(spec, categories, labels.iter().copied())?;
    write(spec, selection, &gathered, writer)?;
    let mut left_out = left_out_of(gathered);
    left_out.extend(others.into_iter().filter(|left| left.count > 0));
    Ok(left_out)
}

/// Writes the images that the set's part takes into an index.
pub(super) fn write(
    spec: &SetSpec,
    selection: &Selection,
    gatherers: &[Gatherer<'_>],
    writer: &mut IndexWriter,
) -> Result<()> {
    let drafts: Vec<&Draft> =
        gatherers.iter().flat_map(|gatherer| gatherer.drafts.iter()).collect();
    let names: Vec<_> = drafts.iter().map(|draft| String::from_utf8_lossy(&draft.stem)).collect();
    for number in selection.in_part(&names) {
        let draft = drafts[number];
        let objects = draft.objects.len() as u32;
        let [image, notes] = draft.places;
        let image = Span { file: image, len: 0, at: 0 };
        let notes = Span { file: notes, len: draft.part.0, at: draft.part.1 };
        writer.image(&Image {
            names: draft.names(),
            image,
            notes,
            size: (draft.size.width as u32, draft.size.height as u32),
            objects,
            records: spec.kind.objects().records(objects),
        })?;
        draft.objects.iter().try_for_each(|object| writer.object(object))?;
    }
    Ok(())
}

/// Refuses categories that no file has.
pub(super) fn check_categories<'k>(
    spec: &SetSpec,
    wanted: &[String],
    known: impl Iterator<Item = &'k str> + Clone,
) -> Result<()> {
    let missing = |wanted: &&String| !known.clone().any(|known| known == wanted.as_str());
    let Some(missing) = wanted.iter().find(missing) else { return Ok(()) };
    let near = known.clone().min_by_key(|known| strsim::damerau_levenshtein(known, missing));
    let near = near.map_or_else(String::new, |near| format!(" (did you mean \"{near}\"?)"));
    Err(Error::Setting {
        key: format!("categories of set {}", spec.name),
        expected: format!("names among its {} categories", known.count()),
        found: format!("\"{missing}\"{near}"),
    })
}

/// A path without `.` and without `..` behind a folder's name.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidied.components().next_back(), Some(Component::Normal(_))) =>
            {
                tidied.pop();
            }
            part => tidied.push(part),
        }
    }
    tidied
}
