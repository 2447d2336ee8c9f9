//! A folder of photographs without masks, as a set whose records have no objects.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::record::Record;
use maskwright_data::source::{ImageBuffer, Located, MaskBuffer, Pick, Source, read_file};
use maskwright_data::{Error as DataError, Result as DataResult};
use maskwright_image::decode::MaskRule;
use maskwright_predict::many::{PictureFile, Pictures};

use crate::error::Result;

/// Photographs by name.
pub(super) struct Photos {
    name: Arc<str>,
    files: Vec<(String, PathBuf)>,
    rule: MaskRule,
}

impl Photos {
    /// All images of a folder and of those in it, in the order of their names.
    ///
    /// # Errors
    /// A folder that cannot be read, or has no image.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        let pictures = Pictures::open(folder)?;
        let keys: Vec<String> = pictures.files().iter().map(PictureFile::key).collect();
        let mut sorted: Vec<&str> = keys.iter().map(String::as_str).collect();
        sorted.sort();
        let shared = sorted.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0].to_owned());
        let shared: HashSet<String> = shared.collect();
        // A name is a file's own without its ending, unless two differ by their endings alone.
        let files = pictures.files().iter().zip(keys).map(|(file, key)| {
            let name = if shared.contains(&key) { file.name.clone() } else { key };
            (name, file.path.clone())
        });
        Ok(Self { name: name.into(), files: files.collect(), rule: MaskRule::default() })
    }

    fn file(&self, index: usize) -> DataResult<&(String, PathBuf)> {
        self.files.get(index).ok_or_else(|| DataError::NoSuchRecord {
            set: self.name.to_string(),
            index,
            len: self.files.len(),
        })
    }
}

impl Source for Photos {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn record(&self, index: usize) -> DataResult<Record> {
        let (name, path) = self.file(index)?;
        Ok(Record {
            set: self.name.clone(),
            name: name.clone(),
            image: path.clone(),
            mask: PathBuf::new(),
        })
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> DataResult<()> {
        let (_, path) = self.file(at.index)?;
        read_file(path, image.start_file())
    }

    fn objects(&self, _: &Located) -> DataResult<usize> {
        Ok(0)
    }

    fn mask(&self, at: &Located, _: Pick, _: &mut MaskBuffer) -> DataResult<()> {
        let (name, path) = self.file(at.index)?;
        Err(DataError::Setting {
            key: format!("{}/{name}", self.name),
            expected: "a mask".into(),
            found: format!("the photograph {} alone", path.display()),
        })
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lack_their_endings_unless_these_tell_files_apart() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        std::fs::create_dir(root.join("sub")).expect("made");
        for name in ["a.jpg", "a.k.jpg", "a.png", "b.jpg", "sub/b.jpg", "note.txt"] {
            std::fs::write(root.join(name), "").expect("written");
        }
        let photos = Photos::open(root, "photos").expect("opened");
        let names: Vec<&str> = photos.files.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a.jpg", "a.k", "a.png", "b", "sub/b"]);
    }
}
