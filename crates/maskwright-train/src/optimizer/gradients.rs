//! Gradients between the backward pass and the update: their norm, their clipping, and their sum over batches.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients, Tensor};
use maskwright_model::weights::{ParameterPath, VisitByName, visit_by_name};

use super::arrays::{self, Arrays};
use crate::error::Result;

/// The gradients of a model's parameters for one update.
pub struct StepGradients {
    source: Source,
    /// What each is multiplied by when it is taken.
    factor: Option<f64>,
}

enum Source {
    /// As the backward pass recorded them.
    Recorded(Gradients),
    /// By the parameters' official names, values in the order here.
    Named(BTreeMap<String, Tensor<1>>),
}

impl From<Gradients> for StepGradients {
    fn from(gradients: Gradients) -> Self {
        Self { source: Source::Recorded(gradients), factor: None }
    }
}

impl std::fmt::Debug for StepGradients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepGradients").field("factor", &self.factor).finish_non_exhaustive()
    }
}

impl StepGradients {
    /// Returns the Euclidean norm of all gradients of `model` together; 0 if there are none. It is no finite number if
    /// any value is none, or if the sum of their squares is beyond f32.
    pub fn norm<M: Module>(&self, model: &M) -> f64 {
        let mut squares = Squares { gradients: self, sums: vec![] };
        visit_by_name(model, &mut squares);
        if squares.sums.is_empty() {
            return 0.0;
        }
        let sums = Tensor::cat(squares.sums, 0).into_data();
        sums.iter::<f32>().map(f64::from).sum::<f64>().sqrt() * self.factor.unwrap_or(1.0)
    }

    /// Shortens the gradients, whose norm is `norm`, to at most `largest`, as `torch.nn.utils.clip_grad_norm_` does.
    pub fn clip(&mut self, norm: f64, largest: f64) {
        let factor = largest / (norm + 1e-6);
        if factor < 1.0 {
            self.factor = Some(self.factor.unwrap_or(1.0) * factor);
        }
    }

    /// Returns the values of each gradient of `model` by the parameter's official name, in the order in which this program
    /// keeps the parameter.
    pub fn into_values<M: Module>(mut self, model: &M) -> BTreeMap<String, Vec<f32>> {
        struct Values<'a> {
            gradients: &'a mut StepGradients,
            values: BTreeMap<String, Vec<f32>>,
        }
        impl VisitByName for Values<'_> {
            fn visit<const D: usize>(&mut self, path: &ParameterPath, param: &Param<Tensor<D>>) {
                let name = path.name();
                if let Some(gradient) = self.gradients.take(&name, &param.val()) {
                    self.values.insert(name, gradient.into_data().iter::<f32>().collect());
                }
            }
        }
        let mut visitor = Values { gradients: &mut self, values: BTreeMap::new() };
        visit_by_name(model, &mut visitor);
        visitor.values
    }

    /// The gradient of a parameter; it is not there any more afterwards.
    pub(super) fn take<const D: usize>(
        &mut self,
        name: &str,
        parameter: &Tensor<D>,
    ) -> Option<Tensor<D>> {
        let gradient = match &mut self.source {
            Source::Recorded(gradients) => parameter.grad_remove(gradients)?,
            Source::Named(gradients) => gradients.remove(name)?.reshape(parameter.dims()),
        };
        Some(match self.factor {
            Some(factor) => gradient.mul_scalar(factor),
            None => gradient,
        })
    }
}

/// Collects the sum of squares of every gradient.
struct Squares<'a> {
    gradients: &'a StepGradients,
    sums: Vec<Tensor<1>>,
}

impl VisitByName for Squares<'_> {
    fn visit<const D: usize>(&mut self, path: &ParameterPath, param: &Param<Tensor<D>>) {
        let sum = match &self.gradients.source {
            Source::Recorded(gradients) => {
                param.val().grad(gradients).map(|gradient| gradient.square().sum())
            }
            Source::Named(gradients) => {
                gradients.get(&path.name()).map(|gradient| gradient.clone().square().sum())
            }
        };
        self.sums.extend(sum);
    }
}

/// What the file of a sum is called in its metadata.
const FORMAT: &str = "gradients";
const WEIGHT: &str = "weight";

/// The weighted sum of the gradients of several batches, of which one update is made.
///
/// The loss of a batch is a mean over its objects. With the number of objects as the weight, the mean of the sum is the
/// gradient of one large batch with all of them.
#[derive(Default)]
pub struct GradientSum {
    /// By official name, values in the order here.
    sums: BTreeMap<String, Tensor<1>>,
    weight: f64,
}

impl std::fmt::Debug for GradientSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parameters = self.sums.len();
        f.debug_struct("GradientSum")
            .field("weight", &self.weight)
            .field("parameters", &parameters)
            .finish_non_exhaustive()
    }
}

impl GradientSum {
    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.weight == 0.0
    }

    /// Adds the gradients of `model`, `weight` times. `weight` is above 0.
    pub fn add<M: Module>(&mut self, model: &M, gradients: impl Into<StepGradients>, weight: f64) {
        self.add_share(model, gradients, weight);
        self.weight += weight;
    }

    /// Adds gradients, `weight` times, of parameters of which the batches that were added already have said nothing.
    pub(crate) fn add_share<M: Module>(
        &mut self,
        model: &M,
        gradients: impl Into<StepGradients>,
        weight: f64,
    ) {
        let mut add = Add { sums: &mut self.sums, gradients: gradients.into(), weight };
        visit_by_name(model, &mut add);
    }

    /// Adds what another sum has gathered.
    pub(crate) fn merge(&mut self, other: Self) {
        for (name, added) in other.sums {
            let sum = match self.sums.remove(&name) {
                Some(sum) => sum + added,
                None => added,
            };
            self.sums.insert(name, sum);
        }
        self.weight += other.weight;
    }

    /// Returns the mean of what was added, and begins anew; `None` if nothing was.
    pub fn take_mean(&mut self) -> Option<StepGradients> {
        let Self { sums, weight } = std::mem::take(self);
        let factor = (weight > 0.0).then(|| 1.0 / weight);
        factor.map(|factor| StepGradients { source: Source::Named(sums), factor: Some(factor) })
    }

    /// Returns the sum as the bytes of a safetensors file: of every parameter its summed gradient under its official
    /// name and in its official shape, and the sum of the weights in the metadata.
    ///
    /// # Errors
    /// As [`Optimizer::to_bytes`](super::Optimizer::to_bytes).
    pub fn to_bytes<M: Module>(&self, model: &M, file: &Path) -> Result<Vec<u8>> {
        let arrays = self.sums.iter().map(|(name, sum)| (name.clone(), name.as_str(), sum));
        let weight = (WEIGHT.to_owned(), self.weight.to_string());
        arrays::write(FORMAT, model, file, arrays, std::iter::once(weight))
    }

    /// Returns the sum that [`Self::to_bytes`] wrote for this model, on this device.
    ///
    /// # Errors
    /// As [`Optimizer::from_bytes`](super::Optimizer::from_bytes).
    pub fn from_bytes<M: Module>(
        bytes: &[u8],
        file: &Path,
        model: &M,
        device: &Device,
    ) -> Result<Self> {
        let expected = "the gathered gradients of this model";
        let arrays = Arrays::open(FORMAT, expected, bytes, model, file, device)?;
        let weight = arrays.metadata.get(WEIGHT).and_then(|weight| weight.parse().ok());
        let weight = weight.filter(|weight: &f64| weight.is_finite() && *weight > 0.0);
        let weight = weight.ok_or_else(|| arrays.failed("no weight of the sum".into()))?;
        let names = arrays.names();
        let sums = names.iter().map(|name| Ok((name.to_string(), arrays.read(name, name)?)));
        Ok(Self { sums: sums.collect::<Result<_>>()?, weight })
    }
}

struct Add<'a> {
    sums: &'a mut BTreeMap<String, Tensor<1>>,
    gradients: StepGradients,
    weight: f64,
}

impl VisitByName for Add<'_> {
    fn visit<const D: usize>(&mut self, path: &ParameterPath, param: &Param<Tensor<D>>) {
        let parameter = param.val();
        let name = path.name();
        let Some(gradient) = self.gradients.take(&name, &parameter) else { return };
        let count = parameter.shape().num_elements();
        let added = gradient.reshape([count]).mul_scalar(self.weight);
        let sum = match self.sums.remove(&name) {
            Some(sum) => sum + added,
            None => added,
        };
        self.sums.insert(name, sum);
    }
}
