//! The prompt encoder: points, boxes and masks to embeddings.
//!
//! Coordinates are pixel indices in the frame of the model's input, with pixel (0, 0) at the top-left.
//! Half a pixel is added to get the pixel's centre, as in SAM.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::config::SamConfig;
use crate::error::{Error, Result};
use crate::init::Init;
use crate::layers::{Conv2d, Embedding, LayerNorm};
use crate::ops::{self, Tf32};

/// A prompt on one image: points, a box, a rough mask, or any of them together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptInput {
    /// Points on the object and on the background.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<PromptPoint>,
    /// The box `[left, top, right, bottom]`, as inclusive pixel indices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub box_xyxy: Option<[f32; 4]>,
    /// A mask of [`SamConfig::mask_size`] squared values in row order: logits, or 0 and 255 as
    /// HQ-SAM trains it. Shared, so that prompts are grouped and passed on without a copy of it.
    #[serde(skip_serializing_if = "Option::is_none", with = "mask_values")]
    pub mask: Option<Arc<[f32]>>,
}

/// Shared values as a list; reading gives each mask its own.
mod mask_values {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        mask: &Option<Arc<[f32]>>,
        into: S,
    ) -> Result<S::Ok, S::Error> {
        mask.as_deref().serialize(into)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Arc<[f32]>>, D::Error> {
        Ok(Option::<Vec<f32>>::deserialize(from)?.map(Arc::from))
    }
}

/// A point of a prompt, in pixel indices of the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptPoint {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
    /// 1 on the object, 0 on the background, -1 to be ignored (padding).
    pub label: i32,
}

impl PromptPoint {
    /// A point at (x, y).
    pub fn new(x: f32, y: f32, label: i32) -> Self {
        Self { x, y, label }
    }
}

impl PromptInput {
    /// A box alone.
    pub fn from_box(box_xyxy: [f32; 4]) -> Self {
        Self { box_xyxy: Some(box_xyxy), ..Self::default() }
    }

    /// Points alone; see [`PromptInput::points`].
    pub fn from_points(points: impl Into<Vec<PromptPoint>>) -> Self {
        Self { points: points.into(), ..Self::default() }
    }

    /// A mask alone; see [`PromptInput::mask`].
    pub fn from_mask(mask: impl Into<Arc<[f32]>>) -> Self {
        Self { mask: Some(mask.into()), ..Self::default() }
    }

    /// Returns the number of tokens of the prompt: one per point, two for a box, and one for "no point"
    /// after points without a box.
    pub fn token_count(&self) -> usize {
        match (self.points.len(), self.box_xyxy) {
            (0, None) => 0,
            (points, None) => points + 1,
            (points, Some(_)) => points + 2,
        }
    }
}

/// The embeddings of a batch of prompts that all have the same number of tokens.
#[derive(Debug, Clone)]
pub struct PromptEmbeddings {
    /// `[b, tokens, prompt_dim]`; `None` for prompts of masks alone, which have no token.
    pub sparse: Option<Tensor<3>>,
    /// `[b, g, g, prompt_dim]`, or `[1, 1, 1, prompt_dim]` where no prompt has a mask.
    pub dense: Tensor<4>,
    /// Number of prompts.
    pub batch: usize,
}

/// Encodes points, boxes and masks.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    /// Positions to channels.
    pub pe_layer: PositionEncoding,
    /// For a point off the object, on it, the box's top-left and its bottom-right.
    pub point_embeddings: Vec<Embedding>,
    /// In place of a point.
    pub not_a_point_embed: Embedding,
    /// Mask prompts to the embedding's grid.
    pub mask_downscaling: MaskDownscaling,
    /// In place of a mask.
    pub no_mask_embed: Embedding,
    image_size: usize,
    grid: usize,
}

/// Random Fourier features of a position (arXiv:2006.10739).
#[derive(Module, Debug)]
pub struct PositionEncoding {
    /// `[2, prompt_dim / 2]`, drawn once and never trained.
    pub positional_encoding_gaussian_matrix: Param<Tensor<2>>,
}

/// Three convolutions from `[4 g, 4 g, 1]` to `[g, g, prompt_dim]`.
#[derive(Module, Debug)]
pub struct MaskDownscaling {
    /// 2 x 2, stride 2.
    pub m0: Conv2d,
    /// After it.
    pub m1: LayerNorm,
    /// 2 x 2, stride 2.
    pub m3: Conv2d,
    /// After it.
    pub m4: LayerNorm,
    /// 1 x 1.
    pub m6: Conv2d,
}

impl PositionEncoding {
    /// Positions x, y in 0..1 to channels: `[n, 2]` to `[n, prompt_dim]`.
    pub fn forward(&self, positions: Tensor<2>, tf32: Tf32) -> Tensor<2> {
        let gaussian = self.positional_encoding_gaussian_matrix.val();
        let turns = ops::products::matmul(positions * 2.0 - 1.0, gaussian, tf32);
        let angles = turns * std::f64::consts::TAU;
        Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1)
    }
}

impl PromptEncoder {
    pub(crate) fn new(init: Init<'_>, config: &SamConfig) -> Self {
        let dim = config.prompt_dim;
        let hidden = config.decoder.mask_prompt_dim;
        let embedding = |name: &str| Embedding::new(init.part(name), 1, dim);
        let masks = init.part("mask_downscaling");
        let gaussian = init
            .part("pe_layer")
            .normal("positional_encoding_gaussian_matrix", [2, dim / 2], 1.0)
            .set_require_grad(false);
        Self {
            pe_layer: PositionEncoding { positional_encoding_gaussian_matrix: gaussian },
            point_embeddings: (0..4)
                .map(|i| Embedding::new(init.part("point_embeddings").part(i), 1, dim))
                .collect(),
            not_a_point_embed: embedding("not_a_point_embed"),
            mask_downscaling: MaskDownscaling {
                m0: Conv2d::patches(masks.part(0), 1, hidden / 4, 2, true),
                m1: LayerNorm::new(masks.part(1), hidden / 4, 1e-6),
                m3: Conv2d::patches(masks.part(3), hidden / 4, hidden, 2, true),
                m4: LayerNorm::new(masks.part(4), hidden, 1e-6),
                m6: Conv2d::patches(masks.part(6), hidden, dim, 1, true),
            },
            no_mask_embed: embedding("no_mask_embed"),
            image_size: config.image_size,
            grid: config.grid(),
        }
    }

    /// The position encoding of the embedding's cells, `[g * g, prompt_dim]`.
    pub fn dense_pe(&self, tf32: Tf32) -> Tensor<2> {
        let g = self.grid;
        let at = |i: usize| (i as f32 + 0.5) / g as f32;
        let centres = (0..g * g).flat_map(|cell| [at(cell % g), at(cell / g)]).collect::<Vec<_>>();
        let centres = TensorData::new(centres, [g * g, 2]);
        self.pe_layer.forward(Tensor::from_data(centres, &self.device()), tf32)
    }

    /// The device that its parameters are on.
    pub(crate) fn device(&self) -> Device {
        self.pe_layer.positional_encoding_gaussian_matrix.val().device()
    }

    /// Checks a prompt for use with this model.
    ///
    /// # Errors
    /// [`Error::Prompt`] if it is empty, has a coordinate that is not finite, a label other than
    /// -1, 0 and 1, or a mask of another size.
    pub fn check(&self, index: usize, prompt: &PromptInput) -> Result<()> {
        let bad = |reason: String| Err(Error::Prompt { index, reason });
        if prompt.token_count() == 0 && prompt.mask.is_none() {
            return bad("has neither points nor a box nor a mask".to_owned());
        }
        for &PromptPoint { x, y, label } in &prompt.points {
            if !(x.is_finite() && y.is_finite()) {
                return bad(format!("point ({x}, {y}) is not finite"));
            }
            if !(-1..=1).contains(&label) {
                return bad(format!("point label {label} is none of -1, 0, 1"));
            }
        }
        if let Some(corners) = prompt.box_xyxy
            && !corners.iter().all(|v| v.is_finite())
        {
            return bad(format!("box {corners:?} is not finite"));
        }
        let side = 4 * self.grid;
        if let Some(mask) = &prompt.mask
            && mask.len() != side * side
        {
            return bad(format!("mask has {} values for {side} x {side}", mask.len()));
        }
        Ok(())
    }

    /// Encodes prompts that all have the same [`PromptInput::token_count`].
    ///
    /// # Errors
    /// [`Error::Prompt`] for a prompt that fails [`PromptEncoder::check`] or has another number of
    /// tokens than the first; [`Error::Input`] for an empty list.
    pub fn forward(&self, prompts: &[PromptInput], tf32: Tf32) -> Result<PromptEmbeddings> {
        let Some(first) = prompts.first() else {
            return Err(Error::Input {
                what: "prompts",
                expected: "at least one".to_owned(),
                found: "none".to_owned(),
            });
        };
        let tokens = first.token_count();
        for (index, prompt) in prompts.iter().enumerate() {
            self.check(index, prompt)?;
            if prompt.token_count() != tokens {
                return Err(Error::Prompt {
                    index,
                    reason: format!("has {} tokens among {tokens}", prompt.token_count()),
                });
            }
        }
        let device = self.no_mask_embed.weight.val().device();
        let sparse = (tokens > 0).then(|| self.sparse(prompts, tokens, &device, tf32));
        let dense = self.dense(prompts, &device, tf32);
        Ok(PromptEmbeddings { sparse, dense, batch: prompts.len() })
    }

    fn sparse(
        &self,
        prompts: &[PromptInput],
        tokens: usize,
        device: &Device,
        tf32: Tf32,
    ) -> Tensor<3> {
        const KINDS: usize = 5;
        // Kinds 0..3 are the rows of `point_embeddings`, 4 is "not a point".
        let mut positions = Vec::with_capacity(prompts.len() * tokens * 2);
        let mut one_hot = Vec::with_capacity(prompts.len() * tokens * KINDS);
        let mut is_point = Vec::with_capacity(prompts.len() * tokens);
        let mut push = |x: f32, y: f32, kind: usize| {
            positions.extend([x, y].map(|v| (v + 0.5) / self.image_size as f32));
            one_hot.extend((0..KINDS).map(|k| f32::from(k == kind)));
            is_point.push(f32::from(kind != 4));
        };
        for prompt in prompts {
            for &PromptPoint { x, y, label } in &prompt.points {
                push(x, y, if label < 0 { 4 } else { label as usize });
            }
            match prompt.box_xyxy {
                Some([x0, y0, x1, y1]) => {
                    push(x0, y0, 2);
                    push(x1, y1, 3);
                }
                None => push(-0.5, -0.5, 4),
            }
        }
        let rows = prompts.len() * tokens;
        let tensor = |values: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(values, [rows, width]), device)
        };
        let mut kinds: Vec<Tensor<2>> =
            self.point_embeddings.iter().map(|e| e.weight.val()).collect();
        kinds.push(self.not_a_point_embed.weight.val());
        let embedded = self.pe_layer.forward(tensor(positions, 2), tf32) * tensor(is_point, 1)
            + ops::products::matmul(tensor(one_hot, KINDS), Tensor::cat(kinds, 0), tf32);
        let channels = embedded.dims()[1];
        embedded.reshape([prompts.len(), tokens, channels])
    }

    fn dense(&self, prompts: &[PromptInput], device: &Device, tf32: Tf32) -> Tensor<4> {
        let none = self.no_mask_embed.weight.val();
        let channels = none.dims()[1];
        let none = none.reshape([1, 1, 1, channels]);
        let with_mask: Vec<usize> =
            (0..prompts.len()).filter(|&i| prompts[i].mask.is_some()).collect();
        if with_mask.is_empty() {
            return none;
        }
        let (g, side) = (self.grid, 4 * self.grid);
        let mut values = Vec::with_capacity(with_mask.len() * side * side);
        for prompt in prompts {
            values.extend_from_slice(prompt.mask.as_deref().unwrap_or_default());
        }
        let masks = TensorData::new(values, [with_mask.len(), side, side, 1]);
        let embedded = self.mask_downscaling.forward(Tensor::from_data(masks, device), tf32);
        if with_mask.len() == prompts.len() {
            return embedded;
        }
        let none = none.expand([1, g, g, channels]);
        let rows = prompts
            .iter()
            .enumerate()
            .map(|(i, _)| match with_mask.binary_search(&i) {
                Ok(row) => embedded.clone().narrow(0, row, 1),
                Err(_) => none.clone(),
            })
            .collect();
        Tensor::cat(rows, 0)
    }
}

impl MaskDownscaling {
    fn forward(&self, masks: Tensor<4>, tf32: Tf32) -> Tensor<4> {
        let x = ops::gelu(self.m1.forward(self.m0.forward(masks, tf32)));
        let x = ops::gelu(self.m4.forward(self.m3.forward(x, tf32)));
        self.m6.forward(x, tf32)
    }
}
