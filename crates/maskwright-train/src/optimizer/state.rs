//! An optimizer's state as a safetensors file by official parameter names.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use maskwright_model::weights::ParameterPath;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::{Error, Result};

/// Says in a file's metadata that it is one of these; no parameter is called so.
const FORMAT: (&str, &str) = ("format", "adam");

/// What the names of a parameter's arrays in a file end with, as in PyTorch's state.
const ARRAYS: [&str; 2] = [".exp_avg", ".exp_avg_sq"];

/// The moments of one parameter, in the order that its values have here.
#[derive(Clone)]
pub(super) struct Moments {
    /// Steps in which it had a gradient.
    pub(super) steps: usize,
    pub(super) first: Tensor<1>,
    pub(super) second: Tensor<1>,
}

/// An array of the file.
struct Array {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The file's bytes.
pub(super) fn write<M: Module>(
    moments: &BTreeMap<String, Moments>,
    model: &M,
    file: &Path,
) -> Result<Vec<u8>> {
    let failed = |found: String| Error::RunFile {
        file: file.to_path_buf(),
        expected: "an optimizer state that can be written".into(),
        found,
    };
    let mut arrays = BTreeMap::new();
    for (name, parameter) in parameters(model) {
        let Some(moments) = moments.get(&name) else { continue };
        for (ending, tensor) in ARRAYS.iter().zip([&moments.first, &moments.second]) {
            let values = tensor.clone().try_into_vec_as::<f32>();
            let values = values.map_err(|error| failed(format!("{error:?}")))?;
            let (shape, values) = parameter.path.here_to_official(values, &parameter.shape);
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            arrays.insert(format!("{name}{ending}"), Array { shape, bytes });
        }
    }
    let mut views = Vec::with_capacity(arrays.len());
    for (name, array) in &arrays {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), &array.bytes);
        views.push((name, view.map_err(|error| failed(error.to_string()))?));
    }
    let steps = moments.iter().map(|(name, moments)| (name.clone(), moments.steps.to_string()));
    let format = (FORMAT.0.to_owned(), FORMAT.1.to_owned());
    safetensors::serialize(views, Some(steps.chain([format]).collect()))
        .map_err(|error| failed(error.to_string()))
}

/// The moments of a file's bytes, for this model.
pub(super) fn read<M: Module>(
    bytes: &[u8],
    model: &M,
    file: &Path,
    device: &Device,
) -> Result<BTreeMap<String, Moments>> {
    let failed = |found: String| Error::RunFile {
        file: file.to_path_buf(),
        expected: "the optimizer state of this model".into(),
        found,
    };
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| failed(error.to_string()))?;
    let arrays = SafeTensors::deserialize(bytes).map_err(|error| failed(error.to_string()))?;
    let mut steps = metadata.metadata().clone().unwrap_or_default();
    if steps.remove(FORMAT.0).as_deref() != Some(FORMAT.1) {
        return Err(failed("a safetensors file of something else".into()));
    }
    let known = parameters(model);
    let mut moments = BTreeMap::new();
    for (name, steps) in &steps {
        let steps = steps.parse().map_err(|_| failed(format!("{name}: {steps:?} steps")))?;
        let parameter = known.get(name).ok_or_else(|| failed(format!("moments of {name}")))?;
        let array = |ending: &str| {
            let name = format!("{name}{ending}");
            let view = arrays.tensor(&name).map_err(|error| failed(error.to_string()))?;
            let wanted = parameter.path.official_shape(&parameter.shape);
            if view.dtype() != Dtype::F32 || view.shape() != wanted {
                let found = format!("{name}: {:?} {:?}", view.dtype(), view.shape());
                return Err(failed(format!("{found} for F32 {wanted:?}")));
            }
            let values = view.data().as_chunks::<4>().0.iter();
            let values: Vec<f32> = values.map(|four| f32::from_le_bytes(*four)).collect();
            let values = parameter.path.official_to_here(values, &wanted);
            let count = values.len();
            Ok(Tensor::from_data(TensorData::new(values, [count]), device))
        };
        let [first, second] = [array(ARRAYS[0])?, array(ARRAYS[1])?];
        moments.insert(name.clone(), Moments { steps, first, second });
    }
    if moments.len() * ARRAYS.len() != arrays.len() {
        return Err(failed(format!(
            "{} arrays and the steps of {} parameters",
            arrays.len(),
            moments.len()
        )));
    }
    Ok(moments)
}

/// A parameter of a model: how its values are laid out, and its shape here.
struct Parameter {
    path: ParameterPath,
    shape: Vec<usize>,
}

/// Every parameter of a model by its official name.
fn parameters<M: Module>(model: &M) -> BTreeMap<String, Parameter> {
    struct Collect {
        path: ParameterPath,
        found: BTreeMap<String, Parameter>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let shape = param.lazy_shape().to_vec();
            let parameter = Parameter { path: self.path.clone(), shape };
            self.found.insert(self.path.name(), parameter);
        }
    }
    let mut collect = Collect { path: ParameterPath::default(), found: BTreeMap::new() };
    model.visit(&mut collect);
    collect.found
}

#[cfg(test)]
mod tests {
    use super::super::{Optimizer, OptimizerConfig};
    use super::*;

    #[derive(Module, Debug)]
    struct Line {
        a: Param<Tensor<1>>,
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let device = Device::flex();
        let line = Line { a: Param::from_tensor(Tensor::zeros([1], &device)) };
        let config = OptimizerConfig::default();
        let read = |bytes: &[u8]| {
            Optimizer::from_bytes(&config, bytes, "adam.file".as_ref(), &line, &device)
        };
        // A run may be stopped before its first step.
        let empty = Optimizer::new(&config).to_bytes(&line, "state".as_ref()).expect("written");
        read(&empty).expect("no moments yet");
        let array = TensorView::new(Dtype::F32, vec![1], &[0; 4]).expect("a view");
        let other = TensorView::new(Dtype::F32, vec![1, 1], &[0; 4]).expect("a view");
        let named = |array: &TensorView<'_>, metadata: &[(&str, &str)]| {
            let metadata = metadata.iter().map(|&(key, value)| (key.into(), value.into()));
            let metadata = Some(metadata.collect());
            safetensors::serialize([("a.exp_avg", array.clone())], metadata).expect("written")
        };
        for (bytes, word) in [
            (b"burnpack".to_vec(), "expected the optimizer state"),
            (named(&array, &[("a", "3")]), "something else"),
            (named(&array, &[FORMAT]), "1 arrays and the steps of 0"),
            (named(&array, &[FORMAT, ("a", "many")]), "many"),
            (named(&array, &[FORMAT, ("b", "3")]), "moments of b"),
            (named(&array, &[FORMAT, ("a", "3")]), "exp_avg_sq"),
            (named(&other, &[FORMAT, ("a", "3")]), "[1, 1] for F32 [1]"),
        ] {
            let refusal = read(&bytes).expect_err("no state").to_string();
            assert!(refusal.contains("adam.file") && refusal.contains(word), "{refusal}");
        }
    }
}
