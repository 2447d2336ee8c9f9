//! TinyViT with packed weights.

use std::cell::RefCell;
use std::ops::Range;

use burn::tensor::{DType, Tensor};
use rayon::prelude::*;

use super::module::{ConvNorm, Piece, StageBlock, Stem, TinyBlock, TinyVit};
use crate::error::Result;
use crate::image_encoder::neck::Neck;
use crate::image_encoder::packed::{
    Attention, Layers, Map, Packed, PackedFrom, Perceptron, values, with_work,
};
use crate::image_encoder::state::EncoderState;
use crate::kernels::bf16::layer::{Layer, Norm, ROWS_AT_ONCE, RoundedRows};
use crate::kernels::bf16::window_attention::{Added, Pairs};
use crate::kernels::bf16::{Instructions, round};
use crate::kernels::math::gelu_to_be_rounded;
use crate::kernels::panel::{Row, panels};
use crate::kernels::stem::{self, PLANES};
use crate::kernels::{depthwise, gelu, lines_around};
use crate::ops::Tf32;
use crate::ops::products::cast;

/// The encoder; the first convolution and the neck compute in f32.
#[derive(Debug)]
pub(in crate::image_encoder) struct PackedTinyVit {
    instructions: Instructions,
    pieces: Vec<PackedPiece>,
}

/// What the pieces of the module became, in order.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // Two dozen per model.
enum PackedPiece {
    Stem(PackedStem),
    Convolutions(Bottleneck),
    /// The change of resolution after a stage; that after the second gives the early feature.
    Merging {
        stage: usize,
        convolutions: Bottleneck,
    },
    Attention(PackedBlock),
    Neck(Neck),
}

/// All of its weights are small: they come from the module.
impl PackedFrom<TinyVit> for PackedTinyVit {
    fn pack(tiny: &TinyVit, instructions: Instructions, _: &Layers<'_>) -> Result<Self> {
        let packed = |piece: Piece<'_>| match piece {
            Piece::Stem => PackedPiece::Stem(PackedStem::new(&tiny.patch_embed.seq)),
            Piece::Block { block: StageBlock::Conv(block), .. } => {
                let of = [&block.conv1, &block.conv2, &block.conv3];
                PackedPiece::Convolutions(Bottleneck::new(of, true))
            }
            Piece::Block { block: StageBlock::Attention(block), .. } => {
                PackedPiece::Attention(PackedBlock::new(block, instructions))
            }
            Piece::Merging { stage, merging } => {
                let of = [&merging.conv1, &merging.conv2, &merging.conv3];
                PackedPiece::Merging { stage, convolutions: Bottleneck::new(of, false) }
            }
            Piece::Neck => PackedPiece::Neck(tiny.neck.clone()),
        };
        Ok(Self { instructions, pieces: tiny.walk().into_iter().map(packed).collect() })
    }
}

impl Packed for PackedTinyVit {
    fn advance(&self, state: EncoderState, pieces: usize, tf32: Tf32) -> EncoderState {
        let EncoderState { pieces: done, x, mut early } = state;
        if done >= pieces {
            return EncoderState { pieces: done, x, early };
        }
        let mut pieces_left = self.pieces[done..pieces].iter();
        let x = cast(x, DType::F32);
        let mut map = match self.pieces[done] {
            PackedPiece::Stem(ref stem) => {
                pieces_left.next();
                stem.run(self.instructions, x)
            }
            _ => Map::new(x),
        };
        for piece in pieces_left {
            match piece {
                PackedPiece::Stem(_) => unreachable!("the stem comes first"),
                PackedPiece::Convolutions(all) => all.run(self.instructions, &mut map),
                PackedPiece::Merging { stage, convolutions } => {
                    convolutions.run(self.instructions, &mut map);
                    if *stage == 1 {
                        early = Some(map.tensor());
                    }
                }
                PackedPiece::Attention(block) => block.run(self.instructions, &mut map),
                PackedPiece::Neck(neck) => map = Map::new(neck.forward(map.into_tensor(), tf32)),
            }
        }
        EncoderState { pieces, x: map.into_tensor(), early }
    }
}

/// The weight of a convolution with its norm, `[inputs, outputs]`, and its bias, packed.
fn layer(of: &ConvNorm) -> Layer {
    let (weight, bias) = of.folded();
    let output = weight.dims()[3];
    Layer::new(&values(weight), output, Some(&values(bias)))
}

/// Lines that a thread works on.
#[derive(Default)]
struct Lines {
    /// Lines of what lies between two convolutions, line y at place y modulo 4.
    between: [Vec<f32>; 4],
    /// The same, rounded.
    rounded: [Vec<u16>; 4],
    line: Vec<f32>,
    pixels: Vec<f32>,
    before: RoundedRows,
    after: RoundedRows,
    sums: Vec<Row>,
}

fn with_lines(body: impl FnOnce(&mut Lines)) {
    thread_local! {
        static LINES: RefCell<Lines> = RefCell::default();
    }
    LINES.with_borrow_mut(body);
}

/// How many of so many lines one task of convolutions takes: those beside them are computed twice.
fn lines_per_task(lines: usize) -> usize {
    lines.div_ceil(4 * rayon::current_num_threads()).clamp(4, 16)
}

/// Cells of a line that are computed at once: few enough that the lines around stay in the second cache.
const CELLS_AT_ONCE: usize = 60;

/// Some lines of a result.
struct Task<'a> {
    image: usize,
    /// The lines, within the image.
    lines: Range<usize>,
    out: &'a mut [f32],
}

/// Makes a map of images with `h` lines of so many numbers, by tasks of some lines; they write all of it. `out` is memory that is there already.
fn by_lines(
    mut out: Vec<f32>,
    [images, h, line]: [usize; 3],
    per_task: usize,
    task: impl Fn(Task<'_>) + Sync,
) -> Vec<f32> {
    out.resize(images * h * line, 0.0);
    let by_image = out.par_chunks_mut(h * line).enumerate();
    by_image.for_each(|(image, out)| {
        let tasks = out.par_chunks_mut(per_task * line).enumerate();
        tasks.for_each(|(at, out)| {
            let first = at * per_task;
            task(Task { image, lines: first..first + out.len() / line, out });
        });
    });
    out
}

/// Calls `of` for each line of a result with the places (modulo 4) of the three lines around it; those are made by `make` before, each once.
fn around(
    lines: &mut Lines,
    result: Range<usize>,
    (stride, height): (usize, usize),
    mut make: impl FnMut(&mut Lines, usize),
    mut of: impl FnMut(&mut Lines, usize, [Option<usize>; 3]),
) {
    let mut made = (result.start * stride).saturating_sub(1);
    for y in result {
        let middle = y * stride;
        while made < height.min(middle + 2) {
            make(lines, made);
            made += 1;
        }
        let place = |line: usize| (line < height).then_some(line % 4);
        of(lines, y, [middle.checked_sub(1).and_then(place), place(middle), place(middle + 1)]);
    }
}

/// 1 x 1, 3 x 3 for each channel, 1 x 1, with GELU between; and, where its input is added at the end, GELU after that.
#[derive(Debug)]
struct Bottleneck {
    first: Layer,
    /// `[9, channels]`.
    between: Vec<f32>,
    shift: Vec<f32>,
    stride: usize,
    last: Layer,
    residual: bool,
}

impl Bottleneck {
    fn new([first, between, last]: [&ConvNorm; 3], residual: bool) -> Self {
        let (weight, shift) = between.folded();
        Self {
            first: layer(first),
            between: values(weight),
            shift: values(shift),
            stride: between.stride,
            last: layer(last),
            residual,
        }
    }

    fn run(&self, instructions: Instructions, map: &mut Map) {
        let [images, h, w] = map.sides;
        let (input, hidden, output) = (self.first.input(), self.first.output(), self.last.output());
        let [to_h, to_w] = [h, w].map(|side| side.div_ceil(self.stride));
        let spare = std::mem::take(&mut map.spare);
        let x = &map.x;
        let sizes = [images, to_h, to_w * output];
        let out =
            by_lines(spare, sizes, lines_per_task(to_h), |Task { image, lines: range, out }| {
                let x = &x[image * h * w * input..][..h * w * input];
                let first = range.start;
                for left in (0..to_w).step_by(CELLS_AT_ONCE) {
                    let cells = CELLS_AT_ONCE.min(to_w - left);
                    // The input's cells that they need.
                    let from = (left * self.stride).saturating_sub(1);
                    let before = left * self.stride - from;
                    let count = w.min((left + cells - 1) * self.stride + 2) - from;
                    let make = |lines: &mut Lines, y: usize| {
                        let Lines { between, before, sums, .. } = lines;
                        before.fill(&x[(y * w + from) * input..][..count * input], input);
                        let to = &mut between[y % 4];
                        to.resize(count * hidden, 0.0);
                        let a = before.values();
                        self.first.onto(instructions, a, count, sums, to, |new, _| {
                            gelu_to_be_rounded(new)
                        });
                    };
                    let finish = |lines: &mut Lines, y: usize, three: [Option<usize>; 3]| {
                        let Lines { between, line, after, sums, .. } = lines;
                        let three = three.map(|place| Some(between[place?].as_slice()));
                        line.resize(cells * hidden, 0.0);
                        let (weights, bias) = (&self.between, &self.shift);
                        let stride = self.stride;
                        depthwise::Line { lines: three, before, weights, bias, stride }.run(line);
                        gelu::of_what_is_rounded(line);
                        after.fill(line, hidden);
                        let to = &mut out[((y - first) * to_w + left) * output..][..cells * output];
                        let a = after.values();
                        if self.residual {
                            to.copy_from_slice(&x[(y * w + left) * input..][..cells * input]);
                            let last = |new: f32, old: f32| gelu_to_be_rounded(new + old);
                            self.last.onto(instructions, a, cells, sums, to, last);
                        } else {
                            self.last.onto(instructions, a, cells, sums, to, |new, _| new);
                        }
                    };
                    let range = range.clone();
                    with_lines(|lines| around(lines, range, (self.stride, h), make, finish));
                }
            });
        map.spare = std::mem::replace(&mut map.x, out);
        map.sides[1..].copy_from_slice(&[to_h, to_w]);
    }
}

/// Two 3 x 3 convolutions with stride 2, GELU between. The first is in f32: pixels are not rounded.
#[derive(Debug)]
struct PackedStem {
    /// `[27, channels]`, as panels.
    weight: Vec<Row>,
    bias: Vec<f32>,
    second: Layer,
}

impl PackedStem {
    fn new(stem: &Stem) -> Self {
        let (weight, bias) = stem.m0.folded();
        let bias = values(bias);
        Self { weight: panels(&values(weight), bias.len()), bias, second: layer(&stem.m2) }
    }

    /// Images `[b, 3, h, w]` to the map.
    fn run(&self, instructions: Instructions, images: Tensor<4>) -> Map {
        let [count, _, h, w] = images.dims();
        let images = values(images);
        let (middle, output) = (self.bias.len(), self.second.output());
        let [mid_h, mid_w] = [h, w].map(|side| side.div_ceil(2));
        let [to_h, to_w] = [mid_h, mid_w].map(|side| side.div_ceil(2));
        let (sizes, per_task) = ([count, to_h, to_w * output], lines_per_task(to_h));
        let x = by_lines(Vec::new(), sizes, per_task, |Task { image, lines: range, out }| {
            let image = &images[image * PLANES * h * w..][..PLANES * h * w];
            let make = |lines: &mut Lines, y: usize| {
                let Lines { pixels, line, rounded, .. } = lines;
                line.resize(mid_w * middle, 0.0);
                let (panels, bias) = (&self.weight, &self.bias);
                stem::Line { image, sides: [h, w], y, panels, bias, pixels, out: line }.run();
                gelu::of_what_is_rounded(line);
                // With a cell of zeros at either end.
                let to = &mut rounded[y % 4];
                to.clear();
                to.resize((mid_w + 2) * middle, 0);
                round(line, &mut to[middle..(mid_w + 1) * middle]);
            };
            let first = range.start;
            let finish = |lines: &mut Lines, y: usize, three: [Option<usize>; 3]| {
                let Lines { rounded, after, sums, .. } = lines;
                after.sized(to_w, 9 * middle);
                for (x, to) in after.rows_mut().take(to_w).enumerate() {
                    for (to, place) in to.chunks_exact_mut(3 * middle).zip(three) {
                        match place {
                            Some(place) => {
                                to.copy_from_slice(&rounded[place][2 * x * middle..][..3 * middle]);
                            }
                            None => to.fill(0),
                        }
                    }
                }
                let to = &mut out[(y - first) * to_w * output..][..to_w * output];
                self.second.onto(instructions, after.values(), to_w, sums, to, |new, _| new);
            };
            with_lines(|lines| around(lines, range, (2, mid_h), make, finish));
        });
        Map::of(x, [count, to_h, to_w])
    }
}

/// Attention within windows, a convolution of each channel, a perceptron.
#[derive(Debug)]
struct PackedBlock {
    /// Cells beyond the edge are zeros before the norm.
    attention: Attention,
    pairs: Pairs,
    /// `[9, channels]`.
    local: Vec<f32>,
    shift: Vec<f32>,
    perceptron: Perceptron,
}

impl PackedBlock {
    fn new(block: &TinyBlock, instructions: Instructions) -> Self {
        let of = &block.attn;
        let (norm, qkv) = (Norm::of(&of.norm), Layer::of(&of.qkv));
        let mut beyond = vec![0; qkv.output()];
        with_work(|work| {
            norm.rounded(&vec![0.0; qkv.input()], &mut work.normed, &mut work.rows);
            let to = (&mut beyond[..], qkv.output());
            qkv.rounded(instructions, work.rows.values(), 1, &mut work.sums, to, |v| v);
        });
        let (local, shift) = block.local_conv.folded();
        let (heads, window) = (of.heads, of.window);
        let projection = Layer::of(&of.proj);
        Self {
            attention: Attention { norm, qkv, beyond, projection, heads, window },
            pairs: Pairs::new(&values(of.biases()), window * window),
            local: values(local),
            shift: values(shift),
            perceptron: Perceptron {
                norm: Norm::of(&block.mlp.norm),
                first: Layer::of(&block.mlp.fc1),
                second: Layer::of(&block.mlp.fc2),
            },
        }
    }

    fn run(&self, instructions: Instructions, map: &mut Map) {
        self.attention.onto(instructions, map, Added::Pairs(&self.pairs), 0, |_, _| {});
        let [images, h, w] = map.sides;
        let spare = std::mem::take(&mut map.spare);
        let (c, x) = (self.shift.len(), &map.x);
        // Whole lines, as many as make a product worth its weights.
        let per_task = ROWS_AT_ONCE.div_ceil(w);
        let out = by_lines(spare, [images, h, w * c], per_task, |Task { image, lines, out }| {
            let image = &x[image * h * w * c..][..h * w * c];
            for (y, to) in lines.zip(out.chunks_exact_mut(w * c)) {
                let lines = lines_around(image, w * c, y);
                let (weights, bias) = (&self.local, &self.shift);
                depthwise::Line { lines, before: 0, weights, bias, stride: 1 }.run(to);
            }
            with_work(|work| self.perceptron.onto(instructions, out, work));
        });
        map.spare = std::mem::replace(&mut map.x, out);
    }
}
