//! Tensors into a model, by name.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use super::by_name::{MapByName, map_by_name};
use super::names::Path;
use super::resize::{fits, to_fit};
use super::state::StateTensor;
use super::tensors::Tensors;
use crate::error::{Error, Mismatch, Misshapen, Result};
use crate::sam::Sam;

/// What [`apply`] did.
#[derive(Debug)]
pub struct Applied {
    /// The model.
    pub sam: Sam,
    /// The tensors that did not fit.
    pub mismatch: Mismatch,
    /// Tensors with values that are NaN or infinite, and how many of them.
    pub not_finite: Vec<(String, usize)>,
}

/// Puts a checkpoint's tensors into a model by name, one at a time.
///
/// Tensors that fit are taken; all others are listed in the [`Mismatch`], and the model keeps its own
/// values there. Absolute positions of another grid are interpolated bicubically, and relative
/// position tables of another length linearly, to the model's. A frozen copy of the image encoder is
/// dropped where the checkpoint has something of it: place the model anew.
///
/// # Errors
/// [`Error::Input`] if a tensor's values do not fill its shape, [`Error::Checkpoint`] if they cannot
/// be read.
pub fn apply(mut sam: Sam, tensors: &impl Tensors) -> Result<Applied> {
    // What computes has to be what is put in.
    if tensors.shapes().keys().any(|name| name.starts_with("image_encoder.")) {
        sam.image_encoder_mut();
    }
    let mut applier = Apply {
        shapes: tensors.shapes(),
        tensors,
        used: BTreeSet::new(),
        mismatch: Mismatch { file: tensors.path().map(Into::into), ..Mismatch::default() },
        not_finite: Vec::new(),
        failed: None,
    };
    let sam = map_by_name(sam, &mut applier);
    let Apply { shapes, used, mut mismatch, not_finite, failed, .. } = applier;
    if let Some(error) = failed {
        return Err(error);
    }
    mismatch.unexpected = shapes.into_keys().filter(|name| !used.contains(name)).collect();
    mismatch.missing.sort();
    Ok(Applied { sam, mismatch, not_finite })
}

struct Apply<'a, T> {
    shapes: BTreeMap<String, Vec<usize>>,
    tensors: &'a T,
    used: BTreeSet<String>,
    mismatch: Mismatch,
    not_finite: Vec<(String, usize)>,
    /// The first tensor that could not be read; the others are then left.
    failed: Option<Error>,
}

impl<T: Tensors> MapByName for Apply<'_, T> {
    fn map<const D: usize>(&mut self, path: &Path, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failed.is_some() {
            return param;
        }
        let name = path.name();
        let layout = path.layout();
        let shape = param.lazy_shape();
        let expected = layout.official_shape(&shape);
        let Some(found) = self.shapes.get(&name) else {
            self.mismatch.missing.push(name);
            return param;
        };
        self.used.insert(name.clone());
        if !fits(&name, found, &expected) {
            let found = found.clone();
            self.mismatch.misshapen.push(Misshapen { name, expected, found });
            return param;
        }
        let placer = if *found == expected { layout.placer(&shape) } else { None };
        let values = match placer {
            // Straight to their places.
            Some(mut placer) => {
                let read = self.tensors.read(&name, &mut |piece| placer.put(piece));
                read.map(|not_finite| (placer.finish(), not_finite))
            }
            None => self.tensors.values(&name).map(|(values, not_finite)| {
                let tensor = StateTensor { shape: found.clone(), values };
                let resized = to_fit(&name, &tensor, &expected).unwrap_or(tensor);
                (layout.official_to_here(resized.values, &expected), not_finite)
            }),
        };
        let values = match values {
            Ok((values, 0)) => values,
            Ok((values, count)) => {
                self.not_finite.push((name.clone(), count));
                values
            }
            Err(error) => {
                self.failed = Some(error);
                return param;
            }
        };
        let tensor = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        if param.is_initialized() {
            return param.map(|old| tensor.set_require_grad(old.is_require_grad()));
        }
        // Initial values that nobody has asked for are not made.
        Param::initialized(param.id, tensor).set_require_grad(true)
    }
}
