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

/// The sets of HQSeg-44K that are there under `root`, and the folders that are not, relative to it.
///
/// Fails if there is none at all.
pub fn hqseg44k_available(root: impl AsRef<Path>) -> Result<(DataFile, Vec<PathBuf>)> {
    let root = root.as_ref();
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
        return Err(Error::MissingSubsets { root: root.into(), missing });
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
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(hqseg44k_available(empty.path()), Err(Error::MissingSubsets { .. })));
    }
}
