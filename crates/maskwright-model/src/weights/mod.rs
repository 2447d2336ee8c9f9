//! Checkpoints: reading, applying and writing the official names and layouts.
//!
//! A [`Checkpoint`] is a file whose tensors are fetched when they are needed, a [`StateDict`] one in
//! memory; both map official names to values in PyTorch's layout ([`Tensors`]). They come from a file
//! ([`Checkpoint::open`]: safetensors, PyTorch's `.pth`, a folder of Hugging Face's) or from a model
//! ([`Checkpoint::of`]), and go to a file ([`Checkpoint::write`]) or into a model ([`apply`]).
//! [`load`] does all that a program needs: it reads a file, tells the configuration from it, and
//! builds the model.
//!
//! ```no_run
//! use burn::tensor::Device;
//! use maskwright_model::weights::{LoadOptions, load, save};
//!
//! # fn main() -> Result<(), maskwright_model::Error> {
//! let device = Device::flex();
//! let loaded = load("sam_hq_vit_b.pth".as_ref(), &LoadOptions::default(), &device)?;
//! save(&loaded.sam, "copy.safetensors".as_ref())?;
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod content;
mod conventions;
mod detect;
mod element;
mod hugging_face;
mod names;
mod pytorch;
mod resize;
mod safetensors_file;
mod save;
mod state;
mod tensors;
mod tuned;

use std::path::Path as FilePath;

use burn::tensor::Device;

pub use checkpoint::{Checkpoint, Layout};
pub(crate) use content::expected;
pub use content::{
    Content, apply_decoder, check, check_decoder, check_decoder_alone, content, decoder_of,
    decoder_width, merge,
};
pub use conventions::conventions;
pub use detect::detect;
pub use element::Element;
pub(crate) use names::Path;
pub use names::{in_hq_head, is_buffer, shapes};
pub use save::{Container, Written, save};
pub use state::{Applied, StateDict, StateTensor, apply, gradients, state_dict};
pub use tensors::Tensors;
pub use tuned::{apply_tuned, tuned};

use crate::config::SamConfig;
use crate::error::{Error, Result};
use crate::sam::Sam;

/// The metadata key of a safetensors file under which [`save`] writes the configuration as JSON.
pub const CONFIG_KEY: &str = "maskwright.config";

/// The metadata key of a model's [`Conventions`](crate::Conventions), as JSON.
pub const CONVENTIONS_KEY: &str = "maskwright.conventions";

/// The metadata key under which [`tuned`] says by which patterns its tensors were chosen.
pub const TRAINABLE_KEY: &str = "maskwright.trainable";

/// How to [`load`].
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Build the model for this input size; the checkpoint's own if not given. The absolute
    /// positions are interpolated.
    pub image_size: Option<usize>,
    /// Whether the model shall have an HQ head: as the checkpoint if not given. Where the checkpoint
    /// has none, it is made fresh; where it has one that is not wanted, it is left out.
    pub hq: Option<bool>,
    /// For what is made fresh.
    pub seed: u64,
}

/// A model from a file.
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub sam: Sam,
    /// Names of the tensors that the file lacks and that were made fresh: the HQ head's, or none.
    pub fresh: Vec<String>,
    /// Tensors with values that are NaN or infinite, and how many of them.
    pub not_finite: Vec<(String, usize)>,
}

/// Loads a complete SAM or HQ-SAM checkpoint and tells its configuration from its metadata or its
/// tensors.
///
/// # Errors
/// [`Error::Io`] and [`Error::Checkpoint`] for a file that cannot be read, [`Error::Detect`] if it
/// holds no SAM, [`Error::Mismatch`] with every misfit if it is not complete.
pub fn load(path: &FilePath, options: &LoadOptions, device: &Device) -> Result<Loaded> {
    let checkpoint = Checkpoint::open(path)?;
    let mut config = detect(&checkpoint)?;
    if let Some(size) = options.image_size {
        config.image_size = size;
    }
    config.hq = options.hq.unwrap_or(config.hq);
    from_tensors(&config, &checkpoint, options.seed, device)
}

/// Builds a model of a known configuration from a checkpoint, which may lack the HQ head or have
/// one too many.
///
/// # Errors
/// [`Error::Config`], [`Error::Mismatch`] with every misfit, or [`Error::Checkpoint`] if values cannot
/// be read.
pub fn from_tensors(
    config: &SamConfig,
    tensors: &impl Tensors,
    seed: u64,
    device: &Device,
) -> Result<Loaded> {
    let Applied { sam, mismatch, not_finite } = apply(config.init(device, seed)?, tensors)?;
    let (mismatch, fresh) = content::pardon_hq(mismatch, config, &tensors.shapes());
    if !mismatch.is_empty() {
        return Err(Error::Mismatch(Box::new(mismatch)));
    }
    let sam = match conventions(tensors)? {
        Some(conventions) => sam.with_conventions(conventions)?,
        None => sam,
    };
    Ok(Loaded { sam, fresh, not_finite })
}
