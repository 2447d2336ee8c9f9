//! What a set of any kind is to those who read it: the trait that each implements.

use std::sync::Arc;

use maskwright_image::decode::{MaskRule, ValueRange};

use super::exif_rule::ExifRule;
use super::image::ImageBuffer;
use super::left_out::LeftOut;
use super::located::Located;
use super::mask::{MaskBuffer, Pick};
use crate::error::Result;
use crate::record::Record;

/// A list of images with masks.
///
/// Records are numbered from 0; their order is the same every time the source is opened on the same
/// data. Reading is done from many threads at once.
pub trait Source: Send + Sync {
    /// Name of the set.
    fn name(&self) -> &str;

    /// How many records there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of a number. Fails if there is none of that number.
    fn record(&self, index: usize) -> Result<Record>;

    /// Finds a record for the calls below, which then need not search for it one by one. May fail if there is none
    /// of that number.
    ///
    /// A source that has its records by their numbers leaves it as it is.
    fn locate(&self, index: usize) -> Result<Located> {
        Ok(index.into())
    }

    /// The set and the name of a record: [`record`](Source::record) without its files.
    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        self.record(at.index).map(|record| (record.set, record.name))
    }

    /// Replaces the content of `image` with the image of a record: its file as it is, or its pixels.
    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()>;

    /// How many objects a record's samples are drawn from; 1 where the record is one object.
    fn objects(&self, _at: &Located) -> Result<usize> {
        Ok(1)
    }

    /// Replaces the content of `mask` with the mask of one of a record's objects.
    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()>;

    /// How this set's mask files become labels in 0..255; masks in other forms are labels already.
    fn mask_rule(&self) -> &MaskRule;

    /// What to do with the orientation of images.
    fn exif(&self) -> ExifRule {
        ExifRule::Auto
    }

    /// Which stored numbers of images of more than 8 bits are black and white; the whole range of their bits where none is
    /// said. [`image`](Source::image) says it with every image.
    fn value_range(&self) -> Option<ValueRange> {
        None
    }

    /// What the data holds that did not become records, and why; empty where all did.
    fn left_out(&self) -> &[LeftOut] {
        &[]
    }
}

impl<S: Source + ?Sized> Source for Arc<S> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn len(&self) -> usize {
        (**self).len()
    }
    fn record(&self, index: usize) -> Result<Record> {
        (**self).record(index)
    }
    fn locate(&self, index: usize) -> Result<Located> {
        (**self).locate(index)
    }
    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        (**self).identity(at)
    }
    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        (**self).image(at, image)
    }
    fn objects(&self, at: &Located) -> Result<usize> {
        (**self).objects(at)
    }
    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        (**self).mask(at, pick, mask)
    }
    fn mask_rule(&self) -> &MaskRule {
        (**self).mask_rule()
    }
    fn exif(&self) -> ExifRule {
        (**self).exif()
    }
    fn value_range(&self) -> Option<ValueRange> {
        (**self).value_range()
    }
    fn left_out(&self) -> &[LeftOut] {
        (**self).left_out()
    }
}
