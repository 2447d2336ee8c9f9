//! The official layout of HQSeg-44K (Ke et al., "Segment Anything in High Quality", 2023).

use std::path::{Path, PathBuf};

use super::{DataFile, Extensions, PairsKeys, SetKind, SetSpec, Unmatched};
use crate::error::{Error, Result};

/// Name, folder of images, folder of masks.
type Subset = (&'static str, &'static str, &'static str);

const TRAIN: [Subset; 7] = [
    ("DIS5K-TR", "DIS5K/DIS-TR/im", "DIS5K/DIS-TR/gt"),
    (
        "ThinObject5K-TR",
        "thin_object_detection/ThinObject5K/images_train",
        "thin_object_detection/ThinObject5K/masks_train",
    ),
    ("FSS", "cascade_psp/fss_all", "cascade_psp/fss_all"),
    ("DUTS-TR", "cascade_psp/DUTS-TR", "cascade_psp/DUTS-TR"),
    ("DUTS-TE", "cascade_psp/DUTS-TE", "cascade_psp/DUTS-TE"),
    ("ECSSD", "cascade_psp/ecssd", "cascade_psp/ecssd"),
    ("MSRA10K", "cascade_psp/MSRA_10K", "cascade_psp/MSRA_10K"),
];

const VALID: [Subset; 4] = [
    ("DIS5K-VD", "DIS5K/DIS-VD/im", "DIS5K/DIS-VD/gt"),
    ("COIFT", "thin_object_detection/COIFT/images", "thin_object_detection/COIFT/masks"),
    ("HRSOD", "thin_object_detection/HRSOD/images", "thin_object_detection/HRSOD/masks_max255"),
    (
        "ThinObject5K-TE",
        "thin_object_detection/ThinObject5K/images_test",
        "thin_object_detection/ThinObject5K/masks_test",
    ),
];

/// All of HQSeg-44K under `root`, as the paper trains and validates on it.
///
/// Fails if a folder is missing and lists all that are. Files without a counterpart are skipped, as
/// in the reference, which goes by the images alone.
pub fn hqseg44k(root: impl AsRef<Path>) -> Result<DataFile> {
    let (data, missing) = hqseg44k_available(root.as_ref())?;
    if missing.is_empty() {
        return Ok(data);
    }
    Err(Error::MissingSubsets { root: root.as_ref().into(), missing })
}

/// The names of its sub-sets: those that train, then those that validate.
pub fn hqseg44k_names() -> impl Iterator<Item = &'static str> {
    TRAIN.iter().chain(&VALID).map(|(name, ..)| *name)
}

/// The names of the sub-sets that are not among `data`.
pub fn hqseg44k_left_out(data: &DataFile) -> Vec<&'static str> {
    let has = |name: &str| data.train.iter().chain(&data.valid).any(|set| set.name == name);
    hqseg44k_names().filter(|name| !has(name)).collect()
}

/// The sets of HQSeg-44K that are there under `root`, and the folders that are not, relative to it.
///
/// Fails if there is none at all: [`Error::NoSuchFolder`] where `root` is no folder, otherwise [`Error::NoSubsets`].
pub fn hqseg44k_available(root: impl AsRef<Path>) -> Result<(DataFile, Vec<PathBuf>)> {
    let root = root.as_ref();
    if !root.is_dir() {
        return Err(Error::NoSuchFolder { folder: root.into() });
    }
    let absolute =
        std::path::absolute(root).map_err(|source| Error::Read { file: root.into(), source })?;
    let mut missing = Vec::new();
    let mut open = |subsets: &[Subset]| {
        let mut sets = Vec::new();
        for &(name, images, masks) in subsets {
            let mut absent: Vec<PathBuf> = [images, masks]
                .iter()
                .filter(|f| !root.join(f).is_dir())
                .map(PathBuf::from)
                .collect();
            absent.dedup();
            if absent.is_empty() {
                let keys = PairsKeys {
                    images: absolute.join(images),
                    masks: absolute.join(masks),
                    image_ext: Some(Extensions::from_iter(["jpg"])),
                    mask_ext: Some(Extensions::from_iter(["png"])),
                    ..PairsKeys::default()
                };
                sets.push(SetSpec {
                    unmatched: Unmatched::Skip,
                    ..SetSpec::new(name, SetKind::Pairs(keys))
                });
            }
            missing.append(&mut absent);
        }
        sets
    };
    let data = DataFile { train: open(&TRAIN), valid: open(&VALID), ..DataFile::default() };
    if data.train.is_empty() && data.valid.is_empty() {
        let holds = |folder: &&Path| {
            let folders = TRAIN.iter().chain(&VALID).flat_map(|(_, images, masks)| [images, masks]);
            folders.into_iter().any(|inside| folder.join(inside).is_dir())
        };
        let holder = absolute.ancestors().skip(1).take(3).find(holds).map(Path::to_owned);
        return Err(Error::NoSubsets { root: root.into(), holder });
    }
    Ok((data, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, subsets: &[Subset]) {
        for (_, images, masks) in subsets {
            std::fs::create_dir_all(root.join(images)).unwrap();
            std::fs::create_dir_all(root.join(masks)).unwrap();
        }
    }

    #[test]
    fn the_whole_layout_is_found() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &TRAIN);
        make(root.path(), &VALID);
        let data = hqseg44k(root.path()).unwrap();
        let names = |sets: &[SetSpec]| sets.iter().map(|set| set.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            names(&data.train),
            ["DIS5K-TR", "ThinObject5K-TR", "FSS", "DUTS-TR", "DUTS-TE", "ECSSD", "MSRA10K"]
        );
        assert_eq!(names(&data.valid), ["DIS5K-VD", "COIFT", "HRSOD", "ThinObject5K-TE"]);
        data.validate().unwrap();
    }

    #[test]
    fn missing_folders_are_all_listed() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &TRAIN[..2]);
        std::fs::create_dir_all(root.path().join(VALID[0].1)).unwrap();
        let error = hqseg44k(root.path()).unwrap_err().to_string();
        // Images and masks of one folder are one missing folder.
        let error = error.replace(&root.path().display().to_string(), "[DIR]");
        insta::assert_snapshot!(error, @"[DIR] is not a complete HQSeg-44K: missing cascade_psp/fss_all, cascade_psp/DUTS-TR, cascade_psp/DUTS-TE, cascade_psp/ecssd, cascade_psp/MSRA_10K, DIS5K/DIS-VD/gt, thin_object_detection/COIFT/images, thin_object_detection/COIFT/masks, thin_object_detection/HRSOD/images, thin_object_detection/HRSOD/masks_max255, thin_object_detection/ThinObject5K/images_test, thin_object_detection/ThinObject5K/masks_test");
        let (data, missing) = hqseg44k_available(root.path()).unwrap();
        assert_eq!((data.train.len(), data.valid.len()), (2, 0));
        assert_eq!(missing.len(), 5 + 1 + 6);
        assert_eq!(hqseg44k_left_out(&data).len(), 5 + 4);
        assert_eq!(hqseg44k_left_out(&data)[0], "FSS");
    }

    #[test]
    fn a_wrong_folder_is_told_from_an_incomplete_one() {
        let root = tempfile::tempdir().unwrap();
        let refused = |place: &Path| {
            let error = hqseg44k_available(place).unwrap_err().to_string();
            let inside = root.path().canonicalize().unwrap();
            error.replace(&inside.display().to_string(), "[DIR]")
        };
        make(root.path(), &TRAIN[..1]);
        let root = root.path().canonicalize().unwrap();
        let lines = [refused(&root.join("none")), refused(&root.join("DIS5K")), {
            std::fs::remove_dir_all(root.join("DIS5K/DIS-TR")).unwrap();
            refused(&root.join("DIS5K"))
        }];
        insta::assert_snapshot!(lines.join("\n"), @"
        [DIR]/none: expected the folder of a data set, found no such folder
        [DIR]/DIS5K: expected HQSeg-44K (DIS5K, thin_object_detection and cascade_psp), found none of its sub-sets (did you mean `[DIR]`?)
        [DIR]/DIS5K: expected HQSeg-44K (DIS5K, thin_object_detection and cascade_psp), found none of its sub-sets
        ");
    }
}
