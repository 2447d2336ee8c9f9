//! The sizes of TinyViT.

use serde::{Deserialize, Serialize};

/// PyTorch's default for its norms, which TinyViT has.
pub(super) const EPSILON: f64 = 1e-5;

/// TinyViT: convolutions at 1/4 of the resolution, then attention at 1/8, 1/16 and 1/16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TinyVitConfig {
    /// Channels of the four stages. Official: 64, 128, 160, 320.
    pub embed_dims: [usize; 4],
    /// Blocks of the four stages. Official: 2, 2, 6, 2.
    pub depths: [usize; 4],
    /// Attention heads of the last three. Official: 4, 5, 10.
    pub heads: [usize; 3],
    /// Sides of their windows in tokens. Official: 7, 14, 7.
    pub windows: [usize; 3],
    /// Outputs of the unused classifier that checkpoints carry. Official: 1000.
    pub classes: usize,
}

impl Default for TinyVitConfig {
    fn default() -> Self {
        Self {
            embed_dims: [64, 128, 160, 320],
            depths: [2, 2, 6, 2],
            heads: [4, 5, 10],
            windows: [7, 14, 7],
            classes: 1000,
        }
    }
}
