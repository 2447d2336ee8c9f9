//! A folder of images without masks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::record::Record;
use maskwright_data::source::{IMAGE_ENDINGS, ImageBuffer, Located, MaskBuffer, Pick, Source};
use maskwright_data::{Error, Result};
use maskwright_image::decode::MaskRule;

/// Images whose masks are not there; each record has no object.
#[derive(Debug)]
pub(super) struct Loose {
    name: Arc<str>,
    files: Vec<PathBuf>,
    rule: MaskRule,
}

impl Loose {
    /// Lists the images of a folder, by name.
    pub(super) fn open(name: &str, folder: &Path) -> Result<Loose> {
        let unreadable = |source| Error::Read { file: folder.into(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
            let image = ending.is_some_and(|ending| IMAGE_ENDINGS.contains(&&*ending));
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if image && !hidden && !entry.file_type().map_err(unreadable)?.is_dir() {
                files.push(path);
            }
        }
        files.sort();
        Ok(Loose { name: name.into(), files, rule: MaskRule::default() })
    }

    fn file(&self, index: usize) -> Result<&PathBuf> {
        self.files.get(index).ok_or_else(|| Error::NoSuchRecord {
            set: self.name.to_string(),
            index,
            len: self.files.len(),
        })
    }
}

impl Source for Loose {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn record(&self, index: usize) -> Result<Record> {
        let image = self.file(index)?.clone();
        let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Record { set: self.name.clone(), name, mask: image.clone(), image })
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        let file = self.file(at.index)?;
        maskwright_data::source::read_file(file, image.start_file())
    }

    fn objects(&self, _: &Located) -> Result<usize> {
        Ok(0)
    }

    fn mask(&self, at: &Located, _: Pick, _: &mut MaskBuffer) -> Result<()> {
        let set = format!("the objects of image {}", at.index);
        Err(Error::NoSuchRecord { set, index: 0, len: 0 })
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }
}
