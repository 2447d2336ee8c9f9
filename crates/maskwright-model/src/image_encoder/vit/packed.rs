//! The vision transformer with packed weights.

use burn::tensor::{DType, Tensor};

use super::attention::fitted;
use super::module::{Block, Vit};
use crate::image_encoder::packed::{Map, Packed, Perceptron, values};
use crate::image_encoder::state::EncoderState;
use crate::kernels::bf16::layer::{Layer, Norm};
use crate::kernels::bf16::window_attention::{Added, WindowAttention};
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
    norm: Norm,
    qkv: Layer,
    /// The bias of `qkv`: keys and values beyond the edge.
    beyond: Vec<u16>,
    projection: Layer,
    perceptron: Perceptron,
    /// `[2 side - 1, d]` each.
    tables: [Tensor<2>; 2],
    heads: usize,
    window: usize,
}

impl PackedVit {
    pub(in crate::image_encoder) fn new(vit: &Vit, instructions: Instructions) -> Self {
        let blocks = vit.blocks.iter().map(PackedBlock::new).collect();
        let ends = Vit { blocks: Vec::new(), ..vit.clone() };
        Self { instructions, ends, blocks }
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
                if block.window == 0 && state.early.is_none() {
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
    fn new(block: &Block) -> Self {
        let attention = &block.attn;
        let bias = match &attention.qkv.bias {
            Some(bias) => values(bias.val()),
            None => vec![0.0; attention.qkv.weight.dims()[1]],
        };
        let mut beyond = vec![0; bias.len()];
        round(&bias, &mut beyond);
        Self {
            norm: Norm::of(&block.norm1),
            qkv: Layer::of(&attention.qkv),
            beyond,
            projection: Layer::of(&attention.proj),
            perceptron: Perceptron {
                norm: Norm::of(&block.norm2),
                first: Layer::of(&block.mlp.lin1),
                second: Layer::of(&block.mlp.lin2),
            },
            tables: [&attention.rel_pos_h, &attention.rel_pos_w].map(|table| table.val()),
            heads: attention.heads,
            window: block.window,
        }
    }

    fn run(&self, instructions: Instructions, map: &mut Map, tf32: Tf32) {
        let [_, h, w] = map.sides;
        let [rows, columns] = if self.window == 0 { [h, w] } else { [self.window; 2] };
        let [of_rows, of_columns] = self.tables.clone();
        let rows = values(fitted(of_rows, rows, tf32));
        let columns = values(fitted(of_columns, columns, tf32));
        map.project(instructions, &self.norm, &self.qkv);
        let attention = WindowAttention {
            instructions,
            heads: self.heads,
            window: self.window,
            beyond: &self.beyond,
            positions: Added::Differences { rows: &rows, columns: &columns },
        };
        attention.run(&map.qkv, map.sides, &mut map.attended);
        map.add_attended(instructions, &self.projection, |x, work| {
            self.perceptron.onto(instructions, x, work);
        });
    }
}
