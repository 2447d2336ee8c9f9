//! Samples: pixels, labels and prompts of one record, in the frame of the model's input.
//!
//! [`SampleMaker`] makes them. A [`View`], for training, is one image with one or several of its
//! objects. It is a pure function of the data and a [`SampleKey`]. An [`EvalSample`], for evaluation,
//! shows one object. It is a function of the data alone, and keeps the label at its original resolution
//! for the metrics.
//!
//! # Several objects of an image
//!
//! [`SampleConfig::objects_per_image`] objects are drawn for a view, or all objects of the record if it
//! has fewer. The view is cut out so that it shows the first of them. It shows an object if at least one
//! pixel of the object's sampled label is foreground. Drawn objects that it does not show are left out;
//! [`ViewInfo::not_in_view`] counts them. If any drawn object has no foreground in the whole image, the
//! record is refused with an error.
//!
//! Several draws of objects and prompts can be made for the same view, with keys that differ only in
//! `draw`. The pixels of the view stay the same: it is cut out for the object that comes first in the
//! draw whose number is the view's own. If the view shows none of the objects of another draw, it holds
//! that object instead.
//!
//! # Regions that do not count
//!
//! A set may name numbers in its mask files whose pixels shall count for nothing (`ignore_values`). A pixel of a view does
//! not count if any source pixel that its bilinear sampling mixes, with whatever weight above 0, is such a pixel: what lies
//! half in the region is not certain either. Its label is 0, so no part of a prompt lies there; prompts on the
//! background avoid it as well, and loss and metrics leave it out.
//!
//! # Memory
//!
//! The memory that decoding an image and a mask takes is known from their headers. It is taken from
//! [`SampleConfig::decode_budget`] at once, before either is decoded, so that no thread waits for memory while
//! it holds some. It is given back with the view. A record that needs more than the whole budget is refused by
//! name.

mod config;
mod decode_memory;
mod eval;
mod maker;
mod opened;
mod reader;
mod timings;
pub mod upright;
mod view_sampler;
mod whole;

pub use crate::geometry::Preset;
pub use config::SampleConfig;
pub use decode_memory::{default_decode_memory, usable_memory};
pub use eval::EvalSample;
pub use maker::{SampleMaker, ViewBuffers};
pub use timings::{Clock, Timings};
pub use whole::{WholeObject, WholeReader, WholeRecord};

use std::sync::Arc;

use maskwright_image::decode::Warning;
use maskwright_image::mask::Bitmap;

use crate::geometry::Geometry;
use crate::plan::Framing;
use crate::prompt::Prompt;
use crate::random::{ObjectKey, SampleKey};

/// A training sample: one image of `size` x `size` pixels with the objects that it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// `[3, size, size]`: red, green, blue planes, row-major, 0..=255, not normalised.
    pub image: Vec<u8>,
    /// The objects, at least one, in the order in which they were drawn.
    pub objects: Vec<ViewObject>,
    /// Where the view comes from and how it was made.
    pub info: ViewInfo,
}

/// An object of a view.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewObject {
    /// The label `[size, size]`, row-major, 0.0..=255.0; above 128 is foreground. Padding is 0.
    pub label: Vec<f32>,
    /// The prompt, in pixels of the view.
    pub prompt: Prompt,
    /// Which object this is, and how its prompt was drawn.
    pub info: ObjectInfo,
    /// The pixels of the view that count for nothing: neither as object nor as background. `None` where all count. The
    /// label is 0 there.
    pub ignored: Option<Bitmap>,
}

/// Where a view comes from and how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewInfo {
    /// Name of the set.
    pub set: Arc<str>,
    /// Name of the record in its set.
    pub name: String,
    /// The key, from which the view can be made again: seed, view, draw and the number of the record
    /// over all sets.
    pub key: SampleKey,
    /// The geometry that maps the image to the view.
    pub geometry: Geometry,
    /// How the crop was found.
    pub framing: Framing,
    /// The number of crops that were drawn before this one and did not show the object.
    pub redraws: u32,
    /// The number of drawn objects that the view does not show.
    pub not_in_view: u32,
    /// Whether the image was turned upright by its EXIF orientation.
    pub turned: bool,
    /// Warnings of the decoder about the masks, then about the image.
    pub warnings: Vec<Warning>,
    /// How many of the warnings are about masks.
    pub mask_warnings: usize,
}

/// Which object of a view, and how its prompt was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectInfo {
    /// The key of the prompt and of the points of the loss.
    pub key: ObjectKey,
    /// The id of the annotation, if the object comes from an annotation file.
    pub id: Option<u64>,
    /// Whether another kind of prompt was drawn, because the object was too small for the first.
    pub other_kind: bool,
}
