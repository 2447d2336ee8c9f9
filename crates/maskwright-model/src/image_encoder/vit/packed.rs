//! The vision transformer with packed weights.

use burn::tensor::{DType, Tensor};
use rayon::prelude::*;

use super::attention::fitted;
use super::module::{Block, Vit};
use crate::error::Result;
use crate::image_encoder::packed::{
    Attention, Layers, Map, Packed, PackedFrom, Perceptron, values,
};
use crate::image_encoder::state::EncoderState;
use crate::kernels::bf16::layer::Norm;
use crate::kernels::bf16::window_attention::Added;
use crate::kernels::bf16::{Instructions, round};
use crate::ops::Tf32;
use crate::ops::products::cast;

/// The encoder; its patch embedding and neck compute in f32.
#[derive(Debug)]
pub(in crate::image_encoder) struct PackedVit {
    instructions: Instructions,
    /// Without blocks.
    ends: Vit,
    blocks: Vec<PackedBlock>,
}

#[derive(Debug)]
struct PackedBlock {
    attention: Attention,
    perceptron: Perceptron,
    /// `[2 side - 1, d]` each.
    tables: [Tensor<2>; 2],
}

impl PackedFrom<Vit> for PackedVit {
    fn pack(vit: &Vit, instructions: Instructions, layers: &Layers<'_>) -> Result<Self> {
        let blocks = vit.blocks.par_iter().enumerate();
        let blocks =
            blocks.map(|(i, block)| PackedBlock::new(block, &format!("blocks.{i}"), layers));
        let blocks = blocks.collect::<Result<_>>()?;
        let ends = Vit { blocks: Vec::new(), ..vit.clone() };
        Ok(Self { instructions, ends, blocks })
    }

    fn packs_alone(name: &str) -> bool {
        const LAYERS: [&str; 4] = ["attn.qkv", "attn.proj", "mlp.lin1", "mlp.lin2"];
        let layer = name.strip_prefix("blocks.").and_then(|rest| rest.strip_suffix(".weight"));
        layer
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(_, layer)| LAYERS.contains(&layer))
    }
}

impl Packed for PackedVit {
    fn advance(&self, state: EncoderState, pieces: usize, tf32: Tf32) -> EncoderState {
        let mut state = state;
        if state.pieces == 0 && pieces > 0 {
            state = self.ends.run(0, state, tf32);
        }
        let last = pieces.min(self.blocks.len() + 1);
        if state.pieces < last {
            let mut map = Map::new(cast(state.x, DType::F32));
            for block in &self.blocks[state.pieces - 1..last - 1] {
                block.run(self.instructions, &mut map, tf32);
                if block.attention.window == 0 && state.early.is_none() {
                    state.early = Some(map.tensor());
                }
            }
            state = EncoderState { pieces: last, x: map.into_tensor(), early: state.early };
        }
        if state.pieces < pieces {
            // Without blocks, the piece behind the patch embedding is the neck.
            let EncoderState { x, early, .. } = self.ends.run(1, state, tf32);
            state = EncoderState { pieces, x, early };
        }
        state
    }
}

impl PackedBlock {
    fn new(block: &Block, name: &str, layers: &Layers<'_>) -> Result<Self> {
        let of = &block.attn;
        let layer = |of: &str, linear| layers(&format!("{name}.{of}"), linear);
        let qkv = layer("attn.qkv", &of.qkv)?;
        // A cell beyond the edge is zeros where the layer takes it: keys and values are its bias.
        let mut beyond = vec![0; qkv.output()];
        if let Some(bias) = &of.qkv.bias {
            round(&values(bias.val()), &mut beyond);
        }
        Ok(Self {
            attention: Attention {
                norm: Norm::of(&block.norm1),
                qkv,
                beyond,
                projection: layer("attn.proj", &of.proj)?,
                heads: of.heads,
                window: block.window,
            },
            perceptron: Perceptron {
                norm: Norm::of(&block.norm2),
                first: layer("mlp.lin1", &block.mlp.lin1)?,
                second: layer("mlp.lin2", &block.mlp.lin2)?,
            },
            tables: [&of.rel_pos_h, &of.rel_pos_w].map(|table| table.val()),
        })
    }

    fn run(&self, instructions: Instructions, map: &mut Map, tf32: Tf32) {
        let [_, h, w] = map.sides;
        let sides = if self.attention.window == 0 { [h, w] } else { [self.attention.window; 2] };
        let [rows, columns] =
            [0, 1].map(|axis: usize| values(fitted(self.tables[axis].clone(), sides[axis], tf32)));
        let positions = Added::Differences { rows: &rows, columns: &columns };
        let hidden = self.perceptron.first.output();
        self.attention.onto(instructions, map, positions, hidden, |x, work| {
            self.perceptron.onto(instructions, x, work);
        });
    }
}
