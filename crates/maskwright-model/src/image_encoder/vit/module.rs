//! SAM's vision transformer: patches, blocks with window or global attention, and a neck.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::attention::Attention;
use super::config::VitConfig;
use crate::image_encoder::neck::Neck;
use crate::image_encoder::specification::Frame;
use crate::image_encoder::state::EncoderState;
use crate::init::Init;
use crate::layers::{Conv2d, LayerNorm, MlpBlock};
use crate::ops::products::cast;
use crate::ops::{self, Tf32};

/// Of the image encoder's norms.
const EPSILON: f64 = 1e-6;

/// The encoder.
#[derive(Module, Debug)]
pub struct Vit {
    /// Patches to tokens.
    pub patch_embed: PatchEmbed,
    /// A learned vector per cell, `[1, g, g, embed_dim]`.
    pub pos_embed: Param<Tensor<4>>,
    /// The transformer.
    pub blocks: Vec<Block>,
    /// To the embedding's channels.
    pub neck: Neck,
}

/// A linear map of each square of pixels.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    /// Kernel and stride are the patch size.
    pub proj: Conv2d,
}

/// One transformer block.
#[derive(Module, Debug)]
pub struct Block {
    /// Before attention.
    pub norm1: LayerNorm,
    /// Within windows or global.
    pub attn: Attention,
    /// Before the perceptron.
    pub norm2: LayerNorm,
    /// With GELU.
    pub mlp: MlpBlock,
    /// Side of the windows; 0 for global attention.
    pub(super) window: usize,
}

impl Vit {
    pub(super) fn new(init: Init<'_>, frame: &Frame, vit: &VitConfig) -> Self {
        let (grid, dim) = (frame.grid(), vit.embed_dim);
        let patch = Conv2d::patches(init.part("patch_embed.proj"), 3, dim, frame.patch_size, true);
        let blocks = (0..vit.depth)
            .map(|i| {
                let global = vit.global_blocks.contains(&i);
                let window = if global { 0 } else { vit.window_size };
                Block::new(init.part("blocks").part(i), vit, window, grid)
            })
            .collect();
        Self {
            patch_embed: PatchEmbed { proj: patch },
            pos_embed: init.constant([1, grid, grid, dim], 0.0),
            blocks,
            neck: Neck::new(init.part("neck"), dim, frame.embedding_dim),
        }
    }

    /// The number of pieces: the patch embedding with its positions, each block, the neck.
    pub(in crate::image_encoder) fn pieces(&self) -> usize {
        self.blocks.len() + 2
    }

    /// The piece that the parameter of this name belongs to.
    pub(in crate::image_encoder) fn piece_of(&self, name: &str) -> Option<usize> {
        let (part, rest) = name.split_once('.').unwrap_or((name, ""));
        match part {
            "patch_embed" | "pos_embed" => Some(0),
            "blocks" => rest.split('.').next()?.parse::<usize>().ok().map(|block| block + 1),
            "neck" => Some(self.blocks.len() + 1),
            _ => None,
        }
    }

    /// Runs one piece: at the end `x` is the embedding `[b, g, g, prompt_dim]`, and the early feature the output of the first
    /// global block `[b, g, g, embed_dim]`.
    pub(in crate::image_encoder) fn run(
        &self,
        piece: usize,
        state: EncoderState,
        tf32: Tf32,
    ) -> EncoderState {
        let EncoderState { x, early, .. } = state;
        let (x, early) = match piece.checked_sub(1).map(|block| self.blocks.get(block)) {
            None => (self.tokens(x, tf32), early),
            Some(Some(block)) => {
                let x = block.forward(x, tf32);
                let gives_early = block.window == 0 && early.is_none();
                let early = if gives_early { Some(x.clone()) } else { early };
                (x, early)
            }
            Some(None) => {
                // A configuration without a global block is refused before a model is made of it.
                let early = early.unwrap_or_else(|| x.clone());
                (self.neck.forward(x, tf32), Some(early))
            }
        };
        EncoderState { pieces: piece + 1, x, early }
    }

    fn tokens(&self, images: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let pixels = images.permute([0, 2, 3, 1]);
        let positions = self.pos_embed.val();
        // Between the blocks in the positions' type, f32, whatever that of the products.
        let patches = self.patch_embed.proj.forward(pixels, tf32);
        ops::add(cast(patches, positions.dtype()), positions)
    }
}

impl Block {
    fn new(init: Init<'_>, vit: &VitConfig, window: usize, grid: usize) -> Self {
        let side = if window == 0 { grid } else { window };
        let dim = vit.embed_dim;
        Self {
            norm1: LayerNorm::new(init.part("norm1"), dim, EPSILON),
            attn: Attention::new(init.part("attn"), dim, vit.heads, side),
            norm2: LayerNorm::new(init.part("norm2"), dim, EPSILON),
            mlp: MlpBlock::new(init.part("mlp"), dim, vit.mlp_dim, false),
            window,
        }
    }

    /// `[b, h, w, c]` to the same.
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let normed = self.norm1.forward(x.clone());
        let dtype = x.dtype();
        let x = ops::add(x, cast(self.attn.forward(normed, self.window, tf32), dtype));
        let normed = self.norm2.forward(x.clone());
        ops::add(x, cast(self.mlp.forward(normed, tf32), dtype))
    }
}
