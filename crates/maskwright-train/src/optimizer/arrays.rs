//! Values by official parameter names as a safetensors file: an optimizer's moments, gathered gradients, averages.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use maskwright_model::weights::{ParameterPath, VisitByName, visit_by_name};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::{Error, Result};

/// The key of the metadata that says what a file holds; no parameter is called so.
const FORMAT: &str = "format";

/// A parameter of a model: how its values are laid out, and its shape here.
pub(super) struct Parameter {
    path: ParameterPath,
    shape: Vec<usize>,
}

/// An array that shall be written: its name, the parameter that it belongs to, and its values in the order here.
pub(super) type Written<'a> = (String, &'a str, &'a Tensor<1>);

/// The bytes of a file of this format with these arrays. Arrays of parameters that the model does not have are left out.
pub(super) fn write<'a, M: Module>(
    format: &str,
    model: &M,
    file: &Path,
    arrays: impl Iterator<Item = Written<'a>>,
    metadata: impl Iterator<Item = (String, String)>,
) -> Result<Vec<u8>> {
    let failed = |found: String| Error::RunFile {
        file: file.to_path_buf(),
        expected: "a state that can be written".into(),
        found,
    };
    let known = parameters(model);
    let mut official: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, parameter, tensor) in arrays {
        let Some(Parameter { path, shape }) = known.get(parameter) else { continue };
        let values = tensor.clone().try_into_vec_as::<f32>();
        let values = values.map_err(|error| failed(format!("{error:?}")))?;
        let (shape, values) = path.here_to_official(values, shape);
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        official.insert(name, (shape, bytes));
    }
    let mut views = Vec::with_capacity(official.len());
    for (name, (shape, bytes)) in &official {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((name, view.map_err(|error| failed(error.to_string()))?));
    }
    let format = (FORMAT.to_owned(), format.to_owned());
    safetensors::serialize(views, Some(metadata.chain([format]).collect()))
        .map_err(|error| failed(error.to_string()))
}

/// A file of such arrays that is being read for a model.
pub(super) struct Arrays<'a> {
    /// The metadata but for the format.
    pub(super) metadata: HashMap<String, String>,
    arrays: SafeTensors<'a>,
    known: BTreeMap<String, Parameter>,
    device: &'a Device,
    file: &'a Path,
    expected: &'static str,
}

impl<'a> Arrays<'a> {
    /// Opens the bytes of `file`, which hold what is `expected` in this format.
    pub(super) fn open<M: Module>(
        format: &str,
        expected: &'static str,
        bytes: &'a [u8],
        model: &M,
        file: &'a Path,
        device: &'a Device,
    ) -> Result<Self> {
        let failed = |found: String| Error::RunFile {
            file: file.to_path_buf(),
            expected: expected.into(),
            found,
        };
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|error| failed(error.to_string()))?;
        let arrays = SafeTensors::deserialize(bytes).map_err(|error| failed(error.to_string()))?;
        let mut metadata = header.metadata().clone().unwrap_or_default();
        if metadata.remove(FORMAT).as_deref() != Some(format) {
            return Err(failed("a safetensors file of something else".into()));
        }
        Ok(Self { metadata, arrays, known: parameters(model), device, file, expected })
    }

    /// The number of arrays.
    pub(super) fn len(&self) -> usize {
        self.arrays.len()
    }

    /// The names of the arrays.
    pub(super) fn names(&self) -> Vec<&str> {
        self.arrays.names()
    }

    /// An error about this file.
    pub(super) fn failed(&self, found: String) -> Error {
        Error::RunFile { file: self.file.to_path_buf(), expected: self.expected.into(), found }
    }

    /// Whether the model has this parameter.
    pub(super) fn knows(&self, parameter: &str) -> bool {
        self.known.contains_key(parameter)
    }

    /// The array `name`, which belongs to `parameter`, in the order of values here.
    pub(super) fn read(&self, name: &str, parameter: &str) -> Result<Tensor<1>> {
        let Some(Parameter { path, shape }) = self.known.get(parameter) else {
            return Err(self.failed(format!("values of {parameter}")));
        };
        let view = self.arrays.tensor(name).map_err(|error| self.failed(error.to_string()))?;
        let wanted = path.official_shape(shape);
        if view.dtype() != Dtype::F32 || view.shape() != wanted {
            let found = format!("{name}: {:?} {:?}", view.dtype(), view.shape());
            return Err(self.failed(format!("{found} for F32 {wanted:?}")));
        }
        let values = view.data().as_chunks::<4>().0.iter();
        let values: Vec<f32> = values.map(|four| f32::from_le_bytes(*four)).collect();
        let values = path.official_to_here(values, &wanted);
        let count = values.len();
        Ok(Tensor::from_data(TensorData::new(values, [count]), self.device))
    }
}

/// Every parameter of a model by its official name.
pub(super) fn parameters<M: Module>(model: &M) -> BTreeMap<String, Parameter> {
    struct Collect {
        found: BTreeMap<String, Parameter>,
    }
    impl VisitByName for Collect {
        fn visit<const D: usize>(&mut self, path: &ParameterPath, param: &Param<Tensor<D>>) {
            let shape = param.lazy_shape().to_vec();
            let parameter = Parameter { path: path.clone(), shape };
            self.found.insert(path.name(), parameter);
        }
    }
    let mut collect = Collect { found: BTreeMap::new() };
    visit_by_name(model, &mut collect);
    collect.found
}
