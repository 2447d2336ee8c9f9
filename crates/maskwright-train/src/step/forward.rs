//! One pass through the decoder: predictions and their loss.

use burn::tensor::{Tensor, TensorData};
use maskwright_data::batch::TrainBatch;
use maskwright_model::{DecodeMode, ImageFeatures, Sam};

use super::StepSettings;
use super::pass::Pass;
use super::targets::{Logits, Targets};
use crate::error::Result;
use crate::loss::{LossValues, TermValue, point_loss, weighted_sum};

/// The loss of a pass, before its gradients are known.
pub(super) struct Forward {
    /// The loss, of shape `[1]`: a mean over the objects.
    pub(super) total: Tensor<1>,
    /// The loss and its terms as numbers.
    pub(super) values: LossValues,
    /// The logits that a correction would start from, on the host: those of the HQ mask or, without one, of SAM's mask with
    /// the highest predicted IoU.
    pub(super) logits: Logits,
}

/// Predicts the objects of a pass and computes their loss.
pub(super) fn forward(
    model: &Sam,
    features: &ImageFeatures,
    batch: &TrainBatch,
    pass: &Pass,
    settings: &StepSettings,
) -> Result<Forward> {
    let mode = mode(model, settings.hq_alone, pass.ambiguous);
    let output = model.predict(features, &pass.prompts, &pass.image_of(batch), mode)?;
    let targets = Targets { batch, pass, loss: &settings.loss };

    let mut masks: Vec<Vec<TermValue>> = Vec::new();
    let mut proposed = None;
    if let Some(logits) = output.sam.filter(|_| !settings.hq_alone) {
        let several = Logits::on_host(&logits);
        let chosen = targets.least_loss(&logits, &several);
        let chosen_values = if pass.ambiguous { &Logits::on_host(&chosen) } else { &several };
        let mut terms = point_loss(&settings.loss, chosen, &targets.points(chosen_values));
        if let Some(predicted) = &output.iou {
            // It is these masks' IoU that the head predicts.
            if settings.loss.wants_iou() {
                let truth = targets.true_ious(&several, &predicted.device());
                terms.extend(settings.loss.of_iou(predicted, &truth));
            }
            proposed = Some(several.best(predicted));
        }
        masks.push(terms);
    }
    if let Some(logits) = output.hq {
        let values = Logits::on_host(&logits);
        masks.push(point_loss(&settings.loss, logits, &targets.points(&values)));
        proposed = Some(values);
    }
    let sums = masks.iter().filter_map(|terms| weighted_sum(terms));
    let total = sums.reduce(|sum, mask| sum + mask);
    let total = total.expect("every mode trains a mask, and every loss has a term of it");
    let values = numbers(&total, &masks.concat());
    let logits = proposed.expect("every mode has a mask");
    Ok(Forward { total, values, logits })
}

fn mode(model: &Sam, hq_alone: bool, multimask: bool) -> DecodeMode {
    match (hq_alone, model.config().hq) {
        (true, _) => DecodeMode::Hq,
        (_, true) => DecodeMode::Both { multimask },
        (_, false) => DecodeMode::Sam { multimask },
    }
}

/// The loss in numbers, in one copy from the device.
fn numbers(total: &Tensor<1>, terms: &[TermValue]) -> LossValues {
    let all = std::iter::once(total).chain(terms.iter().map(|term| &term.value));
    let all: Vec<Tensor<1>> = all.map(|value| value.clone().inner()).collect();
    let data: TensorData = Tensor::cat(all, 0).into_data();
    let mut numbers = data.iter::<f32>().map(f64::from);
    let total = numbers.next().expect("the total is the first");
    let mut values = LossValues { total, ..LossValues::default() };
    for (term, value) in terms.iter().zip(numbers) {
        values.add_term(term.name, value);
    }
    values
}
