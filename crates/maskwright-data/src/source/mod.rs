//! Where records come from.
//!
//! A [`Source`] is a list of records, each an image with a mask, whose bytes it hands out.
//! [`PairsSource`] is a folder of images with a folder of masks. A [`Mix`] joins the sets of a run, each as
//! often as it is wanted. A [`DataFile`] describes the sets of a run in TOML.
//!
//! ```no_run
//! use maskwright_data::source::DataFile;
//!
//! let data = DataFile::read("data.toml".as_ref())?;
//! let train = data.train_mix()?;
//! println!("{} samples an epoch from {} sets", train.len(), train.sets().len());
//! # Ok::<(), maskwright_data::Error>(())
//! ```

mod datafile;
pub mod demo;
mod hqseg44k;
mod keys;
mod mix;
mod pairs;
mod part;
mod select;
mod set_spec;
mod weights;

use std::sync::Arc;

use maskwright_image::decode::MaskRule;
use serde::{Deserialize, Serialize};

pub use datafile::DataFile;
pub use hqseg44k::{hqseg44k, hqseg44k_available};
pub use mix::Mix;
pub use pairs::{PairsSource, Unmatched};
pub use part::Part;
pub use set_spec::{ChannelChoice, Extensions, SetKind, SetSpec};
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

    /// Replaces the content of `bytes` with the image file of a record.
    fn image_bytes(&self, index: usize, bytes: &mut Vec<u8>) -> Result<()>;

    /// Replaces the content of `bytes` with the mask file of a record.
    fn mask_bytes(&self, index: usize, bytes: &mut Vec<u8>) -> Result<()>;

    /// How this set's mask files become labels in 0..255.
    fn mask_rule(&self) -> &MaskRule;

    /// What to do with the orientation of images.
    fn exif(&self) -> ExifRule {
        ExifRule::Auto
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
    fn image_bytes(&self, index: usize, bytes: &mut Vec<u8>) -> Result<()> {
        (**self).image_bytes(index, bytes)
    }
    fn mask_bytes(&self, index: usize, bytes: &mut Vec<u8>) -> Result<()> {
        (**self).mask_bytes(index, bytes)
    }
    fn mask_rule(&self) -> &MaskRule {
        (**self).mask_rule()
    }
    fn exif(&self) -> ExifRule {
        (**self).exif()
    }
}
