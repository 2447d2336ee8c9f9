//! What is known of TinyViT.

use serde_json::Value as Json;

use super::config::TinyVitConfig;
use super::module::TinyVit;
use super::{checkpoint, graph};
use crate::error::Result;
use crate::image_encoder::specification::{
    Encoded, FeatureLevel, Frame, Limit, MAX_COUNT, MAX_SIZE, Official, Specification, require,
};
use crate::init::Init;
use crate::onnx::graph::{Graph, Value};
use crate::weights::tensor_shapes::{TensorShapes, Told};

/// A larger window would make tables of biases that no model has.
const MAX_WINDOW: usize = 1 << 6;

/// Pixels along a side of a cell, which the strides of its layers make.
const PATCH: usize = 16;

impl Specification for TinyVitConfig {
    type Module = TinyVit;

    const TITLE: &'static str = "TinyViT";

    const OFFICIAL: &'static [Official<Self>] =
        &[Official { names: &["vit_tiny", "vit_t"], encoder: Self::default }];

    const HUGGING_FACE_NAMES: &'static [(&'static str, &'static str)] = &[];

    fn limits(&self) -> Vec<Limit> {
        let mut limits = vec![("encoder.classes", self.classes, MAX_SIZE)];
        limits.extend(self.embed_dims.map(|dim| ("encoder.embed_dims", dim, MAX_SIZE)));
        limits.extend(self.depths.map(|depth| ("encoder.depths", depth, MAX_COUNT)));
        limits.extend(self.windows.map(|side| ("encoder.windows", side, MAX_WINDOW)));
        limits
    }

    fn check(&self, frame: &Frame) -> Result<()> {
        require(
            frame.patch_size == PATCH,
            "patch_size",
            frame.patch_size,
            format!("must be {PATCH} for TinyViT"),
        )?;
        require(
            self.embed_dims.iter().all(|&dim| dim > 0) && self.embed_dims[0] >= 2,
            "encoder.embed_dims",
            self.embed_dims,
            "must be positive, the first at least 2",
        )?;
        require(
            self.heads
                .iter()
                .zip(&self.embed_dims[1..])
                .all(|(&heads, dim)| heads > 0 && dim.is_multiple_of(heads)),
            "encoder.heads",
            self.heads,
            format!("must divide the last three of embed_dims ({:?})", self.embed_dims),
        )?;
        require(
            self.windows.iter().all(|&side| side > 0) && self.classes > 0,
            "encoder.windows",
            self.windows,
            "must be positive, and classes too",
        )
    }

    fn levels(&self, frame: &Frame) -> Vec<FeatureLevel> {
        let level = |name, channels| FeatureLevel { name, channels, stride: frame.patch_size };
        vec![level("embedding", frame.embedding_dim), level("early", self.embed_dims[2])]
    }

    fn init(&self, init: Init<'_>, frame: &Frame) -> TinyVit {
        TinyVit::new(init, frame, self)
    }

    fn detect(shapes: &TensorShapes) -> Option<Told<(usize, usize, Self)>> {
        checkpoint::detect(shapes)
    }

    fn to_hugging_face(&self, _frame: &Frame) -> Option<Json> {
        None
    }

    fn from_hugging_face(_vision: &Json) -> Option<Told<(Frame, Self)>> {
        None
    }

    fn graph(&self, g: &mut Graph<'_>, frame: &Frame, images: &Value) -> Encoded {
        graph::encode(g, frame, self, images)
    }
}
