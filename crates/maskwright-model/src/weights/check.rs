//! Whether all of a model, or all of a part of it, is in a checkpoint.

use std::collections::BTreeMap;

use super::checkpoint::Checkpoint;
use super::content::{DECODER, with_prefix};
use super::detect::detect_decoder;
use super::model::expected;
use super::names::in_hq_head;
use super::resize::fits;
use super::tensors::Tensors;
use crate::config::SamConfig;
use crate::error::{Error, Mismatch, Misshapen, Result};

/// Holds a checkpoint against a configuration, without reading a value: everything that is missing,
/// unexpected or misshapen, but for a whole HQ head that only one of the two has.
///
/// # Errors
/// [`Error::Config`] for a configuration that cannot be, [`Error::Mismatch`] with every misfit.
pub fn check(tensors: &impl Tensors, config: &SamConfig) -> Result<()> {
    let found = tensors.shapes();
    let expected = expected(config)?;
    let mismatch = compare(tensors, &expected, &found);
    let (mismatch, _) = pardon_hq(mismatch, config, &found);
    refuse(mismatch)
}

/// Holds a mask decoder, named with `mask_decoder.`, against a configuration. All of SAM's decoder, all
/// of the HQ head, or both have to be there.
///
/// # Errors
/// As [`check`].
pub fn check_decoder(tensors: &impl Tensors, config: &SamConfig) -> Result<()> {
    let found = tensors.shapes();
    let has = |hq: bool| found.keys().any(|name| in_hq_head(name) == hq);
    let (sam, hq) = (has(false), has(true));
    check_part(tensors, &config.clone().with_hq(true), |name| {
        name.starts_with(DECODER) && if in_hq_head(name) { hq } else { sam }
    })
}

/// Holds a part of a model, under full names, against a configuration: all of what `belongs` names has
/// to be there, and nothing else.
///
/// # Errors
/// As [`check`].
pub(super) fn check_part(
    tensors: &impl Tensors,
    config: &SamConfig,
    belongs: impl Fn(&str) -> bool,
) -> Result<()> {
    let mut expected = expected(config)?;
    expected.retain(|name, _| belongs(name));
    refuse(compare(tensors, &expected, &tensors.shapes()))
}

/// Holds tensors against these names and shapes: all of them have to be there, and nothing else.
///
/// # Errors
/// [`Error::Mismatch`] with every misfit.
pub(crate) fn check_names(
    tensors: &impl Tensors,
    expected: &BTreeMap<String, Vec<usize>>,
) -> Result<()> {
    refuse(compare(tensors, expected, &tensors.shapes()))
}

/// Holds a mask decoder, named with or without `mask_decoder.`, against what it tells of itself.
///
/// # Errors
/// As [`check`].
pub fn check_decoder_alone(decoder: &Checkpoint) -> Result<()> {
    let decoder = with_prefix(decoder.clone());
    check_decoder(&decoder, &detect_decoder(&decoder))
}

/// Takes out of a mismatch the HQ head that the checkpoint lacks as a whole, which is given and can be
/// made fresh, and the one that the model has no place for.
pub(super) fn pardon_hq(
    mut mismatch: Mismatch,
    config: &SamConfig,
    found: &BTreeMap<String, Vec<usize>>,
) -> (Mismatch, Vec<String>) {
    let is_hq = |name: &String| in_hq_head(name);
    let mut fresh = Vec::new();
    if !found.keys().any(is_hq) {
        (fresh, mismatch.missing) = mismatch.missing.into_iter().partition(is_hq);
    }
    if !config.hq {
        mismatch.unexpected.retain(|name| !is_hq(name));
    }
    (mismatch, fresh)
}

fn compare(
    tensors: &impl Tensors,
    expected: &BTreeMap<String, Vec<usize>>,
    found: &BTreeMap<String, Vec<usize>>,
) -> Mismatch {
    let mut mismatch = Mismatch { file: tensors.path().map(Into::into), ..Mismatch::default() };
    for (name, shape) in expected {
        match found.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(other) if !fits(name, other, shape) => mismatch.misshapen.push(Misshapen {
                name: name.clone(),
                expected: shape.clone(),
                found: other.clone(),
            }),
            Some(_) => {}
        }
    }
    mismatch.unexpected =
        found.keys().filter(|name| !expected.contains_key(*name)).cloned().collect();
    mismatch
}

/// An error, unless all fits.
pub(super) fn refuse(mismatch: Mismatch) -> Result<()> {
    if mismatch.is_empty() { Ok(()) } else { Err(Error::Mismatch(Box::new(mismatch))) }
}
