//! The annotation file of one image, kept while its objects are asked for one after the other.

use std::ops::Range;
use std::sync::Arc;

use super::annotation::Outlined;

/// An annotation file of one image, read and taken apart.
#[derive(Debug, Default)]
pub(super) struct OwnNotes {
    /// The set, told from others by its pointer, and the record; none where nothing is kept.
    pub(super) of: Option<(Arc<str>, usize)>,
    /// The file.
    pub(super) json: Vec<u8>,
    /// Height and width that the file gives its image.
    pub(super) size: (u32, u32),
    /// The objects that the set's filter lets through, in the order of the file.
    pub(super) objects: Vec<OwnObject>,
    /// The objects of a file of outlines, all of them.
    pub(super) outlined: Vec<Outlined>,
}

/// One object of the file.
#[derive(Debug, Clone)]
pub(super) struct OwnObject {
    pub(super) id: Option<u64>,
    /// Where in the file the JSON of its mask lies.
    pub(super) segmentation: Range<usize>,
}

impl OwnNotes {
    /// Whether the file of a record is kept here.
    pub(super) fn is_of(&self, set: &Arc<str>, record: usize) -> bool {
        self.of.as_ref().is_some_and(|of| Arc::ptr_eq(&of.0, set) && of.1 == record)
    }
}
