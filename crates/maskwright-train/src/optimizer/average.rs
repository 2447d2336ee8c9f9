//! The exponential moving average of the weights that learn.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use maskwright_model::weights::{
    MapByName, ParameterPath, VisitByName, map_by_name, visit_by_name,
};
use maskwright_model::{Sam, Trainable};

use super::arrays::{self, Arrays};
use crate::error::Result;

/// What the file of an average is called in its metadata.
const FORMAT: &str = "average";

/// An exponential moving average of the weights that learn (Polyak and Juditsky, 1992): after the first update it is the
/// weights, and every later update moves it to them by the share `1 - decay`, as PyTorch's `get_ema_multi_avg_fn` does.
pub struct WeightAverage {
    decay: f64,
    /// By official name, values in the order here. Empty before the first update.
    values: BTreeMap<String, Tensor<1>>,
}

impl std::fmt::Debug for WeightAverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeightAverage")
            .field("decay", &self.decay)
            .field("parameters", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl WeightAverage {
    /// Returns an average of nothing; `decay` is in (0, 1).
    pub fn new(decay: f64) -> Self {
        Self { decay, values: BTreeMap::new() }
    }

    /// Whether there was no update yet.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes in the weights of `model` that learn, after an update.
    pub fn update(&mut self, model: &Sam, learns: &Trainable) {
        visit_by_name(model, &mut TakeIn { average: self, learns });
    }

    /// Returns `model` with the averaged weights in place of its own, for prediction. Before the first update these are
    /// its own.
    pub fn applied(&self, model: &Sam) -> Sam {
        map_by_name(model.clone().frozen(), &mut Apply { average: self })
    }

    /// Returns the average as the bytes of a safetensors file, by official names and in official shapes.
    ///
    /// # Errors
    /// As [`Optimizer::to_bytes`](super::Optimizer::to_bytes).
    pub fn to_bytes(&self, model: &Sam, file: &Path) -> Result<Vec<u8>> {
        let arrays = self.values.iter().map(|(name, value)| (name.clone(), name.as_str(), value));
        arrays::write(FORMAT, model, file, arrays, std::iter::empty())
    }

    /// Returns the average that [`Self::to_bytes`] wrote for this model, on this device.
    ///
    /// # Errors
    /// As [`Optimizer::from_bytes`](super::Optimizer::from_bytes).
    pub fn from_bytes(
        decay: f64,
        bytes: &[u8],
        file: &Path,
        model: &Sam,
        device: &Device,
    ) -> Result<Self> {
        let expected = "the averaged weights of this model";
        let arrays = Arrays::open(FORMAT, expected, bytes, model, file, device)?;
        let names = arrays.names();
        let values = names.iter().map(|name| Ok((name.to_string(), arrays.read(name, name)?)));
        Ok(Self { decay, values: values.collect::<Result<_>>()? })
    }
}

struct TakeIn<'a> {
    average: &'a mut WeightAverage,
    learns: &'a Trainable,
}

impl VisitByName for TakeIn<'_> {
    fn visit<const D: usize>(&mut self, path: &ParameterPath, param: &Param<Tensor<D>>) {
        let name = path.name();
        if !self.learns.contains(&name) {
            return;
        }
        let tensor = param.val().without_autodiff();
        let count = tensor.shape().num_elements();
        let value = tensor.reshape([count]);
        let value = match self.average.values.remove(&name) {
            None => value,
            Some(average) => {
                average.clone() + (value - average).mul_scalar(1.0 - self.average.decay)
            }
        };
        self.average.values.insert(name, value);
    }
}

struct Apply<'a> {
    average: &'a WeightAverage,
}

impl MapByName for Apply<'_> {
    fn map<const D: usize>(
        &mut self,
        path: &ParameterPath,
        param: Param<Tensor<D>>,
    ) -> Param<Tensor<D>> {
        match self.average.values.get(&path.name()) {
            Some(value) => param.map(|tensor| value.clone().reshape(tensor.dims())),
            None => param,
        }
    }
}
