//! Where records come from.
//!
//! A [`Source`] is a list of records, each an image with a mask or with several objects, which it hands
//! out when a sample is made. [`PairsSource`] is a folder of images with a folder of masks, or a list of
//! both; [`IndexedSource`] is COCO, LVIS, SA-1B or a WebDataset; [`MemorySource`] has pixels and masks in
//! memory. A [`Mix`] joins the sets of a run,
//! each as often as it is wanted. A [`DataFile`] describes the sets of a run in TOML.
//!
//! | file | what it is about |
//! |---|---|
//! | `datafile`, `set_spec`, `kinds`, `texts` | what a data file may say |
//! | `keys`, `check` | which keys there are, and what was meant where one is wrong |
//! | `open` | a set opened by its kind |
//! | `pairs/` | folders and lists |
//! | `coco`, `sa1b`, `shards` | opening annotated sets: from files to an index |
//! | `annotation/` | the JSON of annotation files |
//! | `memory` | arrays as a set |
//! | `image`, `mask` | the forms in which images and masks are handed out |
//! | `tar`, `pattern` | tar files read in place; names of many files |
//! | `index/` | the cached index |
//! | `mix`, `weights` | the sets of a run together |
//! | `indexed`, `objects` | from an index to images and masks; which object a sample shows |
//!
//! ```no_run
//! use maskwright_data::source::{DataFile, OpenContext};
//!
//! let data = DataFile::read("data.toml".as_ref())?;
//! let train = data.train_mix(&OpenContext::default())?;
//! println!("{} samples an epoch from {} sets", train.len(), train.sets().len());
//! # Ok::<(), maskwright_data::Error>(())
//! ```

mod annotation;
mod bytes;
mod check;
mod coco;
mod datafile;
mod drafts;
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod hqseg44k;
mod image;
mod index;
mod indexed;
mod keys;
mod kinds;
mod mask;
mod memory;
mod mix;
mod objects;
mod open;
mod pairs;
mod part;
mod pattern;
mod sa1b;
mod select;
mod set_spec;
mod shards;
mod synthetic;
mod tar;
mod texts;
mod weights;

use std::sync::Arc;

use maskwright_image::decode::MaskRule;
use maskwright_image::shown;
use serde::{Deserialize, Serialize};

pub use annotation::{Stated, read_stated};
pub use bytes::{open_file, read_file};
pub use datafile::DataFile;
pub use hqseg44k::{hqseg44k, hqseg44k_available};
pub use image::{ImageBuffer, ImageForm};
pub use index::{IndexNote, IndexObserver, IndexProgress, OpenContext};
pub use indexed::IndexedSource;
pub use kinds::{
    ChannelChoice, CocoKeys, KindName, MaskKeys, ObjectKeys, PairsKeys, Sa1bKeys, ScoreKeys,
    SetKind, WebDatasetKeys,
};
pub use mask::{MaskBuffer, MaskForm, Pick};
pub use memory::{MemoryMask, MemorySource};
pub use mix::Mix;
pub use objects::Objects;
pub use pairs::PairsSource;
pub use part::Part;
pub use set_spec::{SetSpec, Unmatched};
pub use synthetic::synthetic_index;
pub use texts::{Extensions, Patterns};
pub use weights::MixConfig;

use crate::error::Result;
use crate::record::Record;

/// What to do with an image's EXIF orientation.
///
/// Viewers and annotation tools turn a photograph upright as its EXIF orientation says; most image
/// readers of training programs do not. So a mask may fit the stored pixels or the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExifRule {
    /// Turned upright where the mask fits the upright picture, also if it fits both (a
    /// half turn, a mirroring, a square), because masks are drawn on what a viewer shows;
    /// left as stored where only the stored pixels fit.
    #[default]
    Auto,
    /// Never turned: the way of HQ-SAM's training code.
    Ignore,
}

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

    /// The set and the name of a record: [`record`](Source::record) without its files.
    fn identity(&self, index: usize) -> Result<(Arc<str>, String)> {
        self.record(index).map(|record| (record.set, record.name))
    }

    /// Replaces the content of `image` with the image of a record: its file as it is, or its pixels.
    fn image(&self, index: usize, image: &mut ImageBuffer) -> Result<()>;

    /// How many objects a record's samples are drawn from; 1 where the record is one object.
    fn objects(&self, _index: usize) -> Result<usize> {
        Ok(1)
    }

    /// Replaces the content of `mask` with the mask of one of a record's objects.
    fn mask(&self, index: usize, pick: Pick, mask: &mut MaskBuffer) -> Result<()>;

    /// How this set's mask files become labels in 0..255; masks in other forms are labels already.
    fn mask_rule(&self) -> &MaskRule;

    /// What to do with the orientation of images.
    fn exif(&self) -> ExifRule {
        ExifRule::Auto
    }

    /// What the data holds that did not become records, and why; empty where all did.
    fn left_out(&self) -> &[LeftOut] {
        &[]
    }
}

/// Something in the data that did not become a record, by the set's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LeftOut {
    /// What it is, in the plural: "images without a mask".
    pub what: String,
    /// How many.
    pub count: u64,
    /// The first of them, for a look.
    pub first: String,
}

impl LeftOut {
    /// None of them yet.
    pub(crate) fn none(what: &str) -> LeftOut {
        LeftOut { what: what.into(), count: 0, first: String::new() }
    }

    /// Counts one; `name` is called for the first.
    pub(crate) fn add(&mut self, name: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = name();
        }
        self.count += 1;
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.count, self.what)?;
        if self.first.is_empty() { Ok(()) } else { write!(f, " (first: {})", shown(&self.first)) }
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
    fn identity(&self, index: usize) -> Result<(Arc<str>, String)> {
        (**self).identity(index)
    }
    fn image(&self, index: usize, image: &mut ImageBuffer) -> Result<()> {
        (**self).image(index, image)
    }
    fn objects(&self, index: usize) -> Result<usize> {
        (**self).objects(index)
    }
    fn mask(&self, index: usize, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        (**self).mask(index, pick, mask)
    }
    fn mask_rule(&self) -> &MaskRule {
        (**self).mask_rule()
    }
    fn exif(&self) -> ExifRule {
        (**self).exif()
    }
    fn left_out(&self) -> &[LeftOut] {
        (**self).left_out()
    }
}
