//! A checkpoint in memory.

use std::collections::BTreeMap;

/// A checkpoint: tensors in PyTorch's layout by their official names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    /// By name.
    pub tensors: BTreeMap<String, StateTensor>,
    /// Text that lies beside them.
    pub metadata: BTreeMap<String, String>,
}

/// One tensor's values, as f32 in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Axis lengths.
    pub shape: Vec<usize>,
    /// As many as the product of `shape`.
    pub values: Vec<f32>,
}
