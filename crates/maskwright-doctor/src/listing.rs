//! What lies in a folder and what an annotation file names, as far as it takes to recognise them.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use maskwright_data::source::{IMAGE_ENDINGS, open_file};

use crate::error::{Error, Result};

/// Counts of what lies in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    /// Images or masks.
    pub(super) pictures: usize,
    /// JPEG files with a PNG file of the same stem.
    pub(super) paired: usize,
    /// Annotation files as SA-1B names them.
    pub(super) sa1b: usize,
    /// Tar files.
    pub(super) tars: usize,
}

/// Looks at the names in a folder.
pub(super) fn kinds(folder: &Path) -> Result<Kinds> {
    let unreadable = Error::unreadable(folder);
    let mut found = Kinds::default();
    let (mut photos, mut masks) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).map_err(&unreadable)? {
        let name = entry.map_err(&unreadable)?.file_name();
        let path = Path::new(&name);
        let stem = path.file_stem().unwrap_or_default().to_os_string();
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            _ if name.as_encoded_bytes().starts_with(b".") => {}
            Some(ending) if ending != "png" && IMAGE_ENDINGS.contains(&ending) => {
                photos.insert(stem);
            }
            Some("png") => {
                masks.insert(stem);
            }
            Some("json") if stem.as_encoded_bytes().starts_with(b"sa_") => found.sa1b += 1,
            Some("tar") => found.tars += 1,
            _ => {}
        }
    }
    found.pictures = photos.len() + masks.len();
    found.paired = photos.intersection(&masks).count();
    Ok(found)
}

/// The instances files of a folder of COCO's annotations, by name.
pub(super) fn instances(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = Error::unreadable(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(&unreadable)? {
        let path = entry.map_err(&unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("instances") && name.ends_with(".json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

const KEY: &[u8] = b"\"file_name\"";

/// The first `file_name` that an annotation file has; none where it has none.
pub(super) fn first_file_name(annotations: &Path) -> Result<Option<String>> {
    let unreadable = Error::unreadable(annotations);
    let mut file = open_file(annotations).map_err(&unreadable)?;
    let mut window = Vec::new();
    loop {
        let read = (&mut file).take(1 << 20).read_to_end(&mut window).map_err(&unreadable)?;
        let place = window.windows(KEY.len()).position(|part| part == KEY);
        if let Some(place) = place {
            // The name may be cut off by the end of the window.
            (&mut file).take(1 << 12).read_to_end(&mut window).map_err(&unreadable)?;
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

    #[test]
    fn names_are_counted_by_kind() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jpg", "a.png", "b.JPG", "sa_1.json", "c.tar", "d.txt", ".e.jpg"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let found = kinds(folder.path()).unwrap();
        assert_eq!(found, Kinds { pictures: 3, paired: 1, sa1b: 1, tars: 1 });
    }
}
