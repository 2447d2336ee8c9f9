//! The vision transformer with packed weights.

use burn::tensor::{DType, Tensor};

use super::attention::fitted;
use super::module::{Block, Vit};
use crate::image_encoder::packed::{Attention, Map, Packed, Perceptron, values};
use crate::image_encoder::state::EncoderState;
use crate::kernels::bf16::layer::{Layer, Norm};
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
    fn new(block: &Block) -> Self {
        let of = &block.attn;
        let qkv = Layer::of(&of.qkv);
        // A cell beyond the edge is zeros where the layer takes it: keys and values are its bias.
        let mut beyond = vec![0; qkv.output()];
        if let Some(bias) = &of.qkv.bias {
            round(&values(bias.val()), &mut beyond);
        }
        Self {
            attention: Attention {
                norm: Norm::of(&block.norm1),
                qkv,
                beyond,
                projection: Layer::of(&of.proj),
                heads: of.heads,
                window: block.window,
            },
            perceptron: Perceptron {
                norm: Norm::of(&block.norm2),
                first: Layer::of(&block.mlp.lin1),
                second: Layer::of(&block.mlp.lin2),
            },
            tables: [&of.rel_pos_h, &of.rel_pos_w].map(|table| table.val()),
        }
    }

    fn run(&self, instructions: Instructions, map: &mut Map, tf32: Tf32) {
        let [_, h, w] = map.sides;
        let sides = if self.attention.window == 0 { [h, w] } else { [self.attention.window; 2] };
        let [rows, columns] =
            [0, 1].map(|axis: usize| values(fitted(self.tables[axis].clone(), sides[axis], tf32)));
        let positions = Added::Differences { rows: &rows, columns: &columns };
        self.attention.onto(instructions, map, positions, |x, work| {
            self.perceptron.onto(instructions, x, work);
        });
    }
}
