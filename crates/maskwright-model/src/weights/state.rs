//! A checkpoint in memory, from and into models.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use super::checkpoint::Checkpoint;
use super::names::Path;
use super::tensors::Tensors;
use crate::error::{Error, Mismatch, Misshapen, Result};
use crate::sam::Sam;

/// A checkpoint: tensors in PyTorch's layout by their official names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    /// By name.
    pub tensors: BTreeMap<String, StateTensor>,
    /// Text that lies beside them.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Reads all of a checkpoint into memory.
    ///
    /// # Errors
    /// As [`Checkpoint::open`] and [`Checkpoint::into_state`].
    pub fn read(path: &std::path::Path) -> Result<Self> {
        Checkpoint::open(path)?.into_state()
    }
}

/// One tensor's values, as f32 in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Axis lengths.
    pub shape: Vec<usize>,
    /// As many as the product of `shape`.
    pub values: Vec<f32>,
}

/// Every tensor of a model under its official name, and the configuration in the metadata.
pub fn state_dict(sam: &Sam) -> StateDict {
    // Reading a model back fails only if the device fails, and then nothing of it is left to have.
    Checkpoint::of(sam).into_state().expect("a device that answers")
}

/// The gradient of every parameter that has one, under its official name and in its official
/// layout.
pub fn gradients(sam: &Sam, gradients: &Gradients) -> StateDict {
    struct Collect<'a> {
        path: Path,
        gradients: &'a Gradients,
        tensors: BTreeMap<String, StateTensor>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.gradients) {
                self.tensors.insert(self.path.name(), official(&self.path, gradient));
            }
        }
    }
    let mut collect = Collect { path: Path::default(), gradients, tensors: BTreeMap::new() };
    sam.visit(&mut collect);
    StateDict { tensors: collect.tensors, metadata: BTreeMap::new() }
}

fn official<const D: usize>(path: &Path, tensor: Tensor<D>) -> StateTensor {
    let layout = path.layout();
    let shape = tensor.dims();
    // Reading a float tensor back as f32 fails only if the device fails, and then nothing of the
    // model is left to save.
    let values = tensor.try_into_vec_as::<f32>().expect("a device that answers");
    StateTensor {
        shape: layout.official_shape(&shape),
        values: layout.here_to_official(values, &shape),
    }
}

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
        path: Path::default(),
        shapes: tensors.shapes(),
        tensors,
        used: BTreeSet::new(),
        mismatch: Mismatch { file: tensors.path().map(Into::into), ..Mismatch::default() },
        not_finite: Vec::new(),
        failed: None,
    };
    let sam = sam.map(&mut applier);
    let Apply { shapes, used, mut mismatch, not_finite, failed, .. } = applier;
    if let Some(error) = failed {
        return Err(error);
    }
    mismatch.unexpected = shapes.into_keys().filter(|name| !used.contains(name)).collect();
    mismatch.missing.sort();
    Ok(Applied { sam, mismatch, not_finite })
}

struct Apply<'a, T> {
    path: Path,
    shapes: BTreeMap<String, Vec<usize>>,
    tensors: &'a T,
    used: BTreeSet<String>,
    mismatch: Mismatch,
    not_finite: Vec<(String, usize)>,
    /// The first tensor that could not be read; the others are then left.
    failed: Option<Error>,
}

impl<T: Tensors> ModuleMapper for Apply<'_, T> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failed.is_some() {
            return param;
        }
        let name = self.path.name();
        let layout = self.path.layout();
        let shape = param.lazy_shape();
        let expected = layout.official_shape(&shape);
        let Some(found) = self.shapes.get(&name) else {
            self.mismatch.missing.push(name);
            return param;
        };
        self.used.insert(name.clone());
        if !super::resize::fits(&name, found, &expected) {
            let found = found.clone();
            self.mismatch.misshapen.push(Misshapen { name, expected, found });
            return param;
        }
        let values = match self.tensors.values(&name) {
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
        let tensor = StateTensor { shape: found.clone(), values };
        let values = match super::resize::to_fit(&name, &tensor, &expected) {
            Some(resized) => resized.values,
            None => tensor.values,
        };
        let values = layout.official_to_here(values, &expected);
        let tensor = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        if param.is_initialized() {
            return param.map(|old| tensor.set_require_grad(old.is_require_grad()));
        }
        // Initial values that nobody has asked for are not made.
        Param::initialized(param.id, tensor).set_require_grad(true)
    }
}
