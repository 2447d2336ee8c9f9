//! Segment Anything (SAM) with the HQ-SAM head, on [Burn](https://burn.dev) tensors.
//!
//! The model of *Segment Anything* (Kirillov et al., 2023, arXiv:2304.02643) and of *Segment Anything in
//! High Quality* (Ke et al., 2023, arXiv:2306.01567). It loads and writes the checkpoints of both with
//! their official tensor names. It can be trained (the HQ head alone on a frozen SAM, the mask decoder,
//! or everything) and used for prediction.
//!
//! * [`SamConfig`] describes a model and builds it: [`SamConfig::vit_b`], [`SamConfig::vit_l`],
//!   [`SamConfig::vit_h`], [`SamConfig::vit_tiny`], or a small one of any size. [`SamConfig::init`]
//!   makes the [`Sam`].
//! * [`Sam`] has the steps of a prediction: [`Sam::preprocess`], [`Sam::encode_image`],
//!   [`Sam::encode_prompts`], [`Sam::decode`], and [`Sam::predict`], which takes prompts of different
//!   kinds at once.
//! * [`weights`] reads and writes checkpoints, [`onnx`] writes models for other runtimes.
//! * [`Conventions`] say how a model was trained and therefore has to be used, such as pixel mean and
//!   padding.
//! * [`Trainable`] says which parameters learn.
//!
//! Inside the model every feature map is channels-last, `[batch, height, width, channels]`: the
//! transformers need this order, `LayerNorm2d` becomes a norm over the last axis, and the convolutions
//! become matrix products. Output masks are `[batch, masks, height, width]`.
//!
//! ```
//! use burn::tensor::Device;
//! use maskwright_model::{DecodeMode, PromptInput, SamConfig};
//!
//! # fn main() -> Result<(), maskwright_model::Error> {
//! let device = Device::flex();
//! let sam = SamConfig::small(64, 16, 32, 2).init(&device, 7)?;
//! let pixels = vec![0u8; 3 * 64 * 64];
//! let features = sam.encode_image(sam.preprocess(&pixels, 1, &device)?);
//! let prompt = PromptInput::from_box([8.0, 8.0, 40.0, 40.0]);
//! let masks = sam.predict(&features, &[prompt], &[0], DecodeMode::Hq)?;
//! assert_eq!(masks.hq.unwrap().dims(), [1, 1, 16, 16]);
//! # Ok(())
//! # }
//! ```
// Allowed again only in the instructions of `kernels::bf16`.
#![deny(unsafe_code)]

pub mod adapter;
mod config;
pub mod conventions;
pub mod device;
mod error;
mod files;
mod fitting;
pub mod image_encoder;
mod image_sketch;
mod init;
mod kernels;
pub mod layers;
pub mod load;
pub mod mask_decoder;
mod mask_kind;
mod name_pattern;
pub mod onnx;
pub mod ops;
mod placement;
mod prompt_encoder;
mod sam;
mod trainable;
pub mod weights;
pub mod words;

pub use config::{DecoderConfig, ModelType, SamConfig};
pub use conventions::{Conventions, MaskPromptValues, PIXEL_MEAN, PIXEL_STD, Padding, Training};
pub use device::{Compute, DeviceName, Place};
pub use error::{Error, Mismatch, Misshapen, Result};
pub use fitting::GeometryFrom;
pub use image_encoder::{EncoderConfig, ImageFeatures, Precision, TinyVitConfig, VitConfig};
pub use image_sketch::ImageSketch;
pub use load::{Fresh, ModelSource};
pub use mask_decoder::{DecodeMode, MaskDecoder, MaskOutput};
pub use mask_kind::MaskKind;
pub use name_pattern::NamePattern;
pub use ops::Tf32;
pub use prompt_encoder::{PromptEmbeddings, PromptEncoder, PromptInput, PromptPoint};
pub use sam::{Sam, group_by_tokens, resize_bilinear};
pub use trainable::Trainable;
