//! Image files with mask files, each named by whoever makes the set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_image::decode::MaskRule;

use super::bytes::read_file;
use super::{ExifRule, ImageBuffer, Located, MaskBuffer, Pick, Source};
use crate::error::{Error, Result};
use crate::record::Record;

/// A set of image files with their mask files, in the order in which they are given.
///
/// The files are looked at when a sample needs them: one that is not there is the error of its record.
///
/// ```
/// use maskwright_data::source::{FilePairs, Source};
///
/// let set = FilePairs::new("cats", vec![("a/cat.jpg".into(), "b/cat.png".into())]);
/// assert_eq!(set.record(0)?.to_string(), "cats/cat");
/// # Ok::<(), maskwright_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FilePairs {
    name: Arc<str>,
    pairs: Vec<(PathBuf, PathBuf)>,
    rule: MaskRule,
    exif: ExifRule,
}

impl FilePairs {
    /// A set of these pairs of image and mask. A record has the name of its image's file without the ending.
    pub fn new(name: &str, pairs: Vec<(PathBuf, PathBuf)>) -> FilePairs {
        FilePairs { name: name.into(), pairs, rule: MaskRule::default(), exif: ExifRule::default() }
    }

    /// The same set, whose images are turned as `exif` says.
    pub fn with_exif(self, exif: ExifRule) -> FilePairs {
        FilePairs { exif, ..self }
    }

    fn pair(&self, index: usize) -> Result<(&Path, &Path)> {
        let pair = self.pairs.get(index).ok_or_else(|| Error::NoSuchRecord {
            set: self.name.to_string(),
            index,
            len: self.pairs.len(),
        })?;
        Ok((&pair.0, &pair.1))
    }
}

impl Source for FilePairs {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn record(&self, index: usize) -> Result<Record> {
        let (image, mask) = self.pair(index)?;
        let name = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Record { set: self.name.clone(), name, image: image.into(), mask: mask.into() })
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        read_file(self.pair(at.index)?.0, image.start_file())
    }

    fn mask(&self, at: &Located, _: Pick, mask: &mut MaskBuffer) -> Result<()> {
        read_file(self.pair(at.index)?.1, mask.start_file())
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        self.exif
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let [image, mask] = ["image.bin", "mask.bin"].map(|name| folder.path().join(name));
        std::fs::write(&image, b"pixels").unwrap();
        std::fs::write(&mask, b"levels").unwrap();
        let gone = folder.path().join("gone.png");
        let set = FilePairs::new("set", vec![(image.clone(), mask), (image, gone.clone())]);
        let (mut pixels, mut levels) = (ImageBuffer::new(), MaskBuffer::new());
        set.image(&0.into(), &mut pixels).unwrap();
        set.mask(&0.into(), Pick::Nth(0), &mut levels).unwrap();
        assert_eq!((&pixels.file[..], &levels.file[..]), (&b"pixels"[..], &b"levels"[..]));
        assert_eq!((set.len(), set.record(1).unwrap().mask), (2, gone.clone()));
        let error = set.mask(&1.into(), Pick::Nth(0), &mut levels).unwrap_err();
        assert_eq!(error.file(), Some(&*gone));
        insta::assert_snapshot!(set.record(2).unwrap_err(), @"record 2 of set: there are only 2");
    }
}
