//! An optimizer's state as a safetensors file by official parameter names.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::arrays::{self, Arrays};
use crate::error::Result;

/// What the file is called in its metadata.
const FORMAT: &str = "adam";

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

/// The file's bytes.
pub(super) fn write<M: Module>(
    moments: &BTreeMap<String, Moments>,
    model: &M,
    file: &Path,
) -> Result<Vec<u8>> {
    let of_parameter = |(name, moments): (&'_ String, &'_ Moments)| {
        [(ARRAYS[0], moments.first.clone()), (ARRAYS[1], moments.second.clone())]
            .map(|(ending, tensor)| (format!("{name}{ending}"), name.clone(), tensor))
    };
    let values: Vec<_> = moments.iter().flat_map(of_parameter).collect();
    let values = values.iter().map(|(array, name, tensor)| (array.clone(), name.as_str(), tensor));
    let steps = moments.iter().map(|(name, moments)| (name.clone(), moments.steps.to_string()));
    arrays::write(FORMAT, model, file, values, steps)
}

/// The moments of a file's bytes, for this model.
pub(super) fn read<M: Module>(
    bytes: &[u8],
    model: &M,
    file: &Path,
    device: &Device,
) -> Result<BTreeMap<String, Moments>> {
    let expected = "the optimizer state of this model";
    let arrays = Arrays::open(FORMAT, expected, bytes, model, file, device)?;
    let mut moments = BTreeMap::new();
    for (name, steps) in &arrays.metadata {
        let steps = steps.parse();
        let steps = steps
            .map_err(|_| arrays.failed(format!("{name}: {:?} steps", &arrays.metadata[name])))?;
        if !arrays.knows(name) {
            return Err(arrays.failed(format!("moments of {name}")));
        }
        let array = |ending: &str| arrays.read(&format!("{name}{ending}"), name);
        let [first, second] = [array(ARRAYS[0])?, array(ARRAYS[1])?];
        moments.insert(name.clone(), Moments { steps, first, second });
    }
    if moments.len() * ARRAYS.len() != arrays.len() {
        let found =
            format!("{} arrays and the steps of {} parameters", arrays.len(), moments.len());
        return Err(arrays.failed(found));
    }
    Ok(moments)
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use safetensors::{Dtype, tensor::TensorView};

    use super::super::{Optimizer, OptimizerConfig};
    use super::*;

    /// Says in a file's metadata that it is one of these.
    const FORMAT: (&str, &str) = ("format", super::FORMAT);

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
