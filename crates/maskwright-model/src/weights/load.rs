//! Files to models.

use std::path::Path;

use burn::tensor::Device;

use super::apply::{Applied, apply};
use super::check::pardon_hq;
use super::checkpoint::Checkpoint;
use super::conventions::conventions;
use super::detect::detect;
use super::tensors::Tensors;
use crate::config::SamConfig;
use crate::error::{Error, Result};
use crate::sam::Sam;

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
pub fn load(path: &Path, options: &LoadOptions, device: &Device) -> Result<Loaded> {
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
    let (mismatch, fresh) = pardon_hq(mismatch, config, &tensors.shapes());
    if !mismatch.is_empty() {
        return Err(Error::Mismatch(Box::new(mismatch)));
    }
    let sam = match conventions(tensors)? {
        Some(conventions) => sam.with_conventions(conventions)?,
        None => sam,
    };
    Ok(Loaded { sam, fresh, not_finite })
}
