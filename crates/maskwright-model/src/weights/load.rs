//! Files to models.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;

use super::apply::{Applied, apply, apply_but};
use super::check::pardon_hq;
use super::checkpoint::Checkpoint;
use super::conventions::conventions;
use super::detect::detect;
use super::model::shapes;
use super::tensors::Tensors;
use crate::config::SamConfig;
use crate::device::host;
use crate::error::{Error, Result};
use crate::image_encoder::InFile;
use crate::kernels::bf16::Instructions;
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
    let applied = apply(config.init(device, seed)?, tensors)?;
    loaded(config, tensors, applied)
}

/// The same for a model whose encoder computes in bf16 on the CPU and does not learn: the weights that are packed are read straight into
/// that form, and else stay in the file.
///
/// # Errors
/// As [`from_tensors`].
pub(crate) fn packed_from(
    config: &SamConfig,
    checkpoint: &Checkpoint,
    seed: u64,
    instructions: Instructions,
) -> Result<Loaded> {
    let sam = config.init(&host(), seed)?;
    let mut stay = InFile::new();
    for (name, shape) in shapes(&sam) {
        let found = checkpoint.tensors.get(&name);
        if let Some(tensor) = found.filter(|tensor| tensor.shape == shape)
            && sam.image_encoder.packs_alone(&name)
        {
            stay.insert(name, tensor.clone());
        }
    }
    let mut loaded = loaded(config, checkpoint, apply_but(sam, checkpoint, &stay)?)?;
    let not_finite = Mutex::new(Vec::new());
    let read = |name: &str, sink: &mut dyn FnMut(&[f32])| {
        let count = checkpoint.read(name, sink)?;
        if count > 0 {
            let mut all = not_finite.lock().unwrap_or_else(PoisonError::into_inner);
            all.push((name.to_owned(), count));
        }
        Ok(())
    };
    loaded.sam.image_encoder = loaded.sam.image_encoder.packed(instructions, stay, read)?;
    loaded.not_finite.extend(not_finite.into_inner().unwrap_or_else(PoisonError::into_inner));
    loaded.not_finite.sort();
    Ok(loaded)
}

fn loaded(config: &SamConfig, tensors: &impl Tensors, applied: Applied) -> Result<Loaded> {
    let Applied { sam, mismatch, not_finite } = applied;
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
