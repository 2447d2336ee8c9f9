//! Exports of annotation tools in formats of their own: Supervisely, CVAT, Label Studio.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::listing::{Listing, ending};
use super::masks::{IMAGES, MASKS};
use super::{Reading, Recognised, count, first_named};
use crate::error::{Error, Result};
use crate::source::annotation::{Task, list_cvat};
use crate::source::bytes::{open_file, read_file};
use crate::source::label_studio_masks::BrushMask;
use crate::source::listed::{Found, IdList, Listed};
use crate::source::{CvatKeys, LabelStudioKeys, SetKind, SetSpec, SuperviselyKeys};

/// The sets of a folder of one of these tools, or what it lacks.
pub(super) fn look(listing: &Listing, name: &str) -> Result<Option<Recognised>> {
    if let Some(found) = supervisely(listing, name)? {
        return Ok(Some(found));
    }
    if let Some(found) = cvat(listing, name)? {
        return Ok(Some(found));
    }
    label_studio(listing, name)
}

fn set(what: String, name: &str, kind: SetKind) -> Recognised {
    Recognised::Set(Box::new(Reading::train(what, SetSpec::new(name, kind))))
}

/// A project: `meta.json` beside folders of `img` and `ann`; or one of these folders.
fn supervisely(listing: &Listing, name: &str) -> Result<Option<Recognised>> {
    let has_meta = listing.others.iter().any(|file| file.ends_with("meta.json"));
    let home = std::iter::once(&listing.path).chain(listing.folders.iter().filter(|_| has_meta));
    let (mut images, mut notes) = (0, 0);
    for folder in home {
        let [img, ann] = ["img", "ann"].map(|part| folder.join(part));
        if img.is_dir() && ann.is_dir() {
            images += Listing::of(&img)?.pictures.len();
            notes += Listing::of(&ann)?.ending(&["json"]).count();
        }
    }
    if notes == 0 {
        return Ok(None);
    }
    let notes = count(notes, "annotation file", "annotation files");
    let what = format!("Supervisely: {}, {notes}", count(images, "image", "images"));
    let keys = SuperviselyKeys { images: listing.path.clone(), ..SuperviselyKeys::default() };
    Ok(Some(set(what, name, SetKind::Supervisely(keys))))
}

/// `annotations.xml`, with its images in `images` or beside it.
fn cvat(listing: &Listing, name: &str) -> Result<Option<Recognised>> {
    let Some(file) = listing.others.iter().find(|file| file.ends_with("annotations.xml")) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    read_file(file, &mut bytes)?;
    let not_read =
        |what: &'static str, instead: &'static str| Ok(Some(Recognised::NotRead { what, instead }));
    let names: Vec<String> = match list_cvat(&bytes) {
        Ok(images) => images.into_iter().map(|image| image.name).collect(),
        Err(_) => {
            return not_read(
                "an annotations.xml that is not CVAT's \"CVAT for images 1.1\"",
                "export the task in that format, with \"Save images\"",
            );
        }
    };
    let holds_images = |place: &&PathBuf| {
        let listed = Listed::new(place, &names);
        (0..names.len()).any(|number| matches!(listed.find(number), Found::File(_)))
    };
    // Folders of images are looked at first.
    let named = IMAGES.iter().filter_map(|known| listing.folder(known));
    let mut places = named.chain([&listing.path]).chain(&listing.folders);
    let Some(images) = places.find(holds_images).cloned() else {
        return not_read(
            "CVAT's XML without its images",
            "put the images into a folder images beside it (or export with \"Save images\")",
        );
    };
    let what = format!("CVAT's XML: {}", count(names.len(), "image", "images"));
    let keys = CvatKeys { annotations: file.clone(), images, ..CvatKeys::default() };
    Ok(Some(set(what, name, SetKind::Cvat(keys))))
}

/// Bytes of a JSON file that tell whether it is a list of tasks.
const HEAD: u64 = 1 << 12;

/// A list of tasks with its images; or brush masks, whose images have the numbers of the tasks.
fn label_studio(listing: &Listing, name: &str) -> Result<Option<Recognised>> {
    let folders = IMAGES.iter().filter_map(|known| listing.folder(known)).cloned();
    let folders: Vec<PathBuf> = folders.chain([listing.path.clone()]).collect();
    for file in listing.ending(&["json"]).take(8) {
        if !begins_as_list(file)? {
            continue;
        }
        let Some(tasks) = tasks_of(file)? else { continue };
        let names: Vec<String> = tasks.iter().filter_map(|task| task.image.clone()).collect();
        let place = folders
            .iter()
            .find(|folder| Listing::of(folder).is_ok_and(|listing| !listing.pictures.is_empty()));
        let Some(images) = place else {
            return Ok(Some(Recognised::NotRead {
                what: "Label Studio's JSON without its images",
                instead: "put the images into a folder images beside it",
            }));
        };
        let what = format!("Label Studio's JSON: {}", count(names.len(), "task", "tasks"));
        let keys = LabelStudioKeys {
            annotations: file.clone(),
            images: images.clone(),
            ..LabelStudioKeys::default()
        };
        return Ok(Some(set(what, name, SetKind::LabelStudio(keys))));
    }
    brush_masks(listing, name, &folders)
}

fn brush_masks(listing: &Listing, name: &str, folders: &[PathBuf]) -> Result<Option<Recognised>> {
    let of_tasks = |listing: &Listing| -> Vec<String> {
        let masks = listing.pictures.iter().filter(|picture| ending(picture) == "png");
        let tasks: BTreeSet<String> = masks
            .filter_map(|mask| BrushMask::of(mask))
            .map(|mask| mask.task().to_owned())
            .collect();
        tasks.into_iter().collect()
    };
    let named = first_named(listing, &MASKS).map(|folder| Listing::of(folder)).transpose()?;
    let masks = named.iter().chain([listing]).find(|masks| !of_tasks(masks).is_empty());
    let Some(masks) = masks else { return Ok(None) };
    let ids = IdList(of_tasks(masks));
    let tasks = ids.0.len();
    let all_found = |folder: &&PathBuf| {
        let listed = Listed::new(folder, &ids);
        **folder != masks.path
            && (0..tasks).all(|number| matches!(listed.find(number), Found::File(_)))
    };
    let Some(images) = folders.iter().find(all_found) else {
        return Ok(Some(Recognised::NotRead {
            what: "Label Studio's brush masks, whose names are numbers of tasks, without anything that says which image \
                   is whose",
            instead: "put the project's export \"JSON\" into the folder, beside a folder images; or give the images the \
                      numbers of their tasks (7.jpg for task-7-...); or write a list (CSV) with the columns image and \
                      mask, and give it in a data file: list = \"list.csv\"",
        }));
    };
    let shown = masks.pictures.len();
    let what = format!(
        "Label Studio's brush masks: {} of {}",
        count(shown, "mask", "masks"),
        count(tasks, "task", "tasks")
    );
    let keys = LabelStudioKeys {
        masks: masks.path.clone(),
        images: images.clone(),
        ..LabelStudioKeys::default()
    };
    Ok(Some(set(what, name, SetKind::LabelStudio(keys))))
}

/// Whether a file begins as a list of objects that have a number and an image.
fn begins_as_list(file: &Path) -> Result<bool> {
    let unreadable = |source| Error::Read { file: file.into(), source };
    let mut head = Vec::new();
    open_file(file).map_err(unreadable)?.take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&head).trim_ascii_start();
    let inner = head.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    Ok(inner.is_some_and(|inner| inner.starts_with(b"{")))
}

/// The tasks of a file, where all that is in it is one.
fn tasks_of(file: &Path) -> Result<Option<Vec<Task>>> {
    let mut bytes = Vec::new();
    read_file(file, &mut bytes)?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let Ok(values) = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(bytes) else {
        return Ok(None);
    };
    let tasks = values.iter().map(|json| Task::parse(json.get().as_bytes()).ok());
    let tasks: Option<Vec<Task>> = tasks.collect();
    Ok(tasks.filter(|tasks| !tasks.is_empty() && tasks.iter().all(Task::is_one)))
}
