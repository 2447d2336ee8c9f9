//! Annotation files: YOLO, COCO, Labelme, SA-1B.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::listing::{Listing, ending, name_of, tally};
use super::masks::IMAGES;
use super::{Reading, count, first_named};
use crate::error::{Error, Result};
use crate::source::annotation::LabelmeFile;
use crate::source::bytes::{open_file, read_file};
use crate::source::yolo_yaml::DataYaml;
use crate::source::{DataFile, LabelmeKeys, SetKind, SetSpec, YoloKeys, YoloSplit};

/// Folders in which annotation files of Labelme lie apart from their images.
const NOTES: [&str; 6] = ["annotations", "ann", "json", "jsons", "labels", "labelme"];

/// How many files of a folder are opened to see what they are.
const TRIES: usize = 3;

/// YOLO: a `data.yaml`, or `images` and `labels` with text files.
pub(super) fn yolo(listing: &Listing, name: &str) -> Result<Option<Reading>> {
    for file in listing.ending(&["yaml", "yml"]) {
        // Another tool's YAML is none of YOLO's.
        let Ok(yaml) = DataYaml::read(file) else { continue };
        if yaml.names.is_empty() || !yaml.has(YoloSplit::Train) {
            continue;
        }
        let (mut images, mut labels) = (0, 0);
        // Splits lie in these two folders, or have these two each.
        for folder in std::iter::once(&listing.path).chain(&listing.folders) {
            let part = |name: &str| Some(folder.join(name)).filter(|part| part.is_dir());
            if let Some(part) = part("images") {
                images += tally(&part, "txt")?.0;
            }
            if let Some(part) = part("labels") {
                labels += tally(&part, "txt")?.1;
            }
        }
        let data = splits(name, file, &yaml);
        return Ok(Some(Reading { what: yolo_words(images, labels), data }));
    }
    let (Some(images), Some(labels)) = (listing.folder("images"), listing.folder("labels")) else {
        return Ok(None);
    };
    let ((pictures, _), (masks, texts)) = (tally(images, "txt")?, tally(labels, "txt")?);
    if texts == 0 || masks > 0 {
        return Ok(None);
    }
    let keys = YoloKeys { images: images.clone(), ..YoloKeys::default() };
    let set = SetSpec::new(name, SetKind::Yolo(keys));
    Ok(Some(Reading::train(yolo_words(pictures, texts), set)))
}

/// The sets of a `data.yaml`: `val` validates where it is there and is not what is trained on.
fn splits(name: &str, file: &Path, yaml: &DataYaml) -> DataFile {
    let mut data = DataFile::default();
    data.train.push(SetSpec::yolo(name, file, YoloSplit::Train));
    let validates = yaml.has(YoloSplit::Val)
        && !yaml.same(YoloSplit::Train, YoloSplit::Val)
        && yaml.places(YoloSplit::Val).is_ok();
    if validates {
        data.valid.push(SetSpec::yolo(format!("{name} (val)"), file, YoloSplit::Val));
    }
    data
}

/// The sets of a `data.yaml`, of a folder that has one, or of a folder of images that have label files.
///
/// # Errors
///
/// A file that cannot be read or is no `data.yaml`; a folder that cannot be listed.
pub fn yolo_sets(name: &str, place: &Path) -> Result<DataFile> {
    if !place.is_dir() {
        return Ok(splits(name, place, &DataYaml::read(place)?));
    }
    if let Some(Reading { data, .. }) = yolo(&Listing::of(place)?, name)? {
        return Ok(data);
    }
    let keys = YoloKeys { images: place.into(), ..YoloKeys::default() };
    let train = vec![SetSpec::new(name, SetKind::Yolo(keys))];
    Ok(DataFile { train, ..DataFile::default() })
}

fn yolo_words(images: usize, labels: usize) -> String {
    if images == 0 {
        // The lists lie elsewhere.
        return "YOLO".into();
    }
    let labels = count(labels, "label file", "label files");
    format!("YOLO: {}, {labels}", count(images, "image", "images"))
}

/// COCO: instances files in the folder or in `annotations`, whose images are found.
pub(super) fn coco(listing: &Listing, name: &str) -> Result<Option<Reading>> {
    let mut files: Vec<PathBuf> = listing.ending(&["json"]).cloned().collect();
    if let Some(annotations) = listing.folder("annotations") {
        files.extend(Listing::of(annotations)?.ending(&["json"]).cloned());
    }
    // As many files as images are annotations of single images.
    if files.len() > 64 {
        return Ok(None);
    }
    let mut instances = Vec::new();
    for file in files {
        if is_coco(&file)?
            && let Some(images) = images_of(&file)?
        {
            instances.push((file, images));
        }
    }
    // COCO's own folder has captions and key points of the same images beside the instances.
    let named = |file: &Path| name_of(file).starts_with("instances");
    if instances.iter().any(|(file, _)| named(file)) {
        instances.retain(|(file, _)| named(file));
    }
    let roboflow = instances.iter().any(|(file, _)| file.ends_with("_annotations.coco.json"));
    let single = instances.len() == 1;
    let mut data = DataFile::default();
    for (file, images) in &instances {
        let part = name_of(file);
        let valid = !single && part.contains("val");
        let whole = single && !part.starts_with("instances");
        let set = if whole { name.to_owned() } else { format!("{name}/{part}") };
        let list = if valid || (single && part.contains("val") && !whole) {
            &mut data.valid
        } else {
            &mut data.train
        };
        list.push(SetSpec::coco(set, file, images));
    }
    let files = count(instances.len(), "annotation file", "annotation files");
    let by = if roboflow { "COCO of Roboflow" } else { "COCO" };
    Ok((!instances.is_empty()).then(|| Reading { what: format!("{by}: {files}"), data }))
}

/// Labelme: annotation files beside the images, or two folders.
pub(super) fn labelme(listing: &Listing, name: &str) -> Result<Option<Reading>> {
    let beside = listing.ending(&["json"]).count();
    if beside > 0 && !listing.pictures.is_empty() && has_labelme(listing)? {
        let what = labelme_words(listing.pictures.len(), beside);
        return Ok(Some(Reading::train(what, SetSpec::labelme(name, &listing.path))));
    }
    let (Some(images), Some(notes)) = (first_named(listing, &IMAGES), first_named(listing, &NOTES))
    else {
        return Ok(None);
    };
    let notes = Listing::of(notes)?;
    if !has_labelme(&notes)? {
        return Ok(None);
    }
    let what = labelme_words(Listing::of(images)?.pictures.len(), notes.ending(&["json"]).count());
    let keys = LabelmeKeys {
        images: images.clone(),
        annotations: notes.path.clone(),
        ..LabelmeKeys::default()
    };
    Ok(Some(Reading::train(what, SetSpec::new(name, SetKind::Labelme(keys)))))
}

fn labelme_words(images: usize, notes: usize) -> String {
    let notes = count(notes, "annotation file", "annotation files");
    format!("Labelme: {}, {notes}", count(images, "image", "images"))
}

/// Whether one of the first JSON files is Labelme's.
fn has_labelme(listing: &Listing) -> Result<bool> {
    let mut bytes = Vec::new();
    for file in listing.ending(&["json"]).take(TRIES) {
        read_file(file, &mut bytes)?;
        if LabelmeFile::parse(&bytes).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// SA-1B: its annotation files, or tar files.
pub(super) fn sa1b(listing: &Listing, name: &str) -> Option<Reading> {
    let begins = |file: &&PathBuf| name_of(file).starts_with("sa_");
    let notes = listing.ending(&["json"]).filter(begins).count();
    if notes > 0 {
        let what = format!("SA-1B: {}", count(notes, "annotation file", "annotation files"));
        return Some(Reading::train(what, SetSpec::sa1b(name, &listing.path)));
    }
    let tars = listing.others.iter().filter(|file| ending(file) == "tar").count();
    let what = format!("SA-1B: {}", count(tars, "tar file", "tar files"));
    let set = || SetSpec::sa1b(name, listing.path.join("*.tar"));
    (tars > 0).then(|| Reading::train(what, set()))
}

/// Bytes at the beginning of an annotation file that tell what it is.
const HEAD: u64 = 1 << 16;

/// Whether a JSON file begins as COCO's do.
fn is_coco(file: &Path) -> Result<bool> {
    if file.ends_with("_annotations.coco.json") {
        return Ok(true);
    }
    let unreadable = |source| Error::Read { file: file.into(), source };
    let mut head = Vec::new();
    open_file(file).map_err(unreadable)?.take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
    let has = |key: &str| head.windows(key.len()).any(|part| part == key.as_bytes());
    let lists = ["\"images\"", "\"annotations\"", "\"categories\""];
    Ok(lists.iter().filter(|key| has(key)).count() >= 1
        && !has("\"shapes\"")
        && !has("\"predicted_iou\""))
}

/// Where the images of an annotation file of COCO's layout may be: the folder that holds the first one that it names.
///
/// # Errors
///
/// A file or folder that cannot be read.
pub fn images_of(annotations: &Path) -> Result<Option<PathBuf>> {
    let Some(first) = first_file_name(annotations)? else { return Ok(None) };
    let first = first.replace('\\', "/");
    let last = first.rsplit('/').next().unwrap_or_default().to_owned();
    let home = match annotations.parent() {
        Some(home) if !home.as_os_str().is_empty() => home.to_path_buf(),
        _ => PathBuf::from("."),
    };
    // instances_val2017.json belongs to val2017.
    let stem = annotations.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let part = stem.rsplit('_').next().unwrap_or_default().to_owned();
    let above = std::path::absolute(&home)
        .map_err(|source| Error::Read { file: home.clone(), source })?
        .parent()
        .map(|_| match home.parent() {
            Some(above) if !above.as_os_str().is_empty() => above.to_path_buf(),
            _ => home.join(".."),
        });
    let mut places = vec![home.clone()];
    for base in [Some(home), above].into_iter().flatten() {
        places.push(base.clone());
        places.extend(IMAGES.iter().map(|name| base.join(name)));
        places.push(base.join(&part));
        places.extend(IMAGES.iter().map(|name| base.join(name).join(&part)));
        places.extend(Listing::of(&base)?.folders);
    }
    let named = [first, last];
    let mut found = named.iter().flat_map(|name| places.iter().map(move |place| (place, name)));
    Ok(found.find(|(place, name)| place.join(name).is_file()).map(|(place, _)| place.clone()))
}

const KEY: &[u8] = b"\"file_name\"";

/// The first `file_name` that an annotation file has; none where it has none.
fn first_file_name(annotations: &Path) -> Result<Option<String>> {
    let unreadable = |source| Error::Read { file: annotations.into(), source };
    let mut file = open_file(annotations).map_err(unreadable)?;
    let mut window = Vec::new();
    loop {
        let read = (&mut file).take(1 << 20).read_to_end(&mut window).map_err(unreadable)?;
        let place = window.windows(KEY.len()).position(|part| part == KEY);
        if let Some(place) = place {
            // The name may be cut off by the end of the window.
            (&mut file).take(1 << 12).read_to_end(&mut window).map_err(unreadable)?;
            let rest = window[place + KEY.len()..].trim_ascii_start();
            let rest = rest.strip_prefix(b":").unwrap_or_default();
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
            return Ok(values.next().and_then(std::result::Result::ok));
        }
        if read == 0 {
            return Ok(None);
        }
        let keep = window.len().saturating_sub(KEY.len());
        window.drain(..keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_name_is_found_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for filler in [0, 10, (1 << 20) - 14, (1 << 20) - 5, 3 << 20] {
            let text =
                format!("{{\"x\":\"{}\",\"file_name\" : \"a \\u00e4.jpg\"", "y".repeat(filler));
            std::fs::write(&path, text).unwrap();
            assert_eq!(first_file_name(&path).unwrap().as_deref(), Some("a ä.jpg"), "{filler}");
        }
        std::fs::write(&path, "[]").unwrap();
        assert_eq!(first_file_name(&path).unwrap(), None);
    }
}
