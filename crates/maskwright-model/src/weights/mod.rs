//! Checkpoints: reading, applying and writing the official names and layouts.
//!
//! A [`StateDict`] is a checkpoint in memory: official name to values in PyTorch's layout. It comes
//! from a file ([`StateDict::read`]: safetensors or PyTorch's `.pth`) or from a model
//! ([`state_dict`]), and goes to a file ([`StateDict::write`]) or into a model ([`apply`]).
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

mod detect;
mod names;
mod read;
mod resize;
mod state;
mod write;

use std::path::Path as FilePath;

use burn::tensor::Device;

pub use detect::detect;
pub(crate) use names::Path;
pub use names::{is_buffer, shapes};
pub use state::{StateDict, StateTensor, apply, apply_decoder, gradients, state_dict};
pub use write::save;

use crate::config::SamConfig;
use crate::error::{Error, Mismatch, Result};
use crate::sam::Sam;

/// The metadata key of a safetensors file under which [`save`] writes the configuration as JSON.
pub const CONFIG_KEY: &str = "maskwright.config";

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
}

/// Loads a complete SAM or HQ-SAM checkpoint and tells its configuration from its metadata or its
/// tensors.
///
/// # Errors
/// [`Error::Io`] and [`Error::Checkpoint`] for a file that cannot be read, [`Error::Detect`] if it
/// holds no SAM, [`Error::Mismatch`] with every misfit if it is not complete.
pub fn load(path: &FilePath, options: &LoadOptions, device: &Device) -> Result<Loaded> {
    let state = StateDict::read(path)?;
    let mut config = detect(&state)?;
    if let Some(size) = options.image_size {
        config.image_size = size;
    }
    config.hq = options.hq.unwrap_or(config.hq);
    from_state(&config, state, options.seed, device)
}

/// Builds a model of a known configuration from a checkpoint, which may lack the HQ head or have
/// one too many.
///
/// # Errors
/// [`Error::Config`], or [`Error::Mismatch`] with every misfit.
pub fn from_state(
    config: &SamConfig,
    mut state: StateDict,
    seed: u64,
    device: &Device,
) -> Result<Loaded> {
    let is_hq = |name: &str| crate::TrainScope::Hq.contains(name);
    if !config.hq {
        state.tensors.retain(|name, _| !is_hq(name));
    }
    let has_hq = state.tensors.keys().any(|name| is_hq(name));
    let sam = config.init(device, seed)?;
    let (sam, mismatch) = apply(sam, &state)?;
    let fresh = if has_hq { Vec::new() } else { mismatch.missing.clone() };
    let missing = if has_hq {
        mismatch.missing
    } else {
        mismatch.missing.into_iter().filter(|name| !is_hq(name)).collect()
    };
    let mismatch = Mismatch { missing, ..mismatch };
    if !mismatch.is_empty() {
        return Err(Error::Mismatch(Box::new(mismatch)));
    }
    Ok(Loaded { sam, fresh })
}
