//! Opening a folder of Labelme: an annotation file for each image, beside it or in a folder of its own.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::annotation::LabelmeFile;
use super::bytes::{os_bytes, path_from_bytes, read_file};
use super::coco::refuse_unmatched;
use super::drafts::in_parallel;
use super::folder_kinds::LabelmeKeys;
use super::image_size::size_of;
use super::index::{IndexWriter, Names, OpenContext, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::outlined::{OutlineFormat, flaw_in};
use super::outlines::{
    BLOCK, Draft, FileBelow, Gatherer, endings, finish, is_picture, list_below, passes, tidy,
};
use super::select::Selection;
use super::{LeftOut, SetSpec, Unmatched};
use crate::error::{Error, Missing, Result};

/// Numbers of the folders in the index.
const IMAGES: u32 = 0;
const NOTES: u32 = 1;

/// Opens the set's index, or makes one by reading all annotation files once.
pub(super) fn open(
    spec: &SetSpec,
    keys: &LabelmeKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    for (role, folder) in [("images", keys.images.as_path()), ("annotations", keys.notes())] {
        if !folder.is_dir() {
            let (set, folder) = (spec.name.clone(), folder.into());
            return Err(Error::FolderMissing { set, role, folder });
        }
    }
    let files = Files::list(keys)?;
    let mut print = spec.fingerprint();
    print.source(&keys.images)?;
    print.source(keys.notes())?;
    // The tool writes its files over, which changes no folder.
    let all = files.notes.iter().chain(&files.pictures);
    print.files(all.map(|file| (os_bytes(file.path.as_os_str()), &file.about)));
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, &files, context, writer)?;
        Ok((vec![keys.images.clone(), keys.notes().into()], left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Outlines(OutlineFormat::Labelme))
}

/// What lies in the folders, sorted.
struct Files {
    /// Annotation files, relative to their folder.
    notes: Vec<FileBelow>,
    /// Images, relative to theirs.
    pictures: Vec<FileBelow>,
}

impl Files {
    fn list(keys: &LabelmeKeys) -> Result<Files> {
        let is_notes =
            |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        Ok(Files {
            notes: list_below(keys.notes(), is_notes)?,
            pictures: list_below(&keys.images, is_picture)?,
        })
    }
}

/// What a thread found out.
struct Block<'a> {
    gathered: Gatherer<'a>,
    /// The image of each annotation file that has one, by numbers of the files.
    images: Vec<(usize, PathBuf)>,
    /// Annotation files without an image.
    lone: LeftOut,
}

fn build(
    spec: &SetSpec,
    keys: &LabelmeKeys,
    files: &Files,
    context: &OpenContext<'_>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
    let filter = spec.kind.object_filter();
    let wanted: BTreeSet<String> = keys.categories.iter().cloned().collect();
    let wanted = (!wanted.is_empty()).then_some(&wanted);
    let stage = context.stage(&spec.name, "annotations", Some(files.notes.len() as u64));
    let blocks: Vec<(usize, &[FileBelow])> =
        (0..).step_by(BLOCK).zip(files.notes.chunks(BLOCK)).collect();
    let mut read = in_parallel(blocks.len(), |number| {
        let (first, notes) = blocks[number];
        let mut block = Block {
            gathered: Gatherer::new(OutlineFormat::Labelme, &filter, wanted),
            images: Vec::new(),
            lone: LeftOut::none("annotation files without an image"),
        };
        let mut bytes = Vec::new();
        for (number, notes) in (first..).zip(notes) {
            read_one(spec, keys, &selection, number, &notes.path, &mut bytes, &mut block)?;
            stage.add(1);
        }
        Ok(block)
    })?;
    drop(stage);

    let mut lone = [
        LeftOut::none("images without an annotation file"),
        LeftOut::none("annotation files without an image"),
    ];
    let mut doubled = LeftOut::none("annotation files of an image that another one is about");
    // By image: the annotation file that is about it.
    let mut of: HashMap<PathBuf, usize> = HashMap::new();
    for block in &mut read {
        lone[1].join(std::mem::take(&mut block.lone));
        for (number, image) in &block.images {
            let mine = &files.notes[*number].path;
            if let Some(other) = of.get(image) {
                let other = files.notes[*other].path.display();
                doubled.add(|| format!("{} beside {other}", mine.display()));
                let stem = stem_of(mine);
                block.gathered.drafts.retain(|draft| draft.stem != stem);
            } else {
                of.insert(image.clone(), *number);
            }
        }
    }
    let pictures = tidy(&keys.images);
    for picture in &files.pictures {
        let taken = of.contains_key(&pictures.join(&picture.path));
        if !taken && passes(&selection, &picture.path) {
            lone[0].add(|| picture.path.to_string_lossy().into_owned());
        }
    }
    let [images, notes] = lone;
    let flaws = [(images, keys.images.as_path()), (notes, keys.notes())];
    refuse_unmatched(spec, &flaws, [Missing::Mask, Missing::Image])?;
    let twice = [(doubled, keys.notes()), (LeftOut::default(), keys.notes())];
    refuse_unmatched(spec, &twice, [Missing::Image; 2])?;

    let gathered: Vec<Gatherer<'_>> = read.into_iter().map(|block| block.gathered).collect();
    let others = flaws.into_iter().chain(twice).map(|(left, _)| left);
    finish(spec, &keys.categories, &selection, gathered, others, writer)
}

/// The name of a record: that of its annotation file, without the ending.
fn stem_of(notes: &Path) -> Vec<u8> {
    os_bytes(notes.with_extension("").as_os_str()).to_vec()
}

/// Reads one annotation file, finds its image and takes its objects.
fn read_one(
    spec: &SetSpec,
    keys: &LabelmeKeys,
    selection: &Selection,
    number: usize,
    notes: &Path,
    bytes: &mut Vec<u8>,
    block: &mut Block<'_>,
) -> Result<()> {
    let file = keys.notes().join(notes);
    let stem = stem_of(notes);
    let name = String::from_utf8_lossy(&stem).into_owned();
    let mut image = None;
    let result = read_file(&file, bytes).and_then(|()| {
        let parsed = LabelmeFile::parse(bytes).map_err(|flaw| flaw_in(&file, flaw))?;
        let Some(found) = find_image(keys, notes, &parsed.image_path) else {
            if selection.lets_through(&name, &parsed.image_path) {
                block.lone.add(|| lone_name(notes, &parsed));
            }
            return Ok(());
        };
        let found = tidy(&found);
        let inside = found.strip_prefix(tidy(&keys.images)).map(Path::to_path_buf);
        let path = inside.unwrap_or_else(|_| found.clone());
        image = Some(found.clone());
        if !selection.lets_through(&name, &path.to_string_lossy()) {
            return Ok(());
        }
        let record = || format!("{}/{name}", spec.name);
        let size = parsed.size.map_or_else(|| size_of(&found, spec.exif, record), Ok)?;
        let outlines = parsed.outlines(size).map_err(|flaw| flaw_in(&file, flaw))?;
        let path = os_bytes(path.as_os_str());
        let ending = path
            .strip_prefix(&stem[..])
            .filter(|rest| rest.starts_with(b".") && !rest.contains(&b'/'));
        let json = &os_bytes(notes.as_os_str())[stem.len()..];
        let draft = Draft {
            image: ending.map_or_else(|| Names::elsewhere(path), <[u8]>::to_vec),
            notes: json.to_vec(),
            stem,
            places: [IMAGES, NOTES],
            part: (0, 0),
            size,
            objects: Vec::new(),
        };
        block.gathered.add(&file, outlines, draft)
    });
    // An image with a damaged file is not without one.
    let beside = || find_image(keys, notes, "").map(|found| tidy(&found));
    block.images.extend(image.or_else(beside).map(|image| (number, image)));
    match result {
        Err(_) if !selection.lets_through(&name, &notes.to_string_lossy()) => Ok(()),
        Err(error) if spec.unmatched == Unmatched::Skip => {
            block.gathered.damaged.add(|| error.to_string());
            Ok(())
        }
        other => other,
    }
}

/// An annotation file without an image, and what it says of it.
fn lone_name(notes: &Path, parsed: &LabelmeFile) -> String {
    let embedded = if parsed.embedded { ", whose pixels are in the file alone" } else { "" };
    format!("{} (imagePath \"{}\"{embedded})", notes.display(), parsed.image_path)
}

/// The image of an annotation file: where it says, else of that name or of its own in the folders of both.
fn find_image(keys: &LabelmeKeys, notes: &Path, named: &str) -> Option<PathBuf> {
    let home = notes.parent().unwrap_or(Path::new(""));
    let last = named.rsplit('/').next().unwrap_or_default();
    let places = [keys.notes().join(home), keys.images.join(home), keys.images.clone()];
    let named = [named, last].into_iter().filter(|named| !named.is_empty());
    let mut found = named.flat_map(|named| places.iter().map(move |place| place.join(named)));
    found.find(|path| path.is_file()).or_else(|| {
        let stem = path_from_bytes(os_bytes(notes.file_stem()?));
        let beside = |place: &PathBuf| {
            endings().find_map(|ending| {
                let mut name = stem.clone().into_os_string();
                name.push(".");
                name.push(ending);
                Some(place.join(name)).filter(|path| path.is_file())
            })
        };
        places[..2].iter().find_map(beside)
    })
}
