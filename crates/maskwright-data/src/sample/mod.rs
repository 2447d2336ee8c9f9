//! Samples: pixels, label and prompt of one record, in the frame of the model's input.
//!
//! [`SampleMaker`] makes them. A [`TrainSample`] is a pure function of the data and a
//! [`SampleKey`]; an [`EvalSample`] of the data alone, and keeps the label at
//! its original resolution for the metrics.

mod config;
mod eval;
mod maker;
mod opened;
mod timings;
pub mod upright;

pub use crate::geometry::Preset;
pub use config::SampleConfig;
pub use eval::EvalSample;
pub use maker::SampleMaker;
pub use timings::{Clock, Timings};

use std::sync::Arc;

use maskwright_image::decode::Warning;

use crate::geometry::Geometry;
use crate::plan::Framing;
use crate::prompt::Prompt;
use crate::random::SampleKey;

/// A training sample of `size` x `size` pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSample {
    /// `[3, size, size]`: red, green, blue planes, row-major, 0..=255, not normalised.
    pub image: Vec<u8>,
    /// `[size, size]`: row-major, 0.0..=255.0; above 128 is foreground. Padding is 0.
    pub label: Vec<f32>,
    /// What the model is told.
    pub prompt: Prompt,
    /// Where it comes from.
    pub info: SampleInfo,
}

/// Where a sample comes from and how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleInfo {
    /// Name of the set.
    pub set: Arc<str>,
    /// Name of the record in its set.
    pub name: String,
    /// Seed, view, draw and the number of the record over all sets: enough to make the sample again.
    pub key: SampleKey,
    /// The view on the image.
    pub geometry: Geometry,
    /// How the view came about.
    pub framing: Framing,
    /// How many crops without the object were drawn before.
    pub redraws: u32,
    /// Whether the object was too small for the kind of prompt drawn first.
    pub other_kind: bool,
    /// Id of the annotation that was sampled, where the record's objects lie in an annotation file.
    pub object: Option<u64>,
    /// Whether the image was turned upright by its EXIF orientation.
    pub turned: bool,
    /// What was odd about the image or the mask.
    pub warnings: Vec<Warning>,
}
