//! What a path that someone in a hurry gives holds: a data file, pairs, annotations, or images alone.

use std::path::{Path, PathBuf};

use maskwright_data::source::{
    DataFile, OpenContext, PairsKeys, SetKind, SetSpec, hqseg44k_available,
};

use crate::error::{Error, Result};
use crate::subject::{Role, Subject};
use crate::{Settings, listing, partners};

/// Names that folders of images and of masks have, in pairs that are tried in this order.
const IMAGES: [&str; 7] = ["images", "im", "image", "imgs", "img", "photos", "JPEGImages"];
const MASKS: [&str; 9] =
    ["masks", "gt", "mask", "labels", "annotations", "masks_max255", "seg", "matte", "alpha"];
const TRAIN: [&str; 2] = ["train", "training"];
const VALID: [&str; 5] = ["valid", "val", "validation", "test", "eval"];

/// Returns the sets that are at a path, and the settings of a run if the path gives them.
///
/// The first line that fits counts:
///
/// | the path | what it is taken for |
/// |---|---|
/// | a `.toml` file | a data file, with all of its sets |
/// | a `.json` file | annotations in COCO's layout; the folder of the images is searched for near the file |
/// | a `.tar` file | SA-1B |
/// | a folder with `DIS5K`, `cascade_psp` or `thin_object_detection` | HQSeg-44K |
/// | a folder with `annotations/instances_*.json` | COCO; files with `val` in their names are validation sets |
/// | a folder with two folders like `images` and `masks`, or `im` and `gt` | pairs |
/// | a folder of tar files, or of `sa_*.json` files | SA-1B |
/// | a folder of images and masks together | pairs; a suffix like `_mask` is detected |
/// | a folder of images | images without masks |
/// | a folder with folders like `train` and `valid`, each one of the above | training and validation sets |
///
/// # Errors
///
/// A path that is not there or cannot be read, a data file with a mistake, a folder that holds none of these.
pub fn recognise(path: &Path, context: &OpenContext<'_>) -> Result<(Vec<Subject>, Settings)> {
    let about = std::fs::metadata(path).map_err(Error::unreadable(path))?;
    if about.is_file() {
        return file(path, context);
    }
    let name = name_of(path);
    if let Some(subjects) = folder(path, &name, Role::Train, context)? {
        return Ok((subjects, Settings::default()));
    }
    let below = folders(path)?;
    let mut subjects = Vec::new();
    for (names, role) in [(&TRAIN[..], Role::Train), (&VALID[..], Role::Valid)] {
        for part in names.iter().filter_map(|name| find(&below, name)) {
            let name = format!("{name}/{}", name_of(part));
            subjects.extend(folder(part, &name, role, context)?.into_iter().flatten());
        }
    }
    if !subjects.is_empty() {
        return Ok((subjects, Settings::default()));
    }
    Err(Error::NotRecognised {
        path: path.into(),
        expected: "a folder of images and masks (images/ and masks/, im/ and gt/, or side by side), \
                   a data file, COCO's .json, or SA-1B",
        found: describe(path)?,
    })
}

fn file(path: &Path, context: &OpenContext<'_>) -> Result<(Vec<Subject>, Settings)> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "toml" => {
            let data = DataFile::read(path)?;
            Ok((Subject::of_data(&data, context), Settings::of(&data)))
        }
        "json" => {
            let spec = SetSpec::coco(name_of(path), path, images_of(path)?);
            Ok((vec![Subject::open(&spec, Role::Train, context)], Settings::default()))
        }
        "tar" => {
            let spec = SetSpec::sa1b(name_of(path), path);
            Ok((vec![Subject::open(&spec, Role::Train, context)], Settings::default()))
        }
        _ => Err(Error::NotRecognised {
            path: path.into(),
            expected: "a folder, or a file that ends in .toml, .json or .tar",
            found: if ending.is_empty() { "no ending".into() } else { format!(".{ending}") },
        }),
    }
}

/// The sets of a folder; none where it holds no set itself.
fn folder(
    path: &Path,
    name: &str,
    role: Role,
    context: &OpenContext<'_>,
) -> Result<Option<Vec<Subject>>> {
    let below = folders(path)?;
    let hqseg = ["DIS5K", "cascade_psp", "thin_object_detection"];
    if hqseg.iter().any(|known| path.join(known).is_dir()) {
        let (data, _) = hqseg44k_available(path)?;
        return Ok(Some(Subject::of_data(&data, context)));
    }
    if let Some(subjects) = coco_folder(&below, name, context)? {
        return Ok(Some(subjects));
    }
    let images = IMAGES.iter().find_map(|known| find(&below, known));
    let masks = MASKS.iter().find_map(|known| find(&below, known));
    if let (Some(images), Some(masks)) = (images, masks) {
        return Ok(Some(vec![Subject::open(&SetSpec::pairs(name, images, masks), role, context)]));
    }
    let files = listing::kinds(path)?;
    if files.sa1b > 0 || files.tars > 0 {
        let place = if files.sa1b > 0 { path.to_path_buf() } else { path.join("*.tar") };
        return Ok(Some(vec![Subject::open(&SetSpec::sa1b(name, place), role, context)]));
    }
    if files.pictures == 0 {
        return Ok(None);
    }
    let beside = PairsKeys { images: path.into(), masks: path.into(), ..PairsKeys::default() };
    if files.paired > 0 {
        let spec = SetSpec::new(name, SetKind::Pairs(beside));
        return Ok(Some(vec![Subject::open(&spec, role, context)]));
    }
    if let Some(found) =
        partners::suffix(&beside).filter(|found| 3 * found.explains > files.pictures)
    {
        let keys = PairsKeys { mask_suffix: found.suffix, ..beside };
        let spec = SetSpec::new(name, SetKind::Pairs(keys));
        return Ok(Some(vec![Subject::open(&spec, role, context)]));
    }
    Ok(Some(vec![Subject::images_alone(name, path)?]))
}

/// The sets of a folder laid out as COCO: `annotations/instances_train2017.json` and so on; none where it is not.
fn coco_folder(
    below: &[PathBuf],
    name: &str,
    context: &OpenContext<'_>,
) -> Result<Option<Vec<Subject>>> {
    let Some(annotations) = find(below, "annotations") else { return Ok(None) };
    let mut subjects = Vec::new();
    for file in listing::instances(annotations)? {
        let part = name_of(&file);
        let role = if part.contains("val") { Role::Valid } else { Role::Train };
        let spec = SetSpec::coco(format!("{name}/{part}"), &file, images_of(&file)?);
        subjects.push(Subject::open(&spec, role, context));
    }
    Ok((!subjects.is_empty()).then_some(subjects))
}

/// The folders in a folder, by name.
fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = Error::unreadable(path);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(&unreadable)? {
        let entry = entry.map_err(&unreadable)?.path();
        if entry.is_dir() {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

/// The folder of this name, in any case.
fn find<'a>(folders: &'a [PathBuf], name: &str) -> Option<&'a Path> {
    let same = |folder: &&PathBuf| {
        folder.file_name().is_some_and(|found| found.to_string_lossy().eq_ignore_ascii_case(name))
    };
    folders.iter().find(same).map(PathBuf::as_path)
}

fn name_of(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let name = if path.is_file() { whole.file_stem() } else { whole.file_name() };
    name.map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Where the images of an annotation file may be: the folder that holds the first one that it names.
fn images_of(annotations: &Path) -> Result<PathBuf> {
    let home = std::path::absolute(annotations).map_err(Error::unreadable(annotations))?;
    let home = home.parent().unwrap_or(Path::new("/")).to_path_buf();
    let first = listing::first_file_name(annotations)?;
    // instances_val2017.json belongs to val2017.
    let stem = annotations.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let part = stem.rsplit('_').next().unwrap_or_default().to_owned();
    let mut places = vec![home.clone()];
    for base in [Some(home.as_path()), home.parent()].into_iter().flatten() {
        places.push(base.to_path_buf());
        places.extend(IMAGES.iter().map(|name| base.join(name)));
        places.push(base.join(&part));
        places.extend(IMAGES.iter().map(|name| base.join(name).join(&part)));
        places.extend(folders(base)?);
    }
    let found =
        first.and_then(|first| places.into_iter().find(|place| place.join(&first).is_file()));
    found.ok_or_else(|| Error::ImagesNotFound { annotations: annotations.into() })
}

/// What a folder holds, in a few words.
fn describe(path: &Path) -> Result<String> {
    let below = folders(path)?;
    let names: Vec<String> = below.iter().take(4).map(|folder| name_of(folder)).collect();
    Ok(match names.is_empty() {
        true => "no image and no folder".to_owned(),
        false => format!("the folders {}", names.join(", ")),
    })
}
