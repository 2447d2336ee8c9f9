//! Image encoders: pixels to [`ImageFeatures`], the image embedding and an early feature for the HQ
//! head.
//!
//! | kind | official models | folder |
//! |---|---|---|
//! | [`Vit`], SAM's vision transformer | `vit_b`, `vit_l`, `vit_h` | `vit` |
//! | [`TinyVit`], of Light HQ-SAM and MobileSAM | `vit_tiny` | `tiny_vit` |
//!
//! Everything about a kind is in its folder and is reached through its `Specification`. A new kind needs
//! a folder and a line in the list in `kinds`. [`PlacedEncoder`] is an encoder together with the device
//! that it runs on.

mod features;
mod kinds;
mod neck;
mod packed;
mod placed;
mod specification;
mod state;
mod tiny_vit;
mod vit;

pub use features::ImageFeatures;
pub(crate) use features::per_prompt;
pub use kinds::{EncoderConfig, ImageEncoder};
pub use neck::Neck;
pub(crate) use placed::InFile;
pub use placed::{PlacedEncoder, Precision};
pub(crate) use specification::{Encoded, MAX_COUNT, MAX_SIZE, require};
pub use specification::{FeatureLevel, Frame};
pub use state::EncoderState;
pub use tiny_vit::{
    BatchNorm, ConvNorm, MbConv, Merging, PatchStem, Stage, StageBlock, Stem, TinyBlock, TinyMlp,
    TinyVit, TinyVitConfig, WindowAttention,
};
pub use vit::{Attention, Block, PatchEmbed, Vit, VitConfig};
