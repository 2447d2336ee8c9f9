//! The file of one image's objects.

use std::path::{Path, PathBuf};

use maskwright_files::write_atomically;
use serde::{Deserialize, Serialize};

use crate::api::{SavedObject, Size};
use crate::error::{Error, Result};
use crate::key::key_of;

/// The number of this form of the file.
pub(super) const SCHEMA: u32 = 1;
/// The folder of these files.
const FOLDER: &str = "objects";
/// Bytes of a file that is read.
const MOST: u64 = 256 << 20;

/// An image's objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    pub(super) schema: u32,
    pub(super) revision: u32,
    pub(super) set: String,
    pub(super) record: String,
    pub(super) image: PathBuf,
    /// Of the image as it is turned.
    pub(super) size: Size,
    pub(super) objects: Vec<SavedObject>,
}

impl Stored {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Content`] for what is no such file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let refuse = |found: String| Error::Content {
            file: file.to_path_buf(),
            expected: "the objects of an image, as the studio saves them".into(),
            found,
        };
        let size = std::fs::metadata(file).map_err(Error::io(file, "read"))?.len();
        if size > MOST {
            return Err(refuse(format!("{size} bytes")));
        }
        let bytes = std::fs::read(file).map_err(Error::io(file, "read"))?;
        let stored: Self =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if stored.schema != SCHEMA {
            return Err(refuse(format!("schema {}", stored.schema)));
        }
        Ok(stored)
    }

    /// Writes the file whole, or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "create"))?;
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::io(file, "write")(std::io::Error::other(error)))?;
        write_atomically(file, &bytes).map_err(Error::io(file, "write"))
    }
}

/// All such files of a folder, in the order of their names.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn files(corrections: &Path) -> Result<Vec<PathBuf>> {
    let folder = corrections.join(FOLDER);
    let listing = match std::fs::read_dir(&folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&folder, "read")(error)),
    };
    let mut files = Vec::new();
    for entry in listing {
        let path = entry.map_err(Error::io(&folder, "read"))?.path();
        let name = path.file_name().unwrap_or_default();
        if maskwright_files::is_temporary(name) {
            // Whoever wrote it was killed before it was whole.
            let _ = std::fs::remove_file(&path);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The name of a record's file within the folder of corrections.
pub(super) fn file_name(set: &str, record: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{}.json", slug(set, record)))
}

/// A name for a file: readable, and no other record's.
pub(super) fn slug(set: &str, record: &str) -> String {
    let sum = key_of(&[set.as_bytes(), record.as_bytes()]);
    format!("{}-{}", readable(record), &sum[..12])
}

/// What of a name is harmless in a file's name.
pub(super) fn readable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.chars().map(plain).take(60).collect();
    if name.is_empty() { "image".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_harmless_and_differ() {
        assert!(slug("a", "../../etc/passwd").starts_with("______etc_passwd-"));
        assert_ne!(slug("a", "x/y"), slug("a", "x_y"));
        assert_ne!(slug("a", "b"), slug("b", "b"));
        assert!(slug("", "").starts_with("image-"));
    }
}
