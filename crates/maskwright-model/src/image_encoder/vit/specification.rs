//! What is known of SAM's vision transformer.

use serde_json::Value as Json;

use super::config::VitConfig;
use super::module::Vit;
use super::{checkpoint, graph, hugging_face};
use crate::error::Result;
use crate::image_encoder::specification::{
    Encoded, FeatureLevel, Frame, Limit, MAX_COUNT, MAX_SIZE, Official, Specification, require,
};
use crate::init::Init;
use crate::onnx::graph::{Graph, Value};
use crate::weights::tensor_shapes::{TensorShapes, Told};

impl Specification for VitConfig {
    type Module = Vit;

    const TITLE: &'static str = "the vision transformer of SAM";

    const OFFICIAL: &'static [Official<Self>] = &[
        Official { names: &["vit_b"], encoder: Self::base },
        Official { names: &["vit_l"], encoder: Self::large },
        Official { names: &["vit_h", "default"], encoder: Self::huge },
    ];

    const HUGGING_FACE_NAMES: &'static [(&'static str, &'static str)] = hugging_face::NAMES;

    fn limits(&self) -> Vec<Limit> {
        vec![
            ("encoder.embed_dim", self.embed_dim, MAX_SIZE),
            ("encoder.depth", self.depth, MAX_COUNT),
            ("encoder.mlp_dim", self.mlp_dim, MAX_SIZE),
            ("encoder.window_size", self.window_size, MAX_SIZE),
        ]
    }

    fn check(&self, _frame: &Frame) -> Result<()> {
        require(self.depth > 0, "encoder.depth", self.depth, "must be positive")?;
        require(self.mlp_dim > 0, "encoder.mlp_dim", self.mlp_dim, "must be positive")?;
        require(
            self.heads > 0 && self.embed_dim > 0 && self.embed_dim.is_multiple_of(self.heads),
            "encoder.heads",
            self.heads,
            format!("must divide embed_dim ({})", self.embed_dim),
        )?;
        require(self.window_size > 0, "encoder.window_size", self.window_size, "must be positive")?;
        require(
            !self.global_blocks.is_empty()
                && self.global_blocks.is_sorted_by(|a, b| a < b)
                && self.global_blocks.iter().all(|&block| block < self.depth),
            "encoder.global_blocks",
            &self.global_blocks,
            format!("must be ascending, below depth ({}), and at least one", self.depth),
        )
    }

    fn levels(&self, frame: &Frame) -> Vec<FeatureLevel> {
        let level = |name, channels| FeatureLevel { name, channels, stride: frame.patch_size };
        vec![level("embedding", frame.embedding_dim), level("early", self.embed_dim)]
    }

    fn init(&self, init: Init<'_>, frame: &Frame) -> Vit {
        Vit::new(init, frame, self)
    }

    fn detect(shapes: &TensorShapes) -> Option<Told<(usize, usize, Self)>> {
        checkpoint::detect(shapes)
    }

    fn to_hugging_face(&self, frame: &Frame) -> Option<Json> {
        Some(hugging_face::to_json(self, frame))
    }

    fn from_hugging_face(vision: &Json) -> Option<Told<(Frame, Self)>> {
        Some(hugging_face::from_json(vision))
    }

    fn graph(&self, g: &mut Graph<'_>, frame: &Frame, images: &Value) -> Encoded {
        graph::encode(g, frame, self, images)
    }
}
