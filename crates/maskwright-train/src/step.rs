//! One training step: batch, model, loss, gradients, Adam.

use burn::tensor::{Device, Tensor};
use maskwright_data::batch::TrainBatch;
use maskwright_model::{DecodeMode, PromptInput, Sam};

use crate::error::{Error, Result};
use crate::loss::points::{self, Plane};
use crate::loss::{PointConfig, PointTargets, point_loss};
use crate::optimizer::Adam;
use crate::prompts;

/// What every step of a run has in common.
#[derive(Debug, Clone, Copy)]
pub struct StepSettings {
    /// Whether the HQ head learns and nothing else ([`Sam::hq_head_alone_learns`]).
    pub hq_alone: bool,
    /// The points of the loss.
    pub points: PointConfig,
    /// Weight of the predicted IoU's squared error, where the IoU head learns.
    pub iou_weight: f64,
}

/// The loss of a step, by part; each is a mean over the batch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StepLoss {
    /// Binary cross entropy, summed over the masks that are trained.
    pub bce: f64,
    /// Dice, likewise.
    pub dice: f64,
    /// Squared error of the predicted IoU, unweighted.
    pub iou: f64,
    /// What was minimised.
    pub total: f64,
}

/// Trains on one batch. Returns the changed model and the loss before the change.
///
/// Where the HQ head alone learns, the HQ mask alone is computed and trained, as in HQ-SAM.
/// Otherwise SAM's own single mask and its predicted IoU are trained, and the HQ
/// mask beside them where the model has the head.
///
/// # Errors
/// [`Error::LossNotFinite`] before anything changes.
pub fn train_step(
    model: Sam,
    adam: &mut Adam,
    batch: &TrainBatch,
    epoch: usize,
    step: usize,
    learning_rate: f64,
    settings: &StepSettings,
) -> Result<(Sam, StepLoss)> {
    let (loss, parts) = loss(&model, batch, settings)?;
    if !parts.total.is_finite() {
        return Err(Error::LossNotFinite {
            loss: parts.total as f32,
            epoch,
            step,
            records: batch.views.iter().map(|view| format!("{}/{}", view.set, view.name)).collect(),
        });
    }
    let gradients = loss.backward();
    let model = adam.step(model, gradients, learning_rate);
    Ok((model, parts))
}

/// The loss of a batch as a differentiable number, and its parts.
pub fn loss(
    model: &Sam,
    batch: &TrainBatch,
    settings: &StepSettings,
) -> Result<(Tensor<1>, StepLoss)> {
    // Plain tensors: what depends on frozen parameters alone is not recorded.
    let device = model.device();
    let images = model.preprocess(&batch.images, batch.views.len(), &device)?;
    let features = model.encode_image(images);
    let inputs: Vec<PromptInput> = batch.prompts.iter().map(prompts::to_model).collect();
    let mode = mode(model, settings.hq_alone);
    let output = model.predict(&features, &inputs, &batch.image_of, mode)?;

    let mut parts = StepLoss::default();
    let mut total: Option<Tensor<1>> = None;
    let mut add = |term: Tensor<1>| {
        total = Some(match total.take() {
            Some(sum) => sum + term,
            None => term,
        });
    };
    let masks = [output.sam.filter(|_| !settings.hq_alone), output.hq];
    for (place, logits) in masks.into_iter().enumerate() {
        let Some(logits) = logits else { continue };
        let values = host_values(&logits);
        let points = choose_points(&values, &logits, batch, settings);
        let term = point_loss(logits.clone(), &points);
        parts.bce += scalar(&term.bce);
        parts.dice += scalar(&term.dice);
        add(term.total());
        // Place 0 is SAM's own mask, the one whose IoU the head predicts.
        if place == 0
            && settings.iou_weight > 0.0
            && let Some(predicted) = &output.iou
        {
            let truth = true_ious(&values, &logits, batch, &predicted.device());
            let error = (predicted.clone() - truth).square().mean();
            parts.iou = scalar(&error);
            add(error * settings.iou_weight);
        }
    }
    let total = total.expect("every mode gives a mask that is trained");
    parts.total = scalar(&total);
    Ok((total, parts))
}

fn mode(model: &Sam, hq_alone: bool) -> DecodeMode {
    match (hq_alone, model.config().hq) {
        (true, _) => DecodeMode::Hq,
        (_, true) => DecodeMode::Both { multimask: false },
        (_, false) => DecodeMode::Sam { multimask: false },
    }
}

fn host_values(logits: &Tensor<4>) -> Vec<f32> {
    logits.clone().inner().into_data().iter::<f32>().collect()
}

fn scalar(value: &Tensor<1>) -> f64 {
    f64::from(value.clone().inner().into_scalar::<f32>())
}

/// The points of every mask of the batch, keyed by its object.
fn choose_points(
    values: &[f32],
    logits: &Tensor<4>,
    batch: &TrainBatch,
    settings: &StepSettings,
) -> PointTargets {
    let [_, _, height, width] = logits.dims();
    let mut targets = PointTargets::new(settings.points.points);
    for (mask, object) in batch.objects.iter().enumerate() {
        let plane =
            Plane { values: &values[mask * height * width..][..height * width], height, width };
        let coords = points::draw(&settings.points, &plane, object.key);
        targets.push(coords, &label(batch, mask));
    }
    targets
}

/// The label of one object in the model's frame, 0..255.
fn label(batch: &TrainBatch, mask: usize) -> Plane<'_> {
    Plane { values: batch.label(mask), height: batch.size, width: batch.size }
}

/// The IoU of every predicted mask with its label at the mask's resolution, `[B, 1]`.
fn true_ious(values: &[f32], logits: &Tensor<4>, batch: &TrainBatch, device: &Device) -> Tensor<2> {
    let [count, _, height, width] = logits.dims();
    let ious: Vec<f32> = (0..count)
        .map(|mask| {
            let predicted = &values[mask * height * width..][..height * width];
            let label = label(batch, mask);
            let (mut both, mut either) = (0usize, 0usize);
            for (pixel, &logit) in predicted.iter().enumerate() {
                let x = ((pixel % width) as f32 + 0.5) / width as f32;
                let y = ((pixel / width) as f32 + 0.5) / height as f32;
                let (here, there) = (logit > 0.0, label.bilinear(x, y) > 128.0);
                both += usize::from(here && there);
                either += usize::from(here || there);
            }
            // Both empty is a perfect answer, as in the metrics.
            if either == 0 { 1.0 } else { both as f32 / either as f32 }
        })
        .collect();
    Tensor::from_data(
        burn::tensor::TensorData::new(ious, [count, 1]),
        &device.clone().without_autodiff(),
    )
}
