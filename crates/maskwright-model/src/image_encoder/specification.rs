//! What is known of a kind of image encoder, in one place.
//!
//! A [`Specification`] gathers everything about one kind: its sizes and which of them can be, what tells
//! its checkpoints, its initialisation and its feature levels, its names in Hugging Face's files, and its
//! ONNX graph. The rest of this crate asks through [`EncoderConfig`](super::EncoderConfig), which
//! dispatches over the list of kinds (`kinds`): to add a kind is to add a folder with its specification, and a line
//! in that list.

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::init::Init;
use crate::onnx::graph::{Graph, Value};
use crate::weights::tensor_shapes::{TensorShapes, Told};

/// The sizes that an encoder shares with the rest of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Side of the square input image in pixels.
    pub image_size: usize,
    /// Side in pixels of the square that one cell of the embedding stands for.
    pub patch_size: usize,
    /// Channels of the embedding.
    pub embedding_dim: usize,
}

impl Frame {
    /// Cells along a side of the embedding.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }
}

/// A feature map that an encoder gives, `[b, g, g, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureLevel {
    /// Its field in [`ImageFeatures`](super::ImageFeatures).
    pub name: &'static str,
    /// Channels.
    pub channels: usize,
    /// Side in pixels of the square that a cell stands for.
    pub stride: usize,
}

/// An official model: its names, the first of which is used, and its encoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Official<C> {
    pub(crate) names: &'static [&'static str],
    pub(crate) encoder: fn() -> C,
}

/// An upper limit: a field, its value, and the most that it can be.
pub(crate) type Limit = (&'static str, usize, usize);

/// The most that a field can be which says how wide something is.
pub(crate) const MAX_SIZE: usize = 1 << 16;

/// The most that a field can be which says how many there are of something.
pub(crate) const MAX_COUNT: usize = 1 << 10;

/// What an encoder's graph gives.
pub(crate) struct Encoded {
    /// `[n, c, g, g]`.
    pub(crate) embedding: Value,
    /// Early features `[n, g, g, d]`: the first is the one that the HQ head takes.
    pub(crate) early: Vec<Value>,
}

/// A kind of image encoder; its sizes implement it.
pub(crate) trait Specification: Sized + 'static {
    /// What computes.
    type Module;

    /// What people call it.
    const TITLE: &'static str;

    /// The official models that have it.
    const OFFICIAL: &'static [Official<Self>];

    /// Its official names and Hugging Face's, where they differ; a `*` stands for a number, and what
    /// follows a rule's parts stays. The first rule that fits is taken.
    const HUGGING_FACE_NAMES: &'static [(&'static str, &'static str)];

    /// The sizes of which no model is made when they are larger: a damaged file's would take all memory.
    fn limits(&self) -> Vec<Limit>;

    /// Refuses sizes that cannot be, by themselves or in this frame.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    fn check(&self, frame: &Frame) -> Result<()>;

    /// What the side of an input has to be a multiple of.
    fn input_step(&self, frame: &Frame) -> usize {
        frame.patch_size
    }

    /// The feature maps, `embedding` first, then `early`.
    fn levels(&self, frame: &Frame) -> Vec<FeatureLevel>;

    /// Fresh parameters.
    fn init(&self, init: Init<'_>, frame: &Frame) -> Self::Module;

    /// Image size, patch size and encoder of the checkpoint with these tensors; none if it is of another
    /// kind.
    fn detect(shapes: &TensorShapes) -> Option<Told<(usize, usize, Self)>>;

    /// The `vision_config` of Hugging Face's `config.json`; none where transformers has no such encoder.
    fn to_hugging_face(&self, frame: &Frame) -> Option<Json>;

    /// Reads a `vision_config`; none if it is of another kind.
    fn from_hugging_face(vision: &Json) -> Option<Told<(Frame, Self)>>;

    /// Adds the graph that takes normalised images `[n, 3, s, s]`.
    fn graph(&self, g: &mut Graph<'_>, frame: &Frame, images: &Value) -> Encoded;
}

/// An error that names the field, unless it is good.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn require(
    good: bool,
    field: &'static str,
    value: impl std::fmt::Debug,
    reason: impl Into<String>,
) -> Result<()> {
    if good {
        return Ok(());
    }
    Err(Error::Config { field, value: format!("{value:?}"), reason: reason.into() })
}
