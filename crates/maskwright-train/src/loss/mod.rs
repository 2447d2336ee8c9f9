//! The training loss: a weighted sum of named terms, on sampled points.
//!
//! HQ-SAM follows PointRend (Kirillov et al., 2020) and Mask2Former: the loss is not taken on every
//! pixel but on 112 x 112 points of each mask. Three quarters of them are the most uncertain (smallest
//! |logit|) of three times as many uniform draws, the rest are uniform. [`points`] chooses them,
//! [`PointTargets`] holds them with the label's values there, and [`LossConfig`] says which terms are
//! computed and how much each counts.
//!
//! Pixels of a label that count for nothing get no points: [`points::draw_outside`].
//!
//! Each term has a file here that describes it as a [`LossTerm`], and an entry in [`TERMS`]. Settings,
//! logs, reports and saved states refer to it by its name.
//!
//! Points are chosen on the host: the choice needs no gradient, the labels are there
//! already (a label never travels to the device), and selecting 9408 of 37632 values
//! takes a fraction of a millisecond without sorting them.

mod bce;
mod boundary;
mod config;
mod dice;
mod focal;
mod iou;
mod plane;
pub mod points;
mod term;

use burn::tensor::ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode};
use burn::tensor::{Device, Tensor, TensorData};

pub use config::{LossConfig, NAMED_LOSSES, TERMS};
pub use points::{PointConfig, PointTargets};
pub use term::{LossTerm, LossValues, TermFunction, TermValue, weighted_sum};

/// Computes the terms of `logits` at the chosen points.
///
/// # Shapes
/// - `logits`: `[n, 1, h, w]`, any resolution, values unbounded;
/// - `points`: n masks of P points each, coordinates in `[0, 1]` of the whole mask, x first, so that
///   logits and labels may have different sizes.
pub fn point_loss(config: &LossConfig, logits: Tensor<4>, points: &PointTargets) -> Vec<TermValue> {
    let device = logits.device();
    let [masks, _, _, _] = logits.dims();
    let count = points.per_mask;
    let sampled = sample_at(logits, points, &device).reshape([masks, count]);
    let on_device = |values: &[f32]| {
        Tensor::from_data(TensorData::new(values.to_vec(), [masks, count]), &device)
    };
    let labels = on_device(&points.targets);
    let mut terms = config.of_points(&sampled, &labels);
    if let Some(weights) = &points.boundary {
        terms.extend(config.of_weighted_points(&sampled, &labels, &on_device(weights)));
    }
    terms
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
