//! A model as tensors by their official names.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Gradients, Tensor};

use super::by_name::{VisitByName, visit_by_name};
use super::checkpoint::{Checkpoint, LazyTensor};
use super::element::element_of;
use super::keys::CONFIG_KEY;
use super::names::Path;
use super::state::{StateDict, StateTensor};
use crate::config::SamConfig;
use crate::error::Result;
use crate::image_encoder::InFile;
use crate::sam::Sam;

/// The official name and shape of every tensor of a model, in its own order.
pub fn shapes(sam: &Sam) -> Vec<(String, Vec<usize>)> {
    struct Shapes {
        found: Vec<(String, Vec<usize>)>,
    }
    impl VisitByName for Shapes {
        fn visit<const D: usize>(&mut self, path: &Path, param: &Param<Tensor<D>>) {
            let shape = path.layout().official_shape(&param.lazy_shape());
            self.found.push((path.name(), shape));
        }
    }
    let mut shapes = Shapes { found: Vec::new() };
    visit_by_name(sam, &mut shapes);
    shapes.found
}

/// Name and shape of everything in a model, none of which is made.
pub(crate) fn expected(config: &SamConfig) -> Result<BTreeMap<String, Vec<usize>>> {
    Ok(shapes(&config.init(&Device::flex(), 0)?).into_iter().collect())
}

impl Checkpoint {
    /// A model's tensors, which share its memory, or stay in the file that it was read from.
    pub fn of(sam: &Sam) -> Self {
        struct Collect<'a> {
            in_file: &'a InFile,
            tensors: BTreeMap<String, LazyTensor>,
        }
        impl VisitByName for Collect<'_> {
            fn visit<const D: usize>(&mut self, path: &Path, param: &Param<Tensor<D>>) {
                let name = path.name();
                let layout = path.layout();
                let element = element_of(&name);
                if let Some(tensor) = self.in_file.get(&name) {
                    self.tensors.insert(name, tensor.to_element(element));
                    return;
                }
                let tensor = param.val();
                let shape = tensor.dims();
                let official = layout.official_shape(&shape);
                let lazy = LazyTensor::of_values(element, official, move || {
                    let values = tensor.clone().try_into_vec_as::<f32>();
                    let values = values.map_err(|e| std::io::Error::other(format!("{e:?}")))?;
                    Ok(layout.here_to_official(values, &shape))
                });
                self.tensors.insert(name, lazy);
            }
        }
        let in_file = sam.image_encoder.in_file();
        let mut collect = Collect { in_file, tensors: BTreeMap::new() };
        visit_by_name(sam, &mut collect);
        let mut checkpoint = Self { tensors: collect.tensors, ..Self::default() };
        checkpoint.set_config(sam.config());
        if let Some(conventions) = sam.conventions() {
            checkpoint.set_conventions(conventions);
        }
        checkpoint
    }

    /// Remembers the configuration, which the files of this crate carry.
    pub fn set_config(&mut self, config: &SamConfig) {
        if let Ok(json) = serde_json::to_string(config) {
            self.metadata.insert(CONFIG_KEY.to_owned(), json);
        }
    }
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
        gradients: &'a Gradients,
        tensors: BTreeMap<String, StateTensor>,
    }
    impl VisitByName for Collect<'_> {
        fn visit<const D: usize>(&mut self, path: &Path, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.gradients) {
                self.tensors.insert(path.name(), official(path, gradient));
            }
        }
    }
    let mut collect = Collect { gradients, tensors: BTreeMap::new() };
    visit_by_name(sam, &mut collect);
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
