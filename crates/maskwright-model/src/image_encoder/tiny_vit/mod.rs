//! TinyViT (arXiv:2207.10666), the image encoder of Light HQ-SAM and MobileSAM.

mod attention;
mod checkpoint;
mod config;
mod graph;
mod module;
mod packed;
mod specification;

pub use attention::WindowAttention;
pub use config::TinyVitConfig;
pub use module::{
    BatchNorm, ConvNorm, MbConv, Merging, PatchStem, Stage, StageBlock, Stem, TinyBlock, TinyMlp,
    TinyVit,
};
pub(in crate::image_encoder) use packed::PackedTinyVit;
