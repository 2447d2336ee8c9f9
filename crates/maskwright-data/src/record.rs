//! What a sample is made from: the name and the two files of one record.

use std::path::PathBuf;
use std::sync::Arc;

/// One image with its mask, by reference.
///
/// Files are named for messages, ledgers and reports; the bytes come from the
/// [`Source`](crate::source::Source), which may keep them elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Name of the set the record belongs to.
    pub set: Arc<str>,
    /// Name of the record inside its set: the files' common stem.
    pub name: String,
    /// Where the image is.
    pub image: PathBuf,
    /// Where the mask is.
    pub mask: PathBuf,
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.set, self.name)
    }
}
