//! The optimizer: changes a model's parameters, and saves and restores its own state.
//!
//! The arithmetic of Adam is Burn's, which is PyTorch's `Adam` (betas 0.9 and 0.999, epsilon 1e-8, no
//! weight decay). This module keeps the moments by each parameter's official name. Burn's own optimizer
//! keeps them by random ids, and loads them onto the first device that the build knows, even if the
//! machine does not have it.

mod state;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{self, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Gradients, Tensor};
use maskwright_model::weights::ParameterPath;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use state::Moments;

/// The settings of the optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// The rule.
    pub kind: OptimizerKind,
    /// The learning rate at the start of the schedule.
    pub learning_rate: f64,
}

/// A rule that changes parameters by their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Adam (Kingma and Ba, 2015) as PyTorch has it.
    #[default]
    Adam,
}

impl Default for OptimizerConfig {
    /// HQ-SAM's.
    fn default() -> Self {
        Self { kind: OptimizerKind::Adam, learning_rate: 1e-3 }
    }
}

impl OptimizerConfig {
    /// Checks that the learning rate is a finite number above 0.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key and the value.
    pub fn validate(&self) -> Result<()> {
        if self.learning_rate.is_finite() && self.learning_rate > 0.0 {
            return Ok(());
        }
        let key = "optimizer.learning_rate";
        Err(Error::setting(key, "a number above 0", self.learning_rate))
    }
}

/// PyTorch's default, which HQ-SAM keeps (Burn's own default is 1e-5).
const EPSILON: f32 = 1e-8;

/// An optimizer with its state for every parameter.
pub struct Optimizer {
    rule: Rule,
    /// By the parameter's official name.
    moments: BTreeMap<String, Moments>,
}

enum Rule {
    Adam(optim::Adam),
}

impl std::fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Optimizer").field("parameters", &self.moments.len()).finish_non_exhaustive()
    }
}

impl Optimizer {
    /// Returns an optimizer without state.
    pub fn new(config: &OptimizerConfig) -> Self {
        let rule = match config.kind {
            OptimizerKind::Adam => Rule::Adam(AdamConfig::new().with_epsilon(EPSILON).build()),
        };
        Self { rule, moments: BTreeMap::new() }
    }

    /// Returns the model with every parameter changed that has a gradient; the others stay as they are.
    pub fn update<M: Module>(&mut self, model: M, gradients: Gradients, learning_rate: f64) -> M {
        let path = ParameterPath::default();
        model.map(&mut Update { optimizer: self, gradients, learning_rate, path })
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
    gradients: Gradients,
    learning_rate: f64,
    path: ParameterPath,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = param.val();
        let Some(gradient) = tensor.grad_remove(&mut self.gradients) else { return param };
        let name = self.path.name();
        let shape = tensor.dims();
        let Rule::Adam(adam) = &self.optimizer.rule;
        let state = self.optimizer.moments.remove(&name).map(|moments| {
            let [first, second] = [moments.first, moments.second].map(|m| m.reshape(shape));
            AdamState::new(AdaptiveMomentumState::new(moments.steps, first, second))
        });
        let (moved, state) = adam.step(self.learning_rate, tensor.inner(), gradient, state);
        if let Some(AdamState { momentum }) = state {
            let count = shape.iter().product::<usize>();
            let moments = Moments {
                steps: momentum.time,
                first: momentum.moment_1.reshape([count]),
                second: momentum.moment_2.reshape([count]),
            };
            self.optimizer.moments.insert(name, moments);
        }
        param.map(|_| moved.autodiff()).set_require_grad(true)
    }
}
