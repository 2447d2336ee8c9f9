//! A record: the name and the files of one image with its mask.

use std::path::PathBuf;
use std::sync::Arc;

/// The name and the files of one image with its mask or masks.
///
/// The paths are for messages, ledgers and reports. The bytes come from the
/// [`Source`](crate::source::Source), which may store them elsewhere, for instance in tar files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Name of the set the record belongs to.
    pub set: Arc<str>,
    /// Name of the record inside its set: the files' common stem.
    pub name: String,
    /// The path of the image.
    pub image: PathBuf,
    /// The path of the mask or of the annotations.
    pub mask: PathBuf,
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.set, self.name)
    }
}
