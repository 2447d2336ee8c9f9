//! TinyViT (arXiv:2207.10666), the image encoder of Light HQ-SAM and MobileSAM.
//!
//! Convolutions at a quarter of the resolution, then three stages of window attention at 1/8, 1/16
//! and 1/16. Batch normalisation uses its stored statistics always, as the frozen encoder of Light
//! HQ-SAM does. The classifier's parameters are carried along unused, so that a checkpoint stays
//! complete.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};

use super::attention::WindowAttention;
use super::config::{EPSILON, TinyVitConfig};
use crate::image_encoder::neck::Neck;
use crate::image_encoder::specification::Frame;
use crate::image_encoder::state::EncoderState;
use crate::init::Init;
use crate::layers::{Conv2d, LayerNorm, Linear};
use crate::ops::products::cast;
use crate::ops::{self, Tf32};

/// The encoder.
#[derive(Module, Debug)]
pub struct TinyVit {
    /// To a quarter of the resolution.
    pub patch_embed: PatchStem,
    /// The four stages.
    pub layers: Vec<Stage>,
    /// Unused.
    pub norm_head: LayerNorm,
    /// Unused.
    pub head: Linear,
    /// To the embedding's channels.
    pub neck: Neck,
}

/// Two strided convolutions.
#[derive(Module, Debug)]
pub struct PatchStem {
    /// In order, with GELU between; their official names are 0 and 2.
    pub seq: Stem,
}

/// The convolutions of [`PatchStem`].
#[derive(Module, Debug)]
pub struct Stem {
    /// To half the resolution.
    pub m0: ConvNorm,
    /// To a quarter.
    pub m2: ConvNorm,
}

/// Blocks, and a change of resolution and channels after them.
#[derive(Module, Debug)]
pub struct Stage {
    /// In order.
    pub blocks: Vec<StageBlock>,
    /// After them, save in the last stage.
    pub downsample: Option<Merging>,
}

/// A block of the first stage, or of the others.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // A dozen per model.
pub enum StageBlock {
    /// Of the first.
    Conv(MbConv),
    /// Of the others.
    Attention(TinyBlock),
}

/// An inverted bottleneck.
#[derive(Module, Debug)]
pub struct MbConv {
    /// 1 x 1 to four times the channels.
    pub conv1: ConvNorm,
    /// 3 x 3 per channel.
    pub conv2: ConvNorm,
    /// 1 x 1 back.
    pub conv3: ConvNorm,
}

/// 1 x 1, strided 3 x 3 per channel, 1 x 1.
#[derive(Module, Debug)]
pub struct Merging {
    /// To the next channels.
    pub conv1: ConvNorm,
    /// To the next resolution.
    pub conv2: ConvNorm,
    /// After it.
    pub conv3: ConvNorm,
}

/// Window attention, a convolution per channel, a perceptron.
#[derive(Module, Debug)]
pub struct TinyBlock {
    /// Within windows.
    pub attn: WindowAttention,
    /// 3 x 3 per channel.
    pub local_conv: ConvNorm,
    /// With GELU.
    pub mlp: TinyMlp,
}

/// Norm and two linear layers.
#[derive(Module, Debug)]
pub struct TinyMlp {
    /// First.
    pub norm: LayerNorm,
    /// To four times the channels.
    pub fc1: Linear,
    /// And back.
    pub fc2: Linear,
}

/// A convolution without bias, and batch normalisation.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// `[k, k, in, out]`; `[3, 3, 1, channels]` per channel.
    pub c: Conv2d,
    /// After it.
    pub bn: BatchNorm,
    pub(super) stride: usize,
    per_channel: bool,
}

/// Batch normalisation by stored statistics.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale, `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub bias: Param<Tensor<1>>,
    /// Stored means.
    pub running_mean: Param<Tensor<1>>,
    /// Stored variances.
    pub running_var: Param<Tensor<1>>,
    /// How many batches made them; carried along.
    pub num_batches_tracked: Param<Tensor<1>>,
}

impl ConvNorm {
    fn new(init: Init<'_>, input: usize, output: usize, kernel: usize, stride: usize) -> Self {
        let weight = init.part("c");
        let c = if kernel == 1 {
            Conv2d::patches(weight, input, output, 1, false)
        } else {
            Conv2d::same3x3(weight, input, output, false)
        };
        let fixed = |value| init.constant([output], value).set_require_grad(false);
        let bn = BatchNorm {
            weight: init.constant([output], 1.0),
            bias: init.constant([output], 0.0),
            running_mean: fixed(0.0),
            running_var: fixed(1.0),
            num_batches_tracked: init.constant([1], 0.0).set_require_grad(false),
        };
        Self { c, bn, stride, per_channel: false }
    }

    fn per_channel(init: Init<'_>, channels: usize, stride: usize) -> Self {
        Self { per_channel: true, ..Self::new(init, 1, channels, 3, stride) }
    }

    /// The weight with the norm's scale in it, and the norm's shift: the norm is a scale and a shift of each channel.
    pub(super) fn folded(&self) -> (Tensor<4>, Tensor<1>) {
        let scale = self.bn.weight.val() / (self.bn.running_var.val() + EPSILON).sqrt();
        let shift = self.bn.bias.val() - self.bn.running_mean.val() * scale.clone();
        let weight = self.c.weight.val();
        let dtype = weight.dtype();
        (cast(cast(weight, scale.dtype()) * scale.unsqueeze::<4>(), dtype), shift)
    }

    /// `[b, h, w, in]` to `[b, h / stride, w / stride, out]`, rounded up.
    pub fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let (weight, shift) = self.folded();
        let dtype = weight.dtype();
        let [k, _, input, output] = weight.dims();
        if k == 1 {
            return ops::linear(x, weight.reshape([input, output]), Some(shift), tf32);
        }
        let shift = cast(shift, dtype);
        if self.per_channel {
            ops::depthwise3x3(x, weight.reshape([9, output]), shift, self.stride, tf32)
        } else if self.stride == 1 {
            ops::conv3x3(x, weight, Some(shift), tf32)
        } else {
            ops::strided3x3(x, weight, shift, self.stride, tf32)
        }
    }

    /// The first of the stem: images `[b, 3, h, w]` to `[b, h / 2, w / 2, out]`, rounded up.
    fn of_images(&self, images: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let (weight, shift) = self.folded();
        let shift = cast(shift, weight.dtype());
        ops::stem3x3(images, weight, shift, tf32)
    }
}

impl MbConv {
    fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let hidden = ops::gelu(self.conv1.forward(x.clone(), tf32));
        let hidden = ops::gelu(self.conv2.forward(hidden, tf32));
        ops::gelu(ops::add(self.conv3.forward(hidden, tf32), x))
    }
}

impl Merging {
    fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let x = ops::gelu(self.conv1.forward(x, tf32));
        self.conv3.forward(ops::gelu(self.conv2.forward(x, tf32)), tf32)
    }
}

impl TinyBlock {
    fn forward(&self, x: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let x = ops::add(x.clone(), cast(self.attn.forward(x.clone(), tf32), x.dtype()));
        let x = self.local_conv.forward(x, tf32);
        let hidden = self.mlp.fc1.forward(self.mlp.norm.forward(x.clone()), tf32);
        ops::add(x, self.mlp.fc2.forward(ops::gelu(hidden), tf32))
    }
}

impl Stage {
    fn new(init: Init<'_>, config: &TinyVitConfig, stage: usize) -> Self {
        let dim = config.embed_dims[stage];
        let blocks = (0..config.depths[stage])
            .map(|i| {
                let init = init.part("blocks").part(i);
                if stage == 0 {
                    return StageBlock::Conv(MbConv {
                        conv1: ConvNorm::new(init.part("conv1"), dim, 4 * dim, 1, 1),
                        conv2: ConvNorm::per_channel(init.part("conv2"), 4 * dim, 1),
                        conv3: ConvNorm::new(init.part("conv3"), 4 * dim, dim, 1, 1),
                    });
                }
                let mlp = init.part("mlp");
                StageBlock::Attention(TinyBlock {
                    attn: WindowAttention::new(
                        init.part("attn"),
                        dim,
                        config.heads[stage - 1],
                        config.windows[stage - 1],
                    ),
                    local_conv: ConvNorm::per_channel(init.part("local_conv"), dim, 1),
                    mlp: TinyMlp {
                        norm: LayerNorm::new(mlp.part("norm"), dim, EPSILON),
                        fc1: Linear::new(mlp.part("fc1"), dim, 4 * dim),
                        fc2: Linear::new(mlp.part("fc2"), 4 * dim, dim),
                    },
                })
            })
            .collect();
        let downsample = config.embed_dims.get(stage + 1).map(|&next| {
            let init = init.part("downsample");
            // The last change keeps the resolution, so that the embedding is at 1/16.
            let stride = if stage == 2 { 1 } else { 2 };
            Merging {
                conv1: ConvNorm::new(init.part("conv1"), dim, next, 1, 1),
                conv2: ConvNorm::per_channel(init.part("conv2"), next, stride),
                conv3: ConvNorm::new(init.part("conv3"), next, next, 1, 1),
            }
        });
        Self { blocks, downsample }
    }
}

impl TinyVit {
    pub(super) fn new(init: Init<'_>, frame: &Frame, tiny: &TinyVitConfig) -> Self {
        let [first, .., last] = tiny.embed_dims;
        let seq = init.part("patch_embed.seq");
        Self {
            patch_embed: PatchStem {
                seq: Stem {
                    m0: ConvNorm::new(seq.part(0), 3, first / 2, 3, 2),
                    m2: ConvNorm::new(seq.part(2), first / 2, first, 3, 2),
                },
            },
            layers: (0..4).map(|i| Stage::new(init.part("layers").part(i), tiny, i)).collect(),
            norm_head: LayerNorm::new(init.part("norm_head"), last, EPSILON),
            head: Linear::new(init.part("head"), last, tiny.classes),
            neck: Neck::new(init.part("neck"), last, frame.embedding_dim),
        }
    }

    /// What runs, in order.
    pub(super) fn walk(&self) -> Vec<Piece<'_>> {
        let mut pieces = vec![Piece::Stem];
        for (stage, layer) in self.layers.iter().enumerate() {
            let blocks = layer.blocks.iter().enumerate();
            pieces.extend(blocks.map(|(at, block)| Piece::Block { stage, at, block }));
            pieces
                .extend(layer.downsample.as_ref().map(|merging| Piece::Merging { stage, merging }));
        }
        pieces.push(Piece::Neck);
        pieces
    }

    /// The number of pieces: the stem, each block, each change of resolution, the neck.
    pub(in crate::image_encoder) fn pieces(&self) -> usize {
        self.walk().len()
    }

    /// The piece that the parameter of this name belongs to; none for those that are carried along unused.
    pub(in crate::image_encoder) fn piece_of(&self, name: &str) -> Option<usize> {
        self.walk().iter().position(|piece| name.starts_with(&piece.prefix()))
    }

    /// Runs one piece: at the end `x` is the embedding `[b, g, g, prompt_dim]`, and the early feature the output of the
    /// second stage `[b, g, g, embed_dims[2]]`.
    pub(in crate::image_encoder) fn run(
        &self,
        piece: usize,
        state: EncoderState,
        tf32: Tf32,
    ) -> EncoderState {
        let EncoderState { x, mut early, .. } = state;
        let x = match self.walk()[piece] {
            Piece::Stem => {
                let seq = &self.patch_embed.seq;
                let x = ops::gelu(seq.m0.of_images(x, tf32));
                seq.m2.forward(x, tf32)
            }
            Piece::Block { block: StageBlock::Conv(block), .. } => block.forward(x, tf32),
            Piece::Block { block: StageBlock::Attention(block), .. } => block.forward(x, tf32),
            Piece::Merging { stage, merging } => {
                let x = merging.forward(x, tf32);
                // The second stage ends in the early feature.
                if stage == 1 {
                    early = Some(cast(x.clone(), DType::F32));
                }
                x
            }
            Piece::Neck => self.neck.forward(x, tf32),
        };
        EncoderState { pieces: piece + 1, x, early }
    }
}

/// A part of the encoder that runs by itself.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    Stem,
    Block { stage: usize, at: usize, block: &'a StageBlock },
    Merging { stage: usize, merging: &'a Merging },
    Neck,
}

impl Piece<'_> {
    /// What the names of its parameters begin with.
    fn prefix(&self) -> String {
        match self {
            Self::Stem => "patch_embed.".into(),
            Self::Block { stage, at, .. } => format!("layers.{stage}.blocks.{at}."),
            Self::Merging { stage, .. } => format!("layers.{stage}.downsample."),
            Self::Neck => "neck.".into(),
        }
    }
}
