//! The training loss: binary cross entropy and dice on sampled points.
//!
//! HQ-SAM follows PointRend (Kirillov et al., 2020) and Mask2Former: the loss is not
//! taken on every pixel but on 112 x 112 points of each mask. Three quarters of them
//! are the most uncertain (smallest |logit|) of three times as many uniform draws,
//! the rest are uniform. [`points`] chooses them, [`PointTargets`] holds what was
//! chosen with the label's values there, [`point_loss`] is the differentiable part.
//!
//! Points are chosen on the host: the choice needs no gradient, the labels are there
//! already (a label never travels to the device), and selecting 9408 of 37632 values
//! takes a fraction of a millisecond without sorting them.

pub mod points;

use burn::tensor::ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode};
use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};

pub use points::{PointConfig, PointTargets};

/// The two parts of the loss, each a mean over the masks of the batch.
#[derive(Debug, Clone)]
pub struct MaskLoss {
    /// Binary cross entropy of the points' logits, shape `[1]`.
    pub bce: Tensor<1>,
    /// Dice loss of the points' probabilities, shape `[1]`.
    pub dice: Tensor<1>,
}

impl MaskLoss {
    /// What is minimised: the sum of both, each weighing 1 as in HQ-SAM.
    pub fn total(&self) -> Tensor<1> {
        self.bce.clone() + self.dice.clone()
    }
}

/// Binary cross entropy and dice of `logits` at the chosen points.
///
/// # Shapes
/// - `logits`: `[B, 1, h, w]`, any resolution, values unbounded;
/// - `points`: B masks of P points each, coordinates in `[0, 1]` of the whole mask,
///   x first, so that logits and label need not have one size.
///
/// Dice is `1 - (2 * sum(p * t) + 1) / (sum(p) + sum(t) + 1)` with `p` the sigmoid of
/// the logit (Milletari et al., 2016, smoothed by one).
pub fn point_loss(logits: Tensor<4>, points: &PointTargets) -> MaskLoss {
    let device = logits.device();
    let [batch, _, _, _] = logits.dims();
    let count = points.per_mask;
    let sampled = sample_at(logits, points, &device).reshape([batch, count]);
    let target =
        Tensor::<2>::from_data(TensorData::new(points.targets.clone(), [batch, count]), &device);

    // max(x, 0) - x t + ln(1 + exp(-|x|)): finite for every x.
    let softplus = sampled.clone().abs().neg().exp().log1p();
    let bce = sampled.clone().clamp_min(0.0) - sampled.clone() * target.clone() + softplus;
    let bce = bce.mean();

    let probability = sigmoid(sampled);
    let overlap = (probability.clone() * target.clone()).sum_dim(1);
    let sizes = probability.sum_dim(1) + target.sum_dim(1);
    let dice = ((overlap * 2.0 + 1.0) / (sizes + 1.0)).neg() + 1.0;
    let dice = dice.mean();
    MaskLoss { bce, dice }
}

/// Bilinear values of `logits` at the points, `[B, 1, 1, P]`; zero outside, pixel
/// centres at half-integers (`align_corners = false`), as PyTorch's `grid_sample`.
fn sample_at(logits: Tensor<4>, points: &PointTargets, device: &Device) -> Tensor<4> {
    let [batch, _, _, _] = logits.dims();
    // The grid's frame is [-1, 1]; the points' is [0, 1].
    let grid: Vec<f32> = points.coords.iter().map(|&c| 2.0 * c - 1.0).collect();
    let grid =
        Tensor::<4>::from_data(TensorData::new(grid, [batch, 1, points.per_mask, 2]), device);
    let options = GridSampleOptions::new(InterpolateMode::Bilinear)
        .with_padding_mode(GridSamplePaddingMode::Zeros)
        .with_align_corners(false);
    logits.grid_sample_2d(grid, options)
}
