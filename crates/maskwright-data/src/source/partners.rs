//! What may be meant where images and masks do not pair up: another suffix, another ending.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Extensions, IMAGE_ENDINGS, MASK_ENDINGS, PairsKeys};

/// A `mask_suffix` that pairs images with masks.
#[derive(Debug, Clone, PartialEq)]
pub struct Suffix {
    /// The suffix.
    pub suffix: String,
    /// How many images have such a mask.
    pub explains: usize,
    /// One of those masks.
    pub example: PathBuf,
}

fn endings(given: &Option<Extensions>, otherwise: &[&'static str]) -> Vec<String> {
    match given {
        Some(given) => given.iter().map(str::to_owned).collect(),
        None => otherwise.iter().map(|ending| (*ending).to_owned()).collect(),
    }
}

/// Stem and lower-case ending of the files of a folder, and the file name; sorted.
fn files(folder: &Path) -> Vec<(String, String, OsString)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let path = Path::new(&name);
            let ending = path.extension()?.to_str()?.to_lowercase();
            let stem = path.file_stem()?.to_str()?.to_owned();
            (!stem.starts_with('.') && !entry.file_type().ok()?.is_dir())
                .then_some((stem, ending, name))
        })
        .collect();
    found.sort();
    found
}

/// The suffix that most masks have more than an image, where the set's own finds fewer partners.
pub fn suffix(keys: &PairsKeys) -> Option<Suffix> {
    let (image_ext, mask_ext) =
        (endings(&keys.image_ext, &IMAGE_ENDINGS), endings(&keys.mask_ext, &MASK_ENDINGS));
    let masks: Vec<_> =
        files(&keys.masks).into_iter().filter(|file| mask_ext.contains(&file.1)).collect();
    let mut counts: HashMap<String, (usize, OsString)> = HashMap::new();
    for (stem, ending, _) in files(&keys.images) {
        if !image_ext.contains(&ending) {
            continue;
        }
        // The masks are sorted: those that begin like the image follow each other.
        let from = masks.partition_point(|mask| mask.0 < stem);
        for (mask, _, name) in masks[from..].iter().take_while(|mask| mask.0.starts_with(&stem)) {
            let rest = &mask[stem.len()..];
            // A digit goes on a number: photo_1 is no image of photo_10.
            if rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let entry = counts.entry(rest.to_owned()).or_insert_with(|| (0, name.clone()));
            entry.0 += 1;
        }
    }
    let best = counts.into_iter().max_by(|a, b| (a.1.0, &b.0).cmp(&(b.1.0, &a.0)))?;
    let (suffix, (explains, example)) = best;
    let new = suffix != keys.mask_suffix;
    new.then(|| Suffix { suffix, explains, example: keys.masks.join(example) })
}

/// The keys with one ending of `role` ("images" or "masks"), the one that most files have, and the line for it.
pub fn one_ending(keys: &PairsKeys, role: &str) -> Option<(String, PairsKeys)> {
    let image = role == "images";
    let (folder, allowed) = if image {
        (&keys.images, endings(&keys.image_ext, &IMAGE_ENDINGS))
    } else {
        (&keys.masks, endings(&keys.mask_ext, &MASK_ENDINGS))
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (_, ending, _) in files(folder) {
        if allowed.contains(&ending) {
            *counts.entry(ending).or_default() += 1;
        }
    }
    if counts.len() < 2 {
        return None;
    }
    let best = counts.into_iter().max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)))?.0;
    let mut mended = keys.clone();
    let chosen = Some([best.as_str()].into_iter().collect());
    let key = if image {
        mended.image_ext = chosen;
        "image_ext"
    } else {
        mended.mask_ext = chosen;
        "mask_ext"
    };
    Some((format!("{key} = \"{best}\""), mended))
}

/// Files without a partner: images, masks.
pub fn split(keys: &PairsKeys, unmatched: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mask_ext = endings(&keys.mask_ext, &MASK_ENDINGS);
    let is_mask = |file: &PathBuf| {
        if keys.images != keys.masks {
            return file.starts_with(&keys.masks)
                && (!file.starts_with(&keys.images) || keys.masks.starts_with(&keys.images));
        }
        let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase());
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let suffixed = stem.is_some_and(|stem| stem.ends_with(&keys.mask_suffix));
        let masks = if keys.mask_suffix.is_empty() && keys.mask_ext.is_none() {
            ending.as_deref() == Some("png")
        } else {
            ending.is_some_and(|ending| mask_ext.contains(&ending))
        };
        suffixed && masks
    };
    let (masks, images) = unmatched.iter().cloned().partition(is_mask);
    (images, masks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn keys(images: impl Into<PathBuf>, masks: impl Into<PathBuf>) -> PairsKeys {
        PairsKeys { images: images.into(), masks: masks.into(), ..PairsKeys::default() }
    }

    fn spec(root: &Path) -> PairsKeys {
        keys(root.join("im"), root.join("gt"))
    }

    #[test]
    fn suffixes_are_found() {
        let root = folder(&[
            "im/a.jpg",
            "im/b.jpg",
            "im/b1.jpg",
            "gt/a_mask.png",
            "gt/b_mask.png",
            "gt/b1_mask.png",
            "gt/a_edge.png",
        ]);
        let found = suffix(&spec(root.path())).unwrap();
        assert_eq!((found.suffix.as_str(), found.explains), ("_mask", 3));
        assert!(found.example.ends_with("gt/a_mask.png"));
        let mended = PairsKeys { mask_suffix: "_mask".into(), ..spec(root.path()) };
        assert_eq!(suffix(&mended), None);
        let numbers = folder(&["im/p_1.jpg", "gt/p_10.png"]);
        assert_eq!(suffix(&spec(numbers.path())), None);
    }

    #[test]
    fn the_more_common_ending_is_proposed() {
        let root = folder(&["im/a.jpg", "im/a.png", "im/b.jpg", "gt/a.png", "gt/b.png"]);
        let (line, mended) = one_ending(&spec(root.path()), "images").unwrap();
        assert_eq!(line, "image_ext = \"jpg\"");
        assert!(mended.image_ext.unwrap().contains("jpg"));
        assert_eq!(one_ending(&spec(root.path()), "masks"), None);
    }

    #[test]
    fn files_without_partner_are_told_apart() {
        let set = spec(Path::new("/set"));
        let files = [PathBuf::from("/set/im/a.png"), PathBuf::from("/set/gt/b.png")];
        let (images, masks) = split(&set, &files);
        assert_eq!((images, masks), (vec![files[0].clone()], vec![files[1].clone()]));
        let beside = keys("/set", "/set");
        let files = [PathBuf::from("/set/a.jpg"), PathBuf::from("/set/b.png")];
        let (images, masks) = split(&beside, &files);
        assert_eq!((images, masks), (vec![files[0].clone()], vec![files[1].clone()]));
    }
}
