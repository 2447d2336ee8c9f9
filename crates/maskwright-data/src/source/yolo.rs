//! Opening a set of YOLO's layout for segmentation: `images/train/a.jpg` with `labels/train/a.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

use super::bytes::{os_bytes, read_file, read_text};
use super::coco::refuse_unmatched;
use super::drafts::in_parallel;
use super::folder_kinds::YoloKeys;
use super::image_size::size_of;
use super::index::{IndexWriter, Names, OpenContext, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::outlined::{OutlineFormat, read_outlines};
use super::outlines::{
    BLOCK, Draft, Gatherer, check_categories, files_below, is_picture, left_out_of, tidy, write,
};
use super::select::Selection;
use super::yolo_yaml::{DataYaml, slashes};
use super::{LeftOut, SetSpec, Unmatched};
use crate::error::{Error, Missing, Result};

/// A list of images above this many bytes is not read.
const LARGEST_LIST: u64 = 1 << 30;

/// Opens the set's index, or makes one by reading all label files once.
pub(super) fn open(
    spec: &SetSpec,
    keys: &YoloKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let mut print = spec.fingerprint();
    let (base, places, names) = if keys.images.as_os_str().is_empty() {
        let yaml = DataYaml::read(&keys.annotations)?;
        print.source(&keys.annotations)?;
        print.setting("split", keys.split);
        let base = keys.annotations.parent().unwrap_or(Path::new("")).to_path_buf();
        (base, yaml.places(keys.split)?, yaml.names)
    } else if keys.images.is_dir() {
        (keys.images.clone(), vec![keys.images.clone()], BTreeMap::new())
    } else {
        let (set, folder) = (spec.name.clone(), keys.images.clone());
        return Err(Error::FolderMissing { set, role: "images", folder });
    };
    let files = Files::list(spec, &base, &places)?;
    for place in &places {
        print.source(place)?;
    }
    print.found("lone, absent", (&files.lone, &files.absent));
    // A label file that is written over changes no folder.
    print.files(files.images.iter().flat_map(|listed| {
        let abouts = std::iter::once(&listed.about).chain(&listed.labels_about);
        abouts.map(|about| (os_bytes(listed.image.as_os_str()), about))
    }));
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, &files, &names, context, writer)?;
        Ok((vec![files.base.clone()], left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Outlines(OutlineFormat::Yolo))
}

/// What folders and lists hold.
struct Files {
    /// The folder that the index's paths are relative to.
    base: PathBuf,
    /// Sorted by name.
    images: Vec<Listed>,
    /// Images that lists name but that are not there.
    absent: LeftOut,
    /// Label files without an image, in the folders of labels.
    lone: LeftOut,
}

struct Listed {
    /// The name that the record goes by: the image's in its folder, without the ending.
    stem: Vec<u8>,
    image: PathBuf,
    about: Metadata,
    labels: PathBuf,
    /// None where there is no label file.
    labels_about: Option<Metadata>,
}

impl Files {
    fn list(spec: &SetSpec, base: &Path, places: &[PathBuf]) -> Result<Files> {
        let mut files = Files {
            base: absolute(base)?,
            images: Vec::new(),
            absent: LeftOut::none("images that are listed but not there"),
            lone: LeftOut::none("label files without an image"),
        };
        for place in places {
            let place = absolute(place)?;
            if place.is_file() {
                files.add_list(&place)?;
            } else {
                // Several folders may hold images of one name.
                let home = if places.len() > 1 { files.base.clone() } else { place.clone() };
                files.add_folder(&place, &home)?;
            }
        }
        let images = &mut files.images;
        images.sort_by(|a, b| (&a.stem, &a.image).cmp(&(&b.stem, &b.image)));
        images.dedup_by(|a, b| a.image == b.image);
        let pairs = images.windows(2).filter(|pair| pair[0].stem == pair[1].stem);
        let count = pairs.clone().count();
        match pairs.clone().next() {
            None => Ok(files),
            Some(pair) => Err(Error::DuplicateStem {
                set: spec.name.clone(),
                role: "images",
                folder: base.into(),
                files: pair.iter().map(|listed| listed.image.display().to_string()).collect(),
                count,
            }),
        }
    }

    /// Adds the images of a folder and of the folders in it; they are called relative to `home`.
    fn add_folder(&mut self, folder: &Path, home: &Path) -> Result<()> {
        let mut labelled = BTreeSet::new();
        for entry in files_below(folder, is_picture)? {
            let image = entry.into_path();
            let labels = labels_of(&image);
            labelled.insert(labels.clone());
            self.add(image, labels, home)?;
        }
        let labels = swapped(folder).unwrap_or_else(|| folder.into());
        if !labels.is_dir() {
            return Ok(());
        }
        let is_text = |path: &Path| path.extension().is_some_and(|ending| ending == "txt");
        for entry in files_below(&labels, is_text)? {
            let path = entry.into_path();
            // The list of classes that annotation tools write among the labels.
            let of_tool = path.file_name().is_some_and(|name| name == "classes.txt");
            if !of_tool && !labelled.contains(&path) {
                self.lone.add(|| path.display().to_string());
            }
        }
        Ok(())
    }

    /// Adds the images that a list names, a line each.
    fn add_list(&mut self, list: &Path) -> Result<()> {
        let text = read_text(list, LARGEST_LIST)
            .map_err(|source| Error::Read { file: list.into(), source })?;
        let near = list.parent().unwrap_or(Path::new("")).to_path_buf();
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            let named = slashes(line);
            let places = [near.join(&named), self.base.join(&named)];
            match places.iter().find(|place| place.is_file()) {
                Some(image) => {
                    let image = tidy(image);
                    let (labels, home) = (labels_of(&image), self.base.clone());
                    self.add(image, labels, &home)?;
                }
                None => self.absent.add(|| line.to_owned()),
            }
        }
        Ok(())
    }

    fn add(&mut self, image: PathBuf, labels: PathBuf, home: &Path) -> Result<()> {
        let about = std::fs::metadata(&image)
            .map_err(|source| Error::Read { file: image.clone(), source })?;
        let name = image.strip_prefix(home).unwrap_or(&image).with_extension("");
        let labels_about = std::fs::metadata(&labels).ok().filter(Metadata::is_file);
        let stem = os_bytes(name.as_os_str()).to_vec();
        self.images.push(Listed { stem, image, about, labels, labels_about });
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute =
        std::path::absolute(path).map_err(|source| Error::Read { file: path.into(), source })?;
    Ok(tidy(&absolute))
}

/// The label file of an image: where the last folder `images` of its path is called `labels`, or beside it.
fn labels_of(image: &Path) -> PathBuf {
    let beside = image.with_extension("txt");
    match swapped(&beside) {
        Some(labels) if labels.is_file() || !beside.is_file() => labels,
        _ => beside,
    }
}

/// A path with `labels` in place of its last part `images`; none where there is no such part.
fn swapped(path: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = path.components().collect();
    let last = parts.iter().rposition(|part| part.as_os_str() == "images")?;
    let swap = |(at, part): (usize, &Component<'_>)| {
        if at == last { PathBuf::from("labels") } else { part.as_os_str().into() }
    };
    Some(parts.iter().enumerate().map(swap).collect())
}

fn build(
    spec: &SetSpec,
    keys: &YoloKeys,
    files: &Files,
    names: &BTreeMap<u32, String>,
    context: &OpenContext<'_>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let flaws = [(files.absent.clone(), &files.base), (files.lone.clone(), &files.base)];
    refuse_unmatched(spec, &flaws, [Missing::Image; 2])?;
    let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
    let filter = spec.kind.object_filter();
    let wanted = wanted(spec, &keys.categories, names)?;
    let stage = context.stage(&spec.name, "annotations", Some(files.images.len() as u64));
    let blocks: Vec<&[Listed]> = files.images.chunks(BLOCK).collect();
    let read = in_parallel(blocks.len(), |number| {
        let mut gatherer = Gatherer::new(OutlineFormat::Yolo, &filter, wanted.as_ref());
        let mut unlabelled = LeftOut::none("images without a label file");
        let mut bytes = Vec::new();
        for listed in blocks[number] {
            stage.add(1);
            let file = listed.image.strip_prefix(&files.base).unwrap_or(&listed.image);
            let name = String::from_utf8_lossy(&listed.stem).into_owned();
            if !selection.lets_through(
                &name,
                &listed.image.file_name().unwrap_or_default().to_string_lossy(),
            ) && !selection.lets_through(&name, &file.to_string_lossy())
            {
                continue;
            }
            if listed.labels_about.is_none() {
                unlabelled.add(|| file.display().to_string());
                continue;
            }
            let taken = take(spec, files, names, listed, &mut bytes, &mut gatherer);
            match taken {
                Err(error) if spec.unmatched == Unmatched::Skip => {
                    gatherer.damaged.add(|| error.to_string());
                }
                other => other?,
            }
        }
        Ok((gatherer, unlabelled))
    })?;
    drop(stage);
    let (gathered, unlabelled): (Vec<Gatherer<'_>>, Vec<LeftOut>) = read.into_iter().unzip();
    if names.is_empty() {
        let labels: BTreeSet<&str> =
            gathered.iter().flat_map(|part| part.labels.iter().map(String::as_str)).collect();
        check_categories(spec, &keys.categories, labels.iter().copied())?;
    }
    write(spec, &selection, &gathered, writer)?;
    let mut left_out = left_out_of(gathered);
    left_out.extend(super::drafts::sum(unlabelled));
    left_out.extend(flaws.into_iter().map(|(left, _)| left).filter(|left| left.count > 0));
    Ok(left_out)
}

/// The labels, which are numbers of classes, of the categories that the set takes; none where it takes all.
fn wanted(
    spec: &SetSpec,
    categories: &[String],
    names: &BTreeMap<u32, String>,
) -> Result<Option<BTreeSet<String>>> {
    if categories.is_empty() {
        return Ok(None);
    }
    if names.is_empty() {
        return Ok(Some(categories.iter().cloned().collect()));
    }
    check_categories(spec, categories, names.values().map(String::as_str))?;
    let chosen = names.iter().filter(|(_, name)| categories.contains(name));
    Ok(Some(chosen.map(|(number, _)| number.to_string()).collect()))
}

/// Reads the label file of one image.
fn take(
    spec: &SetSpec,
    files: &Files,
    names: &BTreeMap<u32, String>,
    listed: &Listed,
    bytes: &mut Vec<u8>,
    gatherer: &mut Gatherer<'_>,
) -> Result<()> {
    read_file(&listed.labels, bytes)?;
    let record = || format!("{}/{}", spec.name, String::from_utf8_lossy(&listed.stem));
    let size = size_of(&listed.image, spec.exif, record)?;
    let outlines = read_outlines(OutlineFormat::Yolo, bytes, size, || Ok(listed.labels.clone()))?;
    for outlined in &outlines.objects {
        let known = outlined.label.parse().is_ok_and(|class| names.contains_key(&class));
        if !known && !names.is_empty() {
            return Err(Error::AnnotationFile {
                file: listed.labels.clone(),
                place: OutlineFormat::Yolo.place(outlined.number),
                message: format!(
                    "class: expected one of the {} classes that data.yaml names, found {}",
                    names.len(),
                    outlined.label
                ),
            });
        }
    }
    let elsewhere = |path: &Path| {
        Names::elsewhere(os_bytes(path.strip_prefix(&files.base).unwrap_or(path).as_os_str()))
    };
    let draft = Draft {
        stem: listed.stem.clone(),
        image: elsewhere(&listed.image),
        notes: elsewhere(&listed.labels),
        places: [0; 2],
        part: (0, 0),
        size,
        objects: Vec::new(),
    };
    gatherer.add(&listed.labels, outlines, draft)
}
