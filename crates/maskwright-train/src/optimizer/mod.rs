//! The optimizer: changes a model's parameters, and saves and restores its own state.
//!
//! The arithmetic of Adam is Burn's, which is PyTorch's `Adam` (betas 0.9 and 0.999, epsilon 1e-8, no
//! weight decay). AdamW takes the decay from a parameter first and then does the same. This module keeps the moments by
//! each parameter's official name. Burn's own optimizer keeps them by random ids, and loads them onto the first device
//! that the build knows, even if the machine does not have it.
//!
//! [`StepGradients`] and [`GradientSum`] hold gradients before an update, [`WeightAverage`] an average of the weights
//! after it.

mod arrays;
mod average;
mod config;
mod gradients;
mod groups;
mod state;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::optim::{self, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Tensor};
use maskwright_model::weights::{MapByName, ParameterPath, map_by_name};

use crate::error::Result;
pub use average::WeightAverage;
pub use config::{OptimizerConfig, OptimizerKind};
pub use gradients::{GradientSum, StepGradients};
pub use groups::{decays, layer_scales};
use state::Moments;

/// PyTorch's default, which HQ-SAM keeps (Burn's own default is 1e-5).
const EPSILON: f32 = 1e-8;

/// An optimizer with its state for every parameter.
pub struct Optimizer {
    adam: optim::Adam,
    weight_decay: f64,
    layer_decay: f64,
    /// What the learning rate of each parameter is multiplied by, once the model is known; empty where nothing is.
    scales: BTreeMap<String, f64>,
    /// By the parameter's official name.
    moments: BTreeMap<String, Moments>,
}

impl std::fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Optimizer").field("parameters", &self.moments.len()).finish_non_exhaustive()
    }
}

impl Optimizer {
    /// Returns an optimizer without state.
    pub fn new(config: &OptimizerConfig) -> Self {
        let weight_decay = match config.kind {
            OptimizerKind::Adam => 0.0,
            OptimizerKind::AdamW => config.weight_decay,
        };
        Self {
            adam: AdamConfig::new().with_epsilon(EPSILON).build(),
            weight_decay,
            layer_decay: config.layer_decay,
            scales: BTreeMap::new(),
            moments: BTreeMap::new(),
        }
    }

    /// Returns the model with every parameter changed that has a gradient; the others stay as they are. Gradients are
    /// those of a backward pass, or a mean over several batches ([`GradientSum`]); whether they are clipped is the
    /// caller's to say ([`StepGradients::clip`]).
    pub fn update<M: Module>(
        &mut self,
        model: M,
        gradients: impl Into<StepGradients>,
        learning_rate: f64,
    ) -> M {
        if self.layer_decay < 1.0 && self.scales.is_empty() {
            let known = arrays::parameters(&model);
            self.scales = layer_scales(known.keys().map(String::as_str), self.layer_decay);
        }
        let gradients = gradients.into();
        map_by_name(model, &mut Update { optimizer: self, gradients, learning_rate })
    }

    /// Returns the state as the bytes of a safetensors file: `NAME.exp_avg` and `NAME.exp_avg_sq` of
    /// every parameter in its official shape, and the parameter's number of steps in the metadata under
    /// its name.
    ///
    /// # Errors
    /// [`Error::RunFile`], naming `file`, if the values cannot be read from the device.
    pub fn to_bytes<M: Module>(&self, model: &M, file: &Path) -> Result<Vec<u8>> {
        state::write(&self.moments, model, file)
    }

    /// Returns the optimizer whose state [`Self::to_bytes`] wrote for this model, on this device.
    ///
    /// # Errors
    /// [`Error::RunFile`], naming `file`, if the bytes are not such a state, or belong to another model.
    pub fn from_bytes<M: Module>(
        config: &OptimizerConfig,
        bytes: &[u8],
        file: &Path,
        model: &M,
        device: &Device,
    ) -> Result<Self> {
        let moments = state::read(bytes, model, file, device)?;
        Ok(Self { moments, ..Self::new(config) })
    }
}

struct Update<'a> {
    optimizer: &'a mut Optimizer,
    gradients: StepGradients,
    learning_rate: f64,
}

impl MapByName for Update<'_> {
    fn map<const D: usize>(
        &mut self,
        path: &ParameterPath,
        param: Param<Tensor<D>>,
    ) -> Param<Tensor<D>> {
        let tensor = param.val();
        let name = path.name();
        let Some(gradient) = self.gradients.take(&name, &tensor) else { return param };
        let shape = tensor.dims();
        let optimizer = &mut *self.optimizer;
        let scale = optimizer.scales.get(&name).copied().unwrap_or(1.0);
        let learning_rate = self.learning_rate * scale;
        let mut before = tensor.inner();
        let axes = path.official_shape(&shape).len();
        if optimizer.weight_decay > 0.0 && decays(&name, axes) {
            before = before.mul_scalar(1.0 - learning_rate * optimizer.weight_decay);
        }
        let state = optimizer.moments.remove(&name).map(|moments| {
            let [first, second] = [moments.first, moments.second].map(|m| m.reshape(shape));
            AdamState::new(AdaptiveMomentumState::new(moments.steps, first, second))
        });
        let (moved, state) = optimizer.adam.step(learning_rate, before, gradient, state);
        if let Some(AdamState { momentum }) = state {
            let count = shape.iter().product::<usize>();
            let moments = Moments {
                steps: momentum.time,
                first: momentum.moment_1.reshape([count]),
                second: momentum.moment_2.reshape([count]),
            };
            optimizer.moments.insert(name, moments);
        }
        param.map(|_| moved.autodiff()).set_require_grad(true)
    }
}
