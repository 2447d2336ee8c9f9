//! Opening folders of SA-1B: `sa_1.jpg` beside `sa_1.json`, in any depth of folders.

use std::collections::HashMap;
use std::path::PathBuf;

use walkdir::WalkDir;

use super::annotation::{NO_RUNS, flaw_of_runs, read_sa1b};
use super::bytes::{os_bytes, path_from_bytes, read_file, walk_error};
use super::coco::refuse_unmatched;
use super::drafts::{self, Drafts, in_parallel, passes};
use super::endings::IMAGE_ENDINGS;
use super::index::{IndexWriter, Names, OpenContext, Span, Stage, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::objects::ObjectFilter;
use super::select::Selection;
use super::{LeftOut, Sa1bKeys, SetSpec, Unmatched};
use crate::error::{Error, Missing, Result};

/// Annotation files that a thread reads at a time.
const BLOCK: usize = 1024;

/// Opens the set's index, or makes one by reading all annotation files once.
pub(super) fn open(
    spec: &SetSpec,
    keys: &Sa1bKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let mut print = spec.fingerprint();
    for folder in folders(spec, keys)? {
        print.source(&folder)?;
    }
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, context, writer)?;
        Ok((vec![keys.images.clone()], left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Own)
}

/// The folder and all folders in it. An index holds as long as none of them changed.
fn folders(spec: &SetSpec, keys: &Sa1bKeys) -> Result<Vec<PathBuf>> {
    if !keys.images.is_dir() {
        return Err(Error::FolderMissing {
            set: spec.name.clone(),
            role: "images and annotations",
            folder: keys.images.clone(),
        });
    }
    // A folder of files alone, as SA-1B comes, is not walked through: it may hold millions.
    let mut found = Vec::new();
    let mut open = vec![keys.images.clone()];
    while let Some(folder) = open.pop() {
        let data = std::fs::metadata(&folder)
            .map_err(|source| Error::Read { file: folder.clone(), source })?;
        if has_folders(&data) {
            let inside = WalkDir::new(&folder).min_depth(1).max_depth(1).follow_links(true);
            for entry in inside.sort_by_file_name() {
                let entry = entry.map_err(|error| walk_error(&folder, error))?;
                if entry.file_type().is_dir() {
                    open.push(entry.into_path());
                }
            }
        }
        found.push(folder);
    }
    found.sort();
    Ok(found)
}

/// Whether a folder may have folders in it. On Unix every folder inside adds a link to the two that each
/// has; file systems that do not count them say 1.
#[cfg(unix)]
fn has_folders(data: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(data) != 2
}

#[cfg(not(unix))]
fn has_folders(_: &std::fs::Metadata) -> bool {
    true
}

/// An image with its annotation file, both relative to the set's folder.
struct Found {
    image: Vec<u8>,
    /// The ending of the annotation file, with its dot, if there is one.
    notes: Option<Vec<u8>>,
}

fn build(
    spec: &SetSpec,
    keys: &Sa1bKeys,
    context: &OpenContext<'_>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
    let mut lone = [
        LeftOut::none("images without an annotation file"),
        LeftOut::none("annotation files without an image"),
    ];
    let names = list(spec, keys, &selection, context, &mut lone)?;
    let [images, annotations] = lone;
    let flaws = [(images, &keys.images), (annotations, &keys.images)];
    refuse_unmatched(spec, &flaws, [Missing::Mask, Missing::Image])?;

    let blocks: Vec<&[Found]> = names.chunks(BLOCK).collect();
    let stage = context.stage(&spec.name, "annotations", Some(names.len() as u64));
    let read = in_parallel(blocks.len(), |number| read_block(spec, keys, blocks[number], &stage))?;
    drop(stage);
    let (drafts, left): (Vec<Drafts>, Vec<Vec<LeftOut>>) = read.into_iter().unzip();
    drafts::write(spec, &selection, &drafts, writer)?;
    Ok(drafts::sum(left.into_iter().flatten().chain(flaws.into_iter().map(|(flaw, _)| flaw))))
}

/// The images that have an annotation file and pass the set's patterns, sorted.
fn list(
    spec: &SetSpec,
    keys: &Sa1bKeys,
    selection: &Selection,
    context: &OpenContext<'_>,
    lone: &mut [LeftOut; 2],
) -> Result<Vec<Found>> {
    let mut found: HashMap<Vec<u8>, Found> = HashMap::new();
    let mut annotations: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let stage = context.stage(&spec.name, "files", None);
    for entry in WalkDir::new(&keys.images).min_depth(1).follow_links(true) {
        stage.add(1);
        let entry = entry.map_err(|error| walk_error(&keys.images, error))?;
        let path = entry.path().strip_prefix(&keys.images).unwrap_or(entry.path());
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden || !entry.file_type().is_file() {
            continue;
        }
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let stem = os_bytes(path.with_extension("").as_os_str()).to_vec();
        match ending.as_deref() {
            Some(ending) if IMAGE_ENDINGS.contains(&ending) => {
                let image = os_bytes(path.as_os_str()).to_vec();
                let new = Found { image, notes: None };
                if let Some(old) = found.insert(stem, new) {
                    return Err(doubled(
                        spec,
                        keys,
                        "images",
                        [&old.image, os_bytes(path.as_os_str())],
                    ));
                }
            }
            Some("json") => annotations.push((stem, os_bytes(path.as_os_str()).to_vec())),
            _ => {}
        }
    }
    drop(stage);
    annotations.sort();
    for (stem, file) in annotations {
        match found.get_mut(&stem) {
            Some(found) => {
                if let Some(ending) = found.notes.replace(file[stem.len()..].to_vec()) {
                    let other = [stem, ending].concat();
                    return Err(doubled(spec, keys, "annotations", [&other, &file]));
                }
            }
            None => lone[1].add(|| String::from_utf8_lossy(&file).into_owned()),
        }
    }
    let chosen = |found: &Found| passes(selection, found.names());
    let mut names: Vec<Found> = found.into_values().filter(chosen).collect();
    names.sort_by(|a, b| a.image.cmp(&b.image));
    for found in names.iter().filter(|found| found.notes.is_none()) {
        lone[0].add(|| String::from_utf8_lossy(&found.image).into_owned());
    }
    names.retain(|found| found.notes.is_some());
    Ok(names)
}

/// Two files of one name but for their endings.
fn doubled(spec: &SetSpec, keys: &Sa1bKeys, role: &'static str, files: [&[u8]; 2]) -> Error {
    Error::DuplicateStem {
        set: spec.name.clone(),
        role,
        folder: keys.images.clone(),
        files: files.map(|file| String::from_utf8_lossy(file).into_owned()).to_vec(),
        count: 1,
    }
}

impl Found {
    /// The names of the image and of its annotation file, endings as they are spelt.
    fn names(&self) -> Names<'_> {
        Names::of_file(&self.image, self.notes.as_deref().unwrap_or(b".json"))
    }
}

/// Counts the objects of some images.
fn read_block(
    spec: &SetSpec,
    keys: &Sa1bKeys,
    images: &[Found],
    stage: &Stage<'_>,
) -> Result<(Drafts, Vec<LeftOut>)> {
    let mut drafts = Drafts::default();
    let mut counter = Counter::new(spec);
    for found in images {
        let shown = || String::from_utf8_lossy(&found.image).into_owned();
        let ending = found.notes.as_deref().unwrap_or(b".json");
        let file = keys.images.join(path_from_bytes(&found.image));
        // An ending begins with its dot.
        let file = file.with_extension(String::from_utf8_lossy(&ending[1..]).as_ref());
        if let Some((size, objects)) =
            counter.count(|bytes| read_file(&file, bytes), || file.clone(), shown)?
        {
            let here = Span { file: 0, len: 0, at: 0 };
            drafts.push(found.names(), here, here, size, objects);
        }
        stage.add(1);
    }
    Ok((drafts, counter.left_out()))
}

/// Counts the objects of images that have an annotation file each, and the images that it leaves out.
pub(super) struct Counter {
    filter: ObjectFilter,
    unmatched: Unmatched,
    bytes: Vec<u8>,
    bare: LeftOut,
    no_runs: LeftOut,
    broken: LeftOut,
}

impl Counter {
    pub(super) fn new(spec: &SetSpec) -> Counter {
        Counter {
            filter: spec.kind.object_filter(),
            unmatched: spec.unmatched,
            bytes: Vec::new(),
            bare: LeftOut::none("images without an object to take"),
            no_runs: LeftOut::none(NO_RUNS),
            broken: LeftOut::none("images whose annotation file is damaged"),
        }
    }

    /// Width and height of an image, and how many of its objects are taken; none where it is left out.
    /// `read` gets the annotation file; `file` and `image` are asked for names where something is wrong.
    pub(super) fn count(
        &mut self,
        read: impl FnOnce(&mut Vec<u8>) -> Result<()>,
        file: impl Fn() -> PathBuf,
        image: impl FnOnce() -> String,
    ) -> Result<Option<((u32, u32), u32)>> {
        let counted = read(&mut self.bytes).and_then(|()| {
            let notes = read_sa1b(&self.bytes, || Ok(file()))?;
            let mut objects = 0;
            for object in notes.objects(&self.filter) {
                match flaw_of_runs(object.segmentation()) {
                    None => objects += 1,
                    Some(flaw) => self.no_runs.add(|| {
                        let id = object.id.map_or_else(String::new, |id| format!(", id {id}"));
                        format!("{}{id}: {flaw}", file().display())
                    }),
                }
            }
            Ok(((notes.image.width, notes.image.height), objects))
        });
        match counted {
            Ok((_, objects)) if !self.filter.takes_image(objects) => self.bare.add(image),
            Ok(found) => return Ok(Some(found)),
            Err(error) if self.unmatched == Unmatched::Error => return Err(error),
            Err(error) => self.broken.add(|| error.to_string()),
        }
        Ok(None)
    }

    /// What was left out so far.
    pub(super) fn left_out(self) -> Vec<LeftOut> {
        vec![self.bare, self.no_runs, self.broken]
    }
}
