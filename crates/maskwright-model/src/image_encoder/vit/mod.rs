//! SAM's vision transformer (ViTDet, arXiv:2203.16527).

mod attention;
mod checkpoint;
mod config;
mod graph;
mod hugging_face;
mod module;
mod packed;
mod specification;

pub use attention::Attention;
pub use config::VitConfig;
pub use module::{Block, PatchEmbed, Vit};
pub(in crate::image_encoder) use packed::PackedVit;
