//! Named tensors, in memory or in a file, as the code that puts them into models sees them.

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint::Checkpoint;
use super::state::StateDict;
use crate::error::Result;

/// Tensors by their official names: a [`StateDict`] in memory or a [`Checkpoint`] in a file.
pub trait Tensors {
    /// Every name with its shape, in PyTorch's layout.
    fn shapes(&self) -> BTreeMap<String, Vec<usize>>;

    /// The values of one of those, as f32 in row order, and how many of them are NaN or infinite.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] or [`crate::Error::Input`] if they cannot be had.
    fn values(&self, name: &str) -> Result<(Vec<f32>, usize)>;

    /// Text that lies beside the tensors.
    fn metadata(&self) -> &BTreeMap<String, String>;

    /// The file they come from.
    fn path(&self) -> Option<&Path>;
}

impl Tensors for Checkpoint {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect()
    }

    fn values(&self, name: &str) -> Result<(Vec<f32>, usize)> {
        let Some(tensor) = self.tensors.get(name) else { return Ok((Vec::new(), 0)) };
        let bytes = self.bytes_of(name, tensor)?;
        Ok((tensor.element.to_f32(&bytes), tensor.element.not_finite(&bytes)))
    }

    fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl Tensors for StateDict {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect()
    }

    fn values(&self, name: &str) -> Result<(Vec<f32>, usize)> {
        let Some(tensor) = self.tensors.get(name) else { return Ok((Vec::new(), 0)) };
        if tensor.values.len() != tensor.shape.iter().product::<usize>() {
            return Err(crate::Error::Input {
                what: "checkpoint tensor",
                expected: format!("{name}: values for {:?}", tensor.shape),
                found: tensor.values.len().to_string(),
            });
        }
        let not_finite = tensor.values.iter().filter(|v| !v.is_finite()).count();
        Ok((tensor.values.clone(), not_finite))
    }

    fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    fn path(&self) -> Option<&Path> {
        None
    }
}
