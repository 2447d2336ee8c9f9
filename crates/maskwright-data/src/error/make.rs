//! Errors that are made in several places.

use std::path::Path;

use super::Error;
use super::written::one_of;

impl Error {
    /// A name that is none of those that a setting may have.
    pub(crate) fn unknown_name(key: &str, known: &[&str], found: &str) -> Error {
        Error::Setting { key: key.into(), expected: one_of(known), found: found.into() }
    }

    /// The same error about a setting that was read from `file`: [`SettingInFile`](Error::SettingInFile) in place of
    /// [`Setting`](Error::Setting). Other errors stay as they are.
    pub fn in_file(self, file: &Path) -> Error {
        match self {
            Error::Setting { key, expected, found } => {
                Error::SettingInFile { file: file.into(), key, expected, found }
            }
            other => other,
        }
    }
}
