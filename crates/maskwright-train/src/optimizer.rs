//! Adam over a model's trainable parameters, with a state that survives the process.
//!
//! The arithmetic is Burn's, which is PyTorch's `Adam` (betas 0.9 and 0.999, epsilon
//! 1e-8, no weight decay). The moments are kept here, by each parameter's place in the model:
//! Burn's own optimizer keys them by ids that are drawn at random, and loads them onto the first
//! device that the build knows, whether or not the machine has it.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{self, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::{Error, Result};

/// PyTorch's default, which HQ-SAM keeps (Burn's own default is 1e-5).
const EPSILON: f32 = 1e-8;

/// Says in a file's metadata that it is one of these; no parameter is called so.
const FORMAT: (&str, &str) = ("format", "adam");

/// What the names of a parameter's arrays in a file end with.
const ARRAYS: [&str; 2] = [".exp_avg", ".exp_avg_sq"];

/// Adam and its moments.
pub struct Adam {
    rule: optim::Adam,
    /// By the parameter's place in the model.
    moments: BTreeMap<String, Moments>,
}

/// Of one parameter, in row order.
#[derive(Clone)]
struct Moments {
    /// Steps in which it had a gradient.
    steps: usize,
    first: Tensor<1>,
    second: Tensor<1>,
}

impl std::fmt::Debug for Adam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adam").field("parameters", &self.moments.len()).finish_non_exhaustive()
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self { rule: AdamConfig::new().with_epsilon(EPSILON).build(), moments: BTreeMap::new() }
    }
}

impl Adam {
    /// One step: every parameter that has a gradient moves, the others stay.
    pub fn step<M: Module>(&mut self, model: M, gradients: Gradients, learning_rate: f64) -> M {
        model.map(&mut Step { adam: self, gradients, learning_rate, path: Vec::new() })
    }

    /// The moments as a safetensors file: `PLACE.exp_avg` and `PLACE.exp_avg_sq` of every parameter,
    /// flat, and its number of steps in the metadata; `file` is named if a device does not give them.
    pub fn to_bytes(&self, file: &Path) -> Result<Vec<u8>> {
        let failed = |found: String| Error::RunFile {
            file: file.to_path_buf(),
            expected: "an optimizer state that can be written".into(),
            found,
        };
        let mut arrays = BTreeMap::new();
        for (place, moments) in &self.moments {
            for (ending, tensor) in ARRAYS.iter().zip([&moments.first, &moments.second]) {
                let values = tensor
                    .clone()
                    .try_into_vec_as::<f32>()
                    .map_err(|e| failed(format!("{e:?}")))?;
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                arrays.insert(format!("{place}{ending}"), bytes);
            }
        }
        let mut views = Vec::with_capacity(arrays.len());
        for (name, bytes) in &arrays {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
            views.push((name, view.map_err(|error| failed(error.to_string()))?));
        }
        let steps = self.moments.iter().map(|(place, m)| (place.clone(), m.steps.to_string()));
        let format = (FORMAT.0.to_owned(), FORMAT.1.to_owned());
        safetensors::serialize(views, Some(steps.chain([format]).collect()))
            .map_err(|error| failed(error.to_string()))
    }

    /// The optimizer that [`Self::to_bytes`] wrote, on this device; `file` is named if it is not one.
    pub fn from_bytes(bytes: &[u8], file: &Path, device: &Device) -> Result<Self> {
        let failed = |found: String| Error::RunFile {
            file: file.to_path_buf(),
            expected: "an optimizer state".into(),
            found,
        };
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| failed(error.to_string()))?;
        let arrays = SafeTensors::deserialize(bytes).map_err(|error| failed(error.to_string()))?;
        let mut steps = metadata.metadata().clone().unwrap_or_default();
        if steps.remove(FORMAT.0).as_deref() != Some(FORMAT.1) {
            return Err(failed("a safetensors file of something else".into()));
        }
        let mut adam = Self::default();
        for (place, steps) in &steps {
            let steps = steps.parse().map_err(|_| failed(format!("{place}: {steps:?} steps")))?;
            let array = |ending: &str| {
                let name = format!("{place}{ending}");
                let view = arrays.tensor(&name).map_err(|error| failed(error.to_string()))?;
                if view.dtype() != Dtype::F32 {
                    return Err(failed(format!("{name}: {:?}", view.dtype())));
                }
                let values = view.data().as_chunks::<4>().0.iter();
                let values: Vec<f32> = values.map(|four| f32::from_le_bytes(*four)).collect();
                let count = values.len();
                Ok(Tensor::from_data(TensorData::new(values, [count]), device))
            };
            let [first, second] = [array(ARRAYS[0])?, array(ARRAYS[1])?];
            adam.moments.insert(place.clone(), Moments { steps, first, second });
        }
        if adam.moments.len() * ARRAYS.len() != arrays.len() {
            return Err(failed(format!(
                "{} arrays and the steps of {} parameters",
                arrays.len(),
                adam.moments.len()
            )));
        }
        Ok(adam)
    }
}

struct Step<'a> {
    adam: &'a mut Adam,
    gradients: Gradients,
    learning_rate: f64,
    path: Vec<String>,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = param.val();
        let Some(gradient) = tensor.grad_remove(&mut self.gradients) else { return param };
        let place = self.path.join(".");
        let shape = tensor.dims();
        let state = self.adam.moments.remove(&place).map(|moments| {
            let [first, second] = [moments.first, moments.second].map(|m| m.reshape(shape));
            AdamState::new(AdaptiveMomentumState::new(moments.steps, first, second))
        });
        let (moved, state) =
            self.adam.rule.step(self.learning_rate, tensor.inner(), gradient, state);
        if let Some(AdamState { momentum }) = state {
            let count = shape.iter().product::<usize>();
            let moments = Moments {
                steps: momentum.time,
                first: momentum.moment_1.reshape([count]),
                second: momentum.moment_2.reshape([count]),
            };
            self.adam.moments.insert(place, moments);
        }
        param.map(|_| moved.autodiff()).set_require_grad(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_is_refused() {
        let empty = Adam::default().to_bytes("state".as_ref()).expect("written");
        let device = Device::flex();
        // A run may be stopped before its first step.
        Adam::from_bytes(&empty, "state".as_ref(), &device).expect("no moments yet");
        let array = TensorView::new(Dtype::F32, vec![1], &[0; 4]).expect("a view");
        let named = |metadata: &[(&str, &str)]| {
            let metadata = metadata.iter().map(|&(key, value)| (key.into(), value.into()));
            let metadata = Some(metadata.collect());
            safetensors::serialize([("a.exp_avg", array.clone())], metadata).expect("written")
        };
        for (bytes, word) in [
            (b"burnpack".to_vec(), "expected an optimizer state"),
            (named(&[("a", "3")]), "something else"),
            (named(&[FORMAT]), "1 arrays and the steps of 0"),
            (named(&[FORMAT, ("a", "many")]), "many"),
            (named(&[FORMAT, ("a", "3")]), "exp_avg_sq"),
        ] {
            let refusal = Adam::from_bytes(&bytes, "adam.file".as_ref(), &device);
            let refusal = refusal.expect_err("no state").to_string();
            assert!(refusal.contains("adam.file") && refusal.contains(word), "{refusal}");
        }
    }
}
