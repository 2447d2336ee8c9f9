//! A checkpoint in memory, from and into models.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use super::names::Path;
use crate::error::{Error, Mismatch, Misshapen, Result};
use crate::sam::Sam;

/// A checkpoint: tensors in PyTorch's layout by their official names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    /// By name.
    pub tensors: BTreeMap<String, StateTensor>,
    /// The text metadata of a safetensors file.
    pub metadata: BTreeMap<String, String>,
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
    struct Collect {
        path: Path,
        tensors: BTreeMap<String, StateTensor>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = official(&self.path, param.val());
            self.tensors.insert(self.path.name(), tensor);
        }
    }
    let mut collect = Collect { path: Path::default(), tensors: BTreeMap::new() };
    sam.visit(&mut collect);
    let mut metadata = BTreeMap::new();
    if let Ok(json) = serde_json::to_string(sam.config()) {
        metadata.insert(super::CONFIG_KEY.to_owned(), json);
    }
    StateDict { tensors: collect.tensors, metadata }
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

/// Puts a checkpoint's tensors into a model by name.
///
/// Tensors that fit are taken; all others are listed in the [`Mismatch`], and the model keeps its own
/// values there. Absolute positions of another grid are interpolated bicubically, and relative
/// position tables of another length linearly, to the model's.
///
/// # Errors
/// [`Error::Input`] if a tensor's values do not fill its shape.
pub fn apply(sam: Sam, state: &StateDict) -> Result<(Sam, Mismatch)> {
    for (name, tensor) in &state.tensors {
        if tensor.values.len() != tensor.shape.iter().product::<usize>() {
            return Err(Error::Input {
                what: "checkpoint tensor",
                expected: format!("{name}: values for {:?}", tensor.shape),
                found: tensor.values.len().to_string(),
            });
        }
    }
    let mut applier = Apply {
        path: Path::default(),
        state,
        used: BTreeSet::new(),
        mismatch: Mismatch::default(),
    };
    let sam = sam.map(&mut applier);
    let Apply { used, mut mismatch, .. } = applier;
    mismatch.unexpected =
        state.tensors.keys().filter(|name| !used.contains(*name)).cloned().collect();
    mismatch.missing.sort();
    Ok((sam, mismatch))
}

/// Puts a mask decoder's checkpoint, whose names lack `mask_decoder.` (HQ-SAM's `epoch_N.pth`), or
/// any part of a whole one, into a model; everything else stays.
///
/// # Errors
/// [`Error::Mismatch`] if a tensor is unknown or misshapen, or nothing fits.
pub fn apply_decoder(sam: Sam, mut state: StateDict) -> Result<Sam> {
    const PREFIX: &str = "mask_decoder.";
    if !state.tensors.keys().any(|name| name.starts_with(PREFIX)) {
        state.tensors = std::mem::take(&mut state.tensors)
            .into_iter()
            .map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor))
            .collect();
    }
    let (sam, mut mismatch) = apply(sam, &state)?;
    if !state.tensors.is_empty() {
        mismatch.missing.clear();
    }
    if mismatch.is_empty() { Ok(sam) } else { Err(Error::Mismatch(Box::new(mismatch))) }
}

struct Apply<'a> {
    path: Path,
    state: &'a StateDict,
    used: BTreeSet<String>,
    mismatch: Mismatch,
}

impl ModuleMapper for Apply<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let layout = self.path.layout();
        let shape = param.lazy_shape();
        let expected = layout.official_shape(&shape);
        let Some(tensor) = self.state.tensors.get(&name) else {
            self.mismatch.missing.push(name);
            return param;
        };
        let resized;
        let tensor = match super::resize::to_fit(&name, tensor, &expected) {
            Some(other) => {
                resized = other;
                &resized
            }
            None => tensor,
        };
        self.used.insert(name.clone());
        if tensor.shape != expected {
            let found = tensor.shape.clone();
            self.mismatch.misshapen.push(Misshapen { name, expected, found });
            return param;
        }
        let values = layout.official_to_here(&tensor.values, &expected);
        param.map(|old| {
            let new = Tensor::from_data(TensorData::new(values, shape), &old.device());
            new.set_require_grad(old.is_require_grad())
        })
    }
}
