//! A frozen image encoder whose products have bf16 factors, for a CPU that multiplies these.
//!
//! It computes what the encoder's module does, from weights that are packed once, and forward alone: on slices, one pass over some
//! rows of a map for all that follows row by row, so that hidden channels never leave the cache. Norms, softmax, GELU, positions and
//! the sums between the blocks are f32. Each kind of encoder has its own in its folder; what they share is here.

use std::cell::RefCell;
use std::fmt::Debug;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::state::EncoderState;
use crate::error::Result;
use crate::kernels::Array;
use crate::kernels::bf16::Instructions;
use crate::kernels::bf16::layer::{Layer, Norm, RoundedRows, parts, shared};
use crate::kernels::bf16::window_attention::{Added, Attended, WindowAttention};
use crate::kernels::math::gelu_to_be_rounded;
use crate::kernels::panel::Row;
use crate::layers::{LayerNorm, Linear};
use crate::ops::Tf32;

/// A frozen encoder with packed weights.
pub(in crate::image_encoder) trait Packed: Debug + Send + Sync {
    /// Runs the pieces that are left of the first `pieces`; see [`super::ImageEncoder::advance`].
    fn advance(&self, state: EncoderState, pieces: usize, tf32: Tf32) -> EncoderState;
}

/// The layers of an encoder, by their names within it (`blocks.0.attn.qkv`), on their way to be packed.
pub(in crate::image_encoder) type Layers<'a> = dyn Fn(&str, &Linear) -> Result<Layer> + Sync + 'a;

/// A packed encoder of a kind whose module is `M`.
pub(in crate::image_encoder) trait PackedFrom<M>: Packed + Sized {
    /// Packs it, its linear layers as `layers` gives them.
    ///
    /// # Errors
    /// Those of `layers`.
    fn pack(module: &M, instructions: Instructions, layers: &Layers<'_>) -> Result<Self>;

    /// Whether the weight of this name within the encoder is taken by `layers` alone, so that its parameter is not asked for.
    fn packs_alone(_name: &str) -> bool {
        false
    }
}

/// The values of a parameter or a map.
pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().expect("a float tensor of the CPU")
}

impl Layer {
    /// Packs a linear layer.
    pub(in crate::image_encoder) fn of(linear: &Linear) -> Self {
        let bias = linear.bias.as_ref().map(|bias| values(bias.val()));
        let weight = linear.weight.val();
        let output = weight.dims()[1];
        let weight = Array::of(weight.without_autodiff());
        Self::new(weight.values(), output, bias.as_deref())
    }
}

impl Norm {
    /// The same norm on slices.
    pub(super) fn of(norm: &LayerNorm) -> Self {
        let of = |param: &Param<Tensor<1>>| values(param.val());
        Self { weight: of(&norm.weight), bias: of(&norm.bias), epsilon: norm.epsilon as f32 }
    }
}

/// A map `[images, h, w, channels]` on its way through blocks, and what is reused from block to block.
pub(super) struct Map {
    pub(super) x: Vec<f32>,
    /// Memory for the next one.
    pub(super) spare: Vec<f32>,
    /// Images, rows and columns.
    pub(super) sides: [usize; 3],
    qkv: Vec<u16>,
    attended: Attended,
}

impl Map {
    pub(super) fn new(x: Tensor<4>) -> Self {
        let [images, h, w, _] = x.dims();
        Self::of(values(x), [images, h, w])
    }

    /// The map of these values.
    pub(super) fn of(x: Vec<f32>, sides: [usize; 3]) -> Self {
        Self { x, spare: Vec::new(), sides, qkv: Vec::new(), attended: Attended::default() }
    }

    /// Returns the number of channels.
    fn channels(&self) -> usize {
        self.x.len() / self.sides.iter().product::<usize>()
    }

    /// Returns a copy of the map as a tensor.
    pub(super) fn tensor(&self) -> Tensor<4> {
        Self::of(self.x.clone(), self.sides).into_tensor()
    }

    /// Returns the map as a tensor.
    pub(super) fn into_tensor(self) -> Tensor<4> {
        let ([images, h, w], channels) = (self.sides, self.channels());
        Tensor::from_data(TensorData::new(self.x, [images, h, w, channels]), &Device::flex())
    }

    /// Replaces the rows of `qkv` by what a layer gives of the map's normalised ones.
    fn project(&mut self, instructions: Instructions, norm: &Norm, layer: &Layer) {
        let (input, output) = (layer.input(), layer.output());
        let rows = self.x.len() / input;
        self.qkv.resize(rows * output, 0);
        let tasks = shared(rows, input);
        let to = parts(&mut self.qkv, &tasks, output);
        let from = parts(&mut self.x, &tasks, input);
        to.into_par_iter().zip(from).with_max_len(1).for_each(|(to, x)| {
            with_work(|Work { normed, rows, sums, .. }| {
                norm.rounded(x, normed, rows);
                let count = x.len() / input;
                layer.rounded(instructions, rows.values(), count, sums, (to, output), |v| v);
            });
        });
    }

    /// Adds to each cell what a layer gives of the attention's result there; then `next` goes on with these rows and makes at
    /// most so many hidden channels of each.
    fn add_attended(
        &mut self,
        instructions: Instructions,
        layer: &Layer,
        hidden: usize,
        next: impl Fn(&mut [f32], &mut Work) + Sync,
    ) {
        let (input, output) = (layer.input(), layer.output());
        let tasks = shared(self.x.len() / output, hidden.max(input));
        let attended = &self.attended;
        let parts = parts(&mut self.x, &tasks, output).into_par_iter();
        parts.zip(tasks).with_max_len(1).for_each(|(x, cells)| {
            with_work(|work| {
                let count = cells.len();
                work.rows.sized(count, input);
                for (cell, to) in cells.zip(work.rows.rows_mut()) {
                    attended.gather(cell, to);
                }
                let (rows, sums) = (work.rows.values(), &mut work.sums);
                layer.onto(instructions, rows, count, sums, x, |new, old| new + old);
                next(x, work);
            });
        });
    }
}

/// What a thread works with.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) normed: Vec<f32>,
    pub(super) rows: RoundedRows,
    pub(super) hidden: RoundedRows,
    pub(super) sums: Vec<Row>,
}

/// Lends a thread what it works with. It is kept: new memory for every task would cost as much as some of them.
pub(super) fn with_work<R>(body: impl FnOnce(&mut Work) -> R) -> R {
    thread_local! {
        static WORK: RefCell<Work> = RefCell::default();
    }
    WORK.with_borrow_mut(body)
}

/// Norm, self-attention within windows, and the sum with what went in.
#[derive(Debug)]
pub(super) struct Attention {
    pub(super) norm: Norm,
    pub(super) qkv: Layer,
    /// What `qkv` makes of cells beyond the edge.
    pub(super) beyond: Vec<u16>,
    pub(super) projection: Layer,
    pub(super) heads: usize,
    /// Side of a window; 0 for the whole map.
    pub(super) window: usize,
}

impl Attention {
    /// Adds its result to the map; then `next` goes on with some rows of it at a time and makes at most so many hidden channels of
    /// each.
    pub(super) fn onto(
        &self,
        instructions: Instructions,
        map: &mut Map,
        positions: Added<'_>,
        hidden: usize,
        next: impl Fn(&mut [f32], &mut Work) + Sync,
    ) {
        map.project(instructions, &self.norm, &self.qkv);
        let attention = WindowAttention {
            instructions,
            heads: self.heads,
            window: self.window,
            beyond: &self.beyond,
            positions,
        };
        attention.run(&map.qkv, map.sides, &mut map.attended);
        map.add_attended(instructions, &self.projection, hidden, next);
    }
}

/// Norm, two layers with GELU between, and the sum with what went in.
#[derive(Debug)]
pub(super) struct Perceptron {
    pub(super) norm: Norm,
    pub(super) first: Layer,
    pub(super) second: Layer,
}

impl Perceptron {
    /// Adds its result to some rows.
    pub(super) fn onto(&self, instructions: Instructions, x: &mut [f32], work: &mut Work) {
        let Work { normed, rows, hidden, sums } = work;
        let count = x.len() / self.first.input();
        self.norm.rounded(x, normed, rows);
        let stride = hidden.sized(count, self.first.output()).stride();
        let to = (hidden.values_mut(), stride);
        self.first.rounded(instructions, rows.values(), count, sums, to, gelu_to_be_rounded);
        self.second.onto(instructions, hidden.values(), count, sums, x, |new, old| new + old);
    }
}
