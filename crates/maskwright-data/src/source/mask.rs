//! Masks as sources hand them out: an image file, run lengths, or a label.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::GreyImage;
use maskwright_image::decode::{Header, LabelDecoder, Limits, MaskRule, Orientation, Warning};
use maskwright_image::mask::{PolygonScratch, Rle};

use super::mask_file::SeveralObjects;
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
    /// [`MaskBuffer::file`] is a PNG file of several objects, of which one is asked for;
    /// [`MaskBuffer::read_object`] makes it [`MaskBuffer::rle`].
    Objects,
}

impl MaskForm {
    /// How many bytes decoding a mask file of this form holds at once, at most.
    pub fn decode_bytes(self, header: &Header) -> u64 {
        match self {
            MaskForm::File => header.label_bytes(),
            MaskForm::Objects => header.objects_bytes(),
            MaskForm::Rle | MaskForm::Grey => 0,
        }
    }
}

/// A mask, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub struct MaskBuffer {
    /// Which of those below holds the mask.
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
    /// What is known of a file of several objects.
    pub(super) several: SeveralObjects,
    /// What is read of an annotation file that all images share.
    pub(crate) json: Vec<u8>,
    /// The key of the object's category, where that is in an annotation file that all images share; 0 for none.
    pub(super) category: u32,
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
        self.several.forget();
    }

    /// How many bytes of files were read for the mask.
    pub fn bytes(&self) -> usize {
        match self.form {
            MaskForm::File => self.file.len(),
            MaskForm::Rle | MaskForm::Objects => self.noted,
            MaskForm::Grey => 0,
        }
    }

    /// The label of the object, in a file of outlines.
    pub(super) fn label(&self) -> Option<&str> {
        let number = self.object?;
        let outlined = self.own.outlined.iter().find(|outlined| outlined.number == number);
        outlined.map(|outlined| outlined.label.as_str())
    }

    /// The number in its file of the object that [`read_object`](MaskBuffer::read_object) read, whose mask file this is.
    pub(super) fn stored_number(&self, rule: &MaskRule) -> Option<u32> {
        self.several.stored_number(rule)
    }

    /// Makes [`rle`](MaskBuffer::rle) the object that is asked for, of a mask in the form [`Objects`](MaskForm::Objects): in
    /// the frame of the file, turned by `turn`. The file is decoded for the first of its objects, whose warnings these are;
    /// `turn` is the same for all.
    ///
    /// # Errors
    /// As [`ObjectMap::read`](maskwright_image::decode::ObjectMap::read), and
    /// [`Error::ObjectsChanged`](maskwright_image::Error::ObjectsChanged) where the file is not what it was when its set was
    /// opened.
    pub fn read_object(
        &mut self,
        rule: &MaskRule,
        limits: &Limits,
        labels: &mut LabelDecoder,
        turn: Orientation,
    ) -> maskwright_image::Result<Vec<Warning>> {
        let MaskBuffer { file, rle, several, .. } = self;
        several.read(file, rle, (rule, limits), labels, turn)
    }

    /// Which pixels of the file that [`read_object`](MaskBuffer::read_object) read do not count, for any of its objects: 255
    /// there, 0 elsewhere, turned like the objects. None where the set's rule ignores no numbers.
    pub fn ignored(&self) -> Option<&GreyImage> {
        self.several.ignored()
    }

    /// Gives up memory of a file of several objects that takes more than so many bytes.
    pub(crate) fn shrink(&mut self, most: usize) {
        self.several.shrink(most);
    }

    /// Makes this a mask that is an image file; the caller fills [`file`](MaskBuffer::file).
    pub fn start_file(&mut self) -> &mut Vec<u8> {
        self.form = MaskForm::File;
        self.object = None;
        self.several.forget();
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
