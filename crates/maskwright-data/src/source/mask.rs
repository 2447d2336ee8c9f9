//! Masks as sources hand them out: an image file, run lengths, or a label.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::GreyImage;
use maskwright_image::mask::{PolygonScratch, Rle};

use super::own_notes::OwnNotes;
use crate::random::ObjectKey;

/// Which object of a record is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The one that the source's rule gives the object of this key. Records with a single object
    /// give that one; others take the objects in an order that the sample's draw determines, and begin again
    /// where the places go beyond its end.
    Drawn(ObjectKey),
    /// The one of this number, below [`Source::objects`](super::Source::objects).
    Nth(usize),
}

/// In which form a [`MaskBuffer`] holds a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaskForm {
    /// [`MaskBuffer::file`] is a PNG or JPEG file, to be made a label by
    /// [`Source::mask_rule`](super::Source::mask_rule).
    #[default]
    File,
    /// [`MaskBuffer::rle`] is the mask, in the frame of the stored image or the upright one.
    Rle,
    /// [`MaskBuffer::grey`] is a label already, in the frame of the image.
    Grey,
}

/// A mask, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub struct MaskBuffer {
    /// Which of the three below holds the mask.
    pub form: MaskForm,
    /// The bytes of an image file.
    pub file: Vec<u8>,
    /// Run lengths.
    pub rle: Rle,
    /// A label: levels of 0..=255, above 128 is the object. Shared with the source that has it.
    pub grey: Arc<GreyImage>,
    /// The object's id, where the mask is one of several of a record.
    pub object: Option<u64>,
    /// Memory for a path.
    pub(crate) path: PathBuf,
    /// What is read of an annotation file that all images share.
    pub(crate) json: Vec<u8>,
    /// The annotation file of the record at hand, where it has one of its own.
    pub(super) own: OwnNotes,
    /// How many bytes of annotation files were read for the mask at hand.
    pub(super) noted: usize,
    /// Polygons, parsed.
    pub(crate) polygons: Vec<Vec<f64>>,
    pub(crate) scratch: PolygonScratch,
}

impl MaskBuffer {
    /// An empty buffer.
    pub fn new() -> MaskBuffer {
        MaskBuffer::default()
    }

    /// Forgets what is kept of a record's annotation file. It is kept so that a file of one image is read and
    /// parsed once for all its objects, until the mask of another record is asked for.
    pub fn forget(&mut self) {
        self.own.of = None;
    }

    /// How many bytes of files were read for the mask.
    pub(crate) fn bytes(&self) -> usize {
        match self.form {
            MaskForm::File => self.file.len(),
            MaskForm::Rle => self.noted,
            MaskForm::Grey => 0,
        }
    }

    /// Makes this a mask that is an image file; the caller fills [`file`](MaskBuffer::file).
    pub fn start_file(&mut self) -> &mut Vec<u8> {
        self.form = MaskForm::File;
        self.object = None;
        self.file.clear();
        &mut self.file
    }

    /// Makes this a mask of run lengths, which are copied.
    pub fn set_rle(&mut self, rle: &Rle) {
        self.form = MaskForm::Rle;
        self.object = None;
        self.noted = 0;
        self.rle.clone_from(rle);
    }

    /// Makes this a mask that is a label.
    pub fn set_grey(&mut self, label: Arc<GreyImage>) {
        self.form = MaskForm::Grey;
        self.object = None;
        self.grey = label;
    }
}
