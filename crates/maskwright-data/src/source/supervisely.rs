//! Opening a project of Supervisely: `DATASET/img/photo.jpg` with `DATASET/ann/photo.jpg.json`.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::annotation::SuperviselyFile;
use super::bytes::{os_bytes, read_file};
use super::coco::refuse_unmatched;
use super::folder_kinds::SuperviselyKeys;
use super::image_size::size_of;
use super::index::{IndexWriter, Names, OpenContext, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::outlined::{OutlineFormat, flaw_in};
use super::outlines::{
    Draft, FileBelow, Gatherer, endings, finish, gather, is_picture, list_below, passes,
    stems_of_two,
};
use super::select::Selection;
use super::{LeftOut, SetSpec};
use crate::error::{Error, Missing, Result};

/// The folders of a data set.
const IMAGES: &str = "img";
const NOTES: &str = "ann";

/// Opens the set's index, or makes one by reading all annotation files once.
pub(super) fn open(
    spec: &SetSpec,
    keys: &SuperviselyKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    if !keys.images.is_dir() {
        let (set, folder) = (spec.name.clone(), keys.images.clone());
        return Err(Error::FolderMissing { set, role: "images", folder });
    }
    let [images, notes] = [list(&keys.images, IMAGES)?, list(&keys.images, NOTES)?];
    let mut print = spec.fingerprint();
    print.source(&keys.images)?;
    print.setting("exif", spec.exif);
    let all = images.iter().chain(&notes);
    print.files(all.map(|file| (os_bytes(file.path.as_os_str()), &file.about)));
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, [&images, &notes], context, writer)?;
        Ok((vec![keys.images.clone()], left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Outlines(OutlineFormat::Supervisely))
}

/// The files in all folders of a name, sorted: images, or annotation files.
fn list(root: &Path, folder: &str) -> Result<Vec<FileBelow>> {
    list_below(root, |path| {
        let inside = path.parent().and_then(Path::file_name) == Some(OsStr::new(folder));
        let json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        inside && if folder == NOTES { json } else { is_picture(path) }
    })
}

fn build(
    spec: &SetSpec,
    keys: &SuperviselyKeys,
    [images, notes]: [&[FileBelow]; 2],
    context: &OpenContext<'_>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
    let filter = spec.kind.object_filter();
    let wanted: BTreeSet<String> = keys.categories.iter().cloned().collect();
    let wanted = (!wanted.is_empty()).then_some(&wanted);
    let mut lone = [
        LeftOut::none("images without an annotation file"),
        LeftOut::none("annotation files without an image"),
    ];
    let there: HashSet<&Path> = images.iter().map(|image| image.path.as_path()).collect();
    let mut pairs = Vec::new();
    let mut taken: HashSet<PathBuf> = HashSet::new();
    for notes in notes {
        match image_of(&notes.path).into_iter().find(|image| there.contains(image.as_path())) {
            Some(image) => {
                taken.insert(image.clone());
                pairs.push((image, notes.path.as_path()));
            }
            None => lone[1].add(|| notes.path.display().to_string()),
        }
    }
    for image in images.iter().filter(|image| !taken.contains(&image.path)) {
        if passes(&selection, &image.path) {
            lone[0].add(|| image.path.display().to_string());
        }
    }
    pairs.retain(|(image, _)| passes(&selection, image));
    let [no_notes, no_image] = lone;
    let flaws = [(no_notes, &keys.images), (no_image, &keys.images)];
    refuse_unmatched(spec, &flaws, [Missing::Mask, Missing::Image])?;

    let stems = stems_of_two(pairs.iter().map(|(image, _)| image.as_path()));
    let gatherer = || Gatherer::new(OutlineFormat::Supervisely, &filter, wanted);
    let gathered = gather(spec, &pairs, context, gatherer, |(image, notes), gatherer| {
        let twice = stems.contains(&image.with_extension(""));
        read_one(spec, keys, (image, notes, twice), gatherer)
    })?;
    let others = flaws.into_iter().map(|(left, _)| left);
    finish(spec, &keys.categories, &selection, gathered, others, writer)
}

/// What the image of an annotation file may be called: its name without `.json`, or with the ending of an image in its place.
fn image_of(notes: &Path) -> Vec<PathBuf> {
    let home = notes.parent().and_then(Path::parent).unwrap_or(Path::new("")).join(IMAGES);
    let whole = home.join(notes.file_stem().unwrap_or_default());
    let other = |ending: &str| {
        let mut name = whole.clone().into_os_string();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    };
    std::iter::once(whole.clone()).chain(endings().map(other)).collect()
}

/// Reads one annotation file and takes its objects; `twice` says that another image has the stem of this one.
fn read_one(
    spec: &SetSpec,
    keys: &SuperviselyKeys,
    (image, notes, twice): (&Path, &Path, bool),
    gatherer: &mut Gatherer<'_>,
) -> Result<()> {
    let file = keys.images.join(notes);
    let mut bytes = Vec::new();
    read_file(&file, &mut bytes)?;
    let parsed = SuperviselyFile::parse(&bytes).map_err(|flaw| flaw_in(&file, flaw))?;
    let record = || format!("{}/{}", spec.name, image.display());
    let whole = keys.images.join(image);
    let size = parsed.size.map_or_else(|| size_of(&whole, spec.exif, record), Ok)?;
    let outlines = parsed.outlines(size).map_err(|flaw| flaw_in(&file, flaw))?;
    let draft = Draft::new(image, twice, Names::elsewhere(os_bytes(notes.as_os_str())), size);
    gatherer.add(&file, outlines, draft)
}
