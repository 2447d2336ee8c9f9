//! Adam over a model's trainable parameters, with a state that survives the process.
//!
//! The arithmetic is Burn's, which is PyTorch's `Adam` (betas 0.9 and 0.999, epsilon
//! 1e-8, no weight decay). Burn keys an optimizer's state by parameter ids that it draws
//! at random; [`name_parameters`] replaces them by a hash of the parameter's place in the
//! model, so that a state written by one process fits the model of the next.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Bytes, Gradients, Tensor};

use crate::error::{Error, Result};

/// PyTorch's default, which HQ-SAM keeps (Burn's own default is 1e-5).
const EPSILON: f32 = 1e-8;

/// Adam and its moments.
pub struct Adam {
    optimizer: ModuleOptimizer,
}

impl std::fmt::Debug for Adam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adam").finish_non_exhaustive()
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self { optimizer: AdamConfig::new().with_epsilon(EPSILON).init() }
    }
}

impl Adam {
    /// One step: every parameter that has a gradient moves, the others stay.
    pub fn step<M: Module>(&mut self, model: M, gradients: Gradients, learning_rate: f64) -> M {
        let gradients = GradientsParams::from_grads(gradients, &model);
        self.optimizer.step(learning_rate, model, gradients)
    }

    /// The moments as bytes.
    pub fn to_bytes(&self, file: &Path) -> Result<Bytes> {
        self.optimizer.into_bytes().map_err(|error| Error::RunFile {
            file: file.to_path_buf(),
            expected: "an optimizer state that can be written".into(),
            found: error.to_string(),
        })
    }

    /// The optimizer that [`Self::to_bytes`] wrote; `file` is named if it is not one.
    pub fn from_bytes(bytes: Vec<u8>, file: &Path) -> Result<Self> {
        let record =
            OptimizerRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|error| {
                Error::RunFile {
                    file: file.to_path_buf(),
                    expected: "an optimizer state".into(),
                    found: error.to_string(),
                }
            })?;
        Ok(Self { optimizer: Self::default().optimizer.load_record(record) })
    }
}

/// Gives every parameter an id that is a function of its place in the model.
pub fn name_parameters<M: Module>(model: M) -> M {
    model.map(&mut Namer { path: Vec::new() })
}

struct Namer {
    path: Vec<String>,
}

impl ModuleMapper for Namer {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, tensor, mapper) = param.consume();
        let id = ParamId::from(fnv1a(&self.path.join(".")));
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// The 64-bit FNV-1a hash: short, and the same in every version of everything.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
