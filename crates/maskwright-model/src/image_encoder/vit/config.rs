//! The sizes of SAM's vision transformer.

use serde::{Deserialize, Serialize};

/// The vision transformer of SAM (ViTDet, arXiv:2203.16527).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Channels of a token.
    pub embed_dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads; divides `embed_dim`.
    pub heads: usize,
    /// Hidden channels of each block's perceptron. Official: `4 * embed_dim`.
    pub mlp_dim: usize,
    /// Blocks that attend over the whole image, ascending; the others attend within windows. The
    /// output of the first one feeds the HQ head, so there is at least one.
    pub global_blocks: Vec<usize>,
    /// Side of a window in tokens. Official: 14.
    pub window_size: usize,
}

impl VitConfig {
    fn official(embed_dim: usize, depth: usize, heads: usize, global_blocks: [usize; 4]) -> Self {
        Self {
            embed_dim,
            depth,
            heads,
            mlp_dim: 4 * embed_dim,
            global_blocks: global_blocks.to_vec(),
            window_size: 14,
        }
    }

    /// SAM's ViT-B.
    pub fn base() -> Self {
        Self::official(768, 12, 12, [2, 5, 8, 11])
    }

    /// SAM's ViT-L.
    pub fn large() -> Self {
        Self::official(1024, 24, 16, [5, 11, 17, 23])
    }

    /// SAM's ViT-H.
    pub fn huge() -> Self {
        Self::official(1280, 32, 16, [7, 15, 23, 31])
    }
}
