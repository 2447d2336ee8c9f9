//! Low-rank adapters (LoRA, arXiv:2106.09685) of the image encoder.
//!
//! A weight W `[out, in]` of an adapted layer computes as `W + (alpha / rank) B A`, with A `[rank, in]` and B
//! `[out, rank]`; A and B learn, W does not. A starts from PyTorch's distribution of linear layers (a
//! Kaiming-uniform one), B from zero, so that a fresh adapter changes nothing. [`Sam::with_adapter`]
//! attaches one, by Burn's reparameterisation of parameters: the composed weight is what every layer
//! multiplies with, in the fused kernels as everywhere, and it is made once per pass. [`Sam::merged`] makes
//! a plain model of it.
//!
//! In files the factors are called `NAME.lora_A.weight` and `NAME.lora_B.weight`. A file of an adapter says in its
//! metadata what it is and which encoder it goes over ([`Adapter`]).
//!
//! ```
//! use burn::tensor::Device;
//! use maskwright_model::adapter::LoraConfig;
//! use maskwright_model::{SamConfig, Trainable, weights};
//!
//! # fn main() -> Result<(), maskwright_model::Error> {
//! let config = LoraConfig { rank: 2, ..LoraConfig::default() };
//! let sam = SamConfig::small(64, 16, 32, 2).init(&Device::flex(), 0)?;
//! let sam = sam.with_adapter(&config, 0)?.training(&Trainable::Lora(Vec::new()));
//! // ... steps of an optimizer ...
//! let adapter = weights::tuned(&sam, &Trainable::Lora(Vec::new()));
//! assert!(adapter.names().any(|name| name == "image_encoder.blocks.0.attn.qkv.lora_A.weight"));
//! let whole = sam.merged();
//! # let _ = whole;
//! # Ok(())
//! # }
//! ```
//!
//! [`Sam::with_adapter`]: crate::Sam::with_adapter
//! [`Sam::merged`]: crate::Sam::merged

mod attach;
mod base;
mod config;
mod file;

pub use crate::weights::names::is_factor;
pub use config::{Adapter, Blocks, LoraConfig, LoraTarget};
pub(crate) use file::{adapter_of, apply_adapter, merge_adapter};
