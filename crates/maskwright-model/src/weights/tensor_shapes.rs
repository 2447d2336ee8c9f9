//! The shapes of a checkpoint's tensors, as a model is told from them.

use std::collections::BTreeMap;

/// What was told, or what is odd.
pub(crate) type Told<T> = std::result::Result<T, String>;

/// Words for a tensor that is odd.
pub(crate) fn odd(name: &str, what: &str) -> String {
    format!("{name} {what}")
}

/// Axis lengths by name, in PyTorch's layout.
pub(crate) struct TensorShapes(pub(crate) BTreeMap<String, Vec<usize>>);

impl TensorShapes {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The tensor's axis lengths.
    pub(crate) fn of(&self, name: &str) -> Option<&[usize]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// One of them.
    pub(crate) fn axis(&self, name: &str, axis: usize) -> Option<usize> {
        self.0.get(name)?.get(axis).copied()
    }

    /// How many indices follow this prefix: one more than the highest, if the tensors can be so many.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        let indices = self
            .0
            .range(prefix.to_owned()..)
            .map_while(|(name, _)| name.strip_prefix(prefix))
            .filter_map(|rest| rest.split('.').next()?.parse::<usize>().ok());
        indices.filter(|&index| index < self.0.len()).max().map_or(0, |last| last + 1)
    }
}
