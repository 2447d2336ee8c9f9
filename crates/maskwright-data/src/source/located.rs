//! A record that was found in its set.

use super::index::Entry;

/// A record, and where its source has it.
///
/// [`Source::locate`](super::Source::locate) finds it once for everything that a sample needs of it, and it belongs to
/// that source. Where records are found by their numbers, the number is all there is to it. A number alone is a
/// record as well (`3.into()`); every call then finds it for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The number of the record, from 0.
    pub index: usize,
    /// In a set with an index: the entry of the image, and which of the image's records this one is.
    pub(super) entry: Option<(Entry, u64)>,
}

impl From<usize> for Located {
    fn from(index: usize) -> Located {
        Located { index, entry: None }
    }
}
