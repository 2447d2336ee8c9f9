//! Named tensors, in memory or in a file, as the code that puts them into models sees them.

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint::Checkpoint;
use super::state::StateDict;
use crate::error::Result;

/// Tensors by their official names: a [`StateDict`] in memory or a [`Checkpoint`] in a file.
pub trait Tensors: Sync {
    /// Every name with its shape, in PyTorch's layout.
    fn shapes(&self) -> BTreeMap<String, Vec<usize>>;

    /// The values of one of those, as f32 in row order, and how many of them are NaN or infinite.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] or [`crate::Error::Input`] if they cannot be had.
    fn values(&self, name: &str) -> Result<(Vec<f32>, usize)>;

    /// Gives the same values to `sink`, in pieces and in order, and says how many are NaN or infinite. So
    /// they are in memory once, where `sink` puts them.
    ///
    /// # Errors
    /// As [`Tensors::values`].
    fn read(&self, name: &str, sink: &mut dyn FnMut(&[f32])) -> Result<usize>;

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
        tensor.values().map_err(|e| self.failed(name, e))
    }

    fn read(&self, name: &str, sink: &mut dyn FnMut(&[f32])) -> Result<usize> {
        let Some(tensor) = self.tensors.get(name) else { return Ok(0) };
        let (mut values, mut not_finite) = (Vec::new(), 0);
        let read = tensor.read(&mut |piece| {
            not_finite += tensor.element.not_finite(piece);
            values.clear();
            tensor.element.to_f32(piece, &mut values);
            sink(&values);
            Ok(())
        });
        read.map(|()| not_finite).map_err(|e| self.failed(name, e))
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
        let mut values = Vec::new();
        let not_finite = self.read(name, &mut |all| values = all.to_vec())?;
        Ok((values, not_finite))
    }

    fn read(&self, name: &str, sink: &mut dyn FnMut(&[f32])) -> Result<usize> {
        let Some(tensor) = self.tensors.get(name) else { return Ok(0) };
        if tensor.values.len() != tensor.shape.iter().product::<usize>() {
            return Err(crate::Error::Input {
                what: "checkpoint tensor",
                expected: format!("{name}: values for {:?}", tensor.shape),
                found: tensor.values.len().to_string(),
            });
        }
        sink(&tensor.values);
        Ok(tensor.values.iter().filter(|v| !v.is_finite()).count())
    }

    fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    fn path(&self) -> Option<&Path> {
        None
    }
}
