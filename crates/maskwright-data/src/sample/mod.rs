//! Samples: pixels, labels and prompts of one record, in the frame of the model's input.
//!
//! [`SampleMaker`] makes them. A [`View`] is one image with one or several of its objects, and a pure function
//! of the data and a [`SampleKey`]; an [`EvalSample`] shows one object, is a function of the data alone, and
//! keeps the label at its original resolution for the metrics.
//!
//! # Several objects of an image
//!
//! [`SampleConfig::objects_per_image`] objects are drawn for a view, all of a record's where it has fewer. The
//! view is cut out so that it shows the first of them. Of the others it holds those that it shows, by the same
//! rule: at least one pixel of the sampled label is foreground. How many it does not show is in
//! [`ViewInfo::not_in_view`]. An object without any foreground in the whole image is an error, whichever it is.
//!
//! Where a view is asked about with other draws than its own (`draw` and `view` of its key differ), what it shows stays the
//! same: it is cut out for the object that the draw of the view's own number puts first. That object stands
//! in where the view shows none of those that were drawn.
//!
//! # Memory
//!
//! What decoding an image and a mask takes is known from their headers and taken from
//! [`SampleConfig::decode_budget`] at once, before either is decoded, so that no thread waits for memory while it holds
//! some. It is given back with the view. A record that needs more than the whole budget is refused by name.

mod config;
mod decode_memory;
mod eval;
mod maker;
mod opened;
mod reader;
mod timings;
pub mod upright;
mod view_sampler;

pub use crate::geometry::Preset;
pub use config::SampleConfig;
pub use decode_memory::default_decode_memory;
pub use eval::EvalSample;
pub use maker::{SampleMaker, ViewBuffers};
pub use timings::{Clock, Timings};

use std::sync::Arc;

use maskwright_image::decode::Warning;

use crate::geometry::Geometry;
use crate::plan::Framing;
use crate::prompt::Prompt;
use crate::random::{ObjectKey, SampleKey};

/// One image as training sees it, `size` x `size` pixels, with objects that it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// `[3, size, size]`: red, green, blue planes, row-major, 0..=255, not normalised.
    pub image: Vec<u8>,
    /// At least one, in the order in which they were drawn.
    pub objects: Vec<ViewObject>,
    /// Where it comes from.
    pub info: ViewInfo,
}

/// An object of a view.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewObject {
    /// `[size, size]`: row-major, 0.0..=255.0; above 128 is foreground. Padding is 0.
    pub label: Vec<f32>,
    /// What the model is told.
    pub prompt: Prompt,
    /// Which object it is.
    pub info: ObjectInfo,
}

/// Where a view comes from and how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewInfo {
    /// Name of the set.
    pub set: Arc<str>,
    /// Name of the record in its set.
    pub name: String,
    /// Seed, view, draw and the number of the record over all sets: enough to make the view again.
    pub key: SampleKey,
    /// The view on the image.
    pub geometry: Geometry,
    /// How the view came about.
    pub framing: Framing,
    /// How many crops without the object were drawn before.
    pub redraws: u32,
    /// How many of the drawn objects the view does not show.
    pub not_in_view: u32,
    /// Whether the image was turned upright by its EXIF orientation.
    pub turned: bool,
    /// What was odd about the masks, then about the image.
    pub warnings: Vec<Warning>,
    /// How many of the warnings are about masks.
    pub mask_warnings: usize,
}

/// Which object of a view, and how its prompt was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectInfo {
    /// The key of the prompt and of the points of the loss.
    pub key: ObjectKey,
    /// Id of the annotation, where the record's objects lie in an annotation file.
    pub id: Option<u64>,
    /// Whether the object was too small for the kind of prompt drawn first.
    pub other_kind: bool,
}
