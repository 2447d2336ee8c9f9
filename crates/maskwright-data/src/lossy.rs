//! Paths in documents for machines (`serialize_with`), whose texts are UTF-8: in a name that is not, what is
//! none is written as U+FFFD.

use std::path::{Path, PathBuf};

use serde::Serializer;

/// A path as text.
pub fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// A path, or null where there is none.
pub fn optional<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => to.serialize_some(&path.to_string_lossy()),
        None => to.serialize_none(),
    }
}

/// Paths as a list.
pub fn list<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
