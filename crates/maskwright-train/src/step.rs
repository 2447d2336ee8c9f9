//! One training step in three calls: forward, backward, update.
//!
//! [`forward`] computes the loss of a batch, [`Forward::backward`] its gradients, and
//! [`Optimizer::update`](crate::optimizer::Optimizer::update) changes the model. Code that works on
//! gradients fits between the last two.
//!
//! ```
//! use maskwright_data::loader::{Loader, LoaderConfig};
//! use maskwright_data::source::{DataFile, OpenContext};
//! use maskwright_model::{SamConfig, Trainable, device};
//! use maskwright_train::evaluator::sample_config;
//! use maskwright_train::loss::LossConfig;
//! use maskwright_train::optimizer::{Optimizer, OptimizerConfig};
//! use maskwright_train::step::{StepSettings, forward};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let pictures = maskwright_demo::DemoConfig { train: 4, valid: 1, ..Default::default() };
//! # let set = maskwright_demo::write(&pictures, folder.path())?;
//! # let data = DataFile::read(&set.data_file)?;
//! let learns = Trainable::Hq;
//! let mut sam = SamConfig::small(64, 16, 32, 2).init(&device::host(), 0)?.training(&learns);
//! let settings = StepSettings {
//!     hq_alone: sam.hq_head_alone_learns(&learns),
//!     loss: LossConfig::default(),
//! };
//! let mut optimizer = Optimizer::new(&OptimizerConfig::default());
//!
//! let sample = sample_config(&data, &sam);
//! let config = LoaderConfig { batch_size: 2, sample, ..LoaderConfig::default() };
//! let mut loader = Loader::new(data.train_mix(&OpenContext::default())?, config)?;
//! loader.start_epoch(0);
//! while let Some(batch) = loader.next() {
//!     let batch = batch?;
//!     let forward = forward(&sam, &batch, &settings)?;
//!     println!("loss {:.3}", forward.values.total);
//!     sam = optimizer.update(sam, forward.backward(), 1e-3);
//!     loader.recycle(batch);
//! }
//! # Ok(())
//! # }
//! ```

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use maskwright_data::batch::TrainBatch;
use maskwright_image::mask::Bitmap;
use maskwright_model::{DecodeMode, PromptInput, Sam};

use crate::error::Result;
use crate::loss::points::{self, Known, Plane};
use crate::loss::{LossConfig, LossValues, PointTargets, TermValue, point_loss, weighted_sum};
use crate::prompts;

/// The settings of a step, the same for all steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSettings {
    /// Whether only the HQ head learns ([`Sam::hq_head_alone_learns`]).
    pub hq_alone: bool,
    /// The loss that is minimised.
    pub loss: LossConfig,
}

/// The loss of a batch, before the model is changed.
#[derive(Debug)]
pub struct Forward {
    /// The loss as a differentiable tensor of shape `[1]`.
    pub total: Tensor<1>,
    /// The loss and its terms as numbers. Each term is a mean over the objects, summed over the masks
    /// that are trained.
    pub values: LossValues,
}

impl Forward {
    /// Returns the gradients of all parameters that learn.
    pub fn backward(self) -> Gradients {
        self.total.backward()
    }
}

/// Computes the loss of a batch. Every image is encoded once, and every object is decoded with its own
/// prompt.
///
/// `batch.images` are normalised by the model's own mean and deviation on its device; labels are taken
/// in 0..255.
///
/// If only the HQ head learns, only the HQ mask is computed and trained, as in HQ-SAM. Otherwise SAM's
/// own single mask and its predicted IoU are trained and, if the model has an HQ head, the HQ mask too.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if images or prompts do not fit the model.
pub fn forward(model: &Sam, batch: &TrainBatch, settings: &StepSettings) -> Result<Forward> {
    // Plain tensors: what depends on frozen parameters alone is not recorded.
    let device = model.device();
    let images = model.preprocess(&batch.images, batch.views.len(), &device)?;
    let features = model.encode_image(images);
    let inputs: Vec<PromptInput> = batch.prompts.iter().map(prompts::to_model).collect();
    let mode = mode(model, settings.hq_alone);
    let output = model.predict(&features, &inputs, &batch.image_of, mode)?;

    let mut masks: Vec<Vec<TermValue>> = Vec::new();
    if let Some(logits) = output.sam.filter(|_| !settings.hq_alone) {
        let values = host_values(&logits);
        let mut terms = mask_terms(&logits, &values, batch, &settings.loss);
        // It is this mask's IoU that the head predicts.
        if let Some(predicted) = output.iou.filter(|_| settings.loss.wants_iou()) {
            let truth = true_ious(floats(&values), &logits, batch, &predicted.device());
            terms.extend(settings.loss.of_iou(&predicted, &truth));
        }
        masks.push(terms);
    }
    if let Some(logits) = output.hq {
        masks.push(mask_terms(&logits, &host_values(&logits), batch, &settings.loss));
    }
    let sums = masks.iter().filter_map(|terms| weighted_sum(terms));
    let total = sums.reduce(|sum, mask| sum + mask);
    let total = total.expect("every mode trains a mask, and every loss has a term of it");
    let values = numbers(&total, &masks.concat());
    Ok(Forward { total, values })
}

/// The terms of one of the model's masks, whose logits are `values` on the host.
fn mask_terms(
    logits: &Tensor<4>,
    values: &TensorData,
    batch: &TrainBatch,
    loss: &LossConfig,
) -> Vec<TermValue> {
    let points = choose_points(floats(values), logits, batch, loss);
    point_loss(loss, logits.clone(), &points)
}

/// The loss in numbers, in one copy from the device.
fn numbers(total: &Tensor<1>, terms: &[TermValue]) -> LossValues {
    let all = std::iter::once(total).chain(terms.iter().map(|term| &term.value));
    let all: Vec<Tensor<1>> = all.map(|value| value.clone().inner()).collect();
    let data = Tensor::cat(all, 0).into_data();
    let mut numbers = data.iter::<f32>().map(f64::from);
    let total = numbers.next().expect("the total is the first");
    let mut values = LossValues { total, ..LossValues::default() };
    for (term, value) in terms.iter().zip(numbers) {
        values.add_term(term.name, value);
    }
    values
}

fn mode(model: &Sam, hq_alone: bool) -> DecodeMode {
    match (hq_alone, model.config().hq) {
        (true, _) => DecodeMode::Hq,
        (_, true) => DecodeMode::Both { multimask: false },
        (_, false) => DecodeMode::Sam { multimask: false },
    }
}

/// A mask's logits on the host, row by row.
///
/// All of them: where points are wanted, half as many values are looked at as there are pixels, and
/// the IoU looks at each. On the CPU nothing is copied.
fn host_values(logits: &Tensor<4>) -> TensorData {
    logits.clone().inner().into_data().convert::<f32>()
}

fn floats(data: &TensorData) -> &[f32] {
    data.as_slice::<f32>().expect("they are f32")
}

/// The points of every mask of the batch, keyed by its object.
fn choose_points(
    values: &[f32],
    logits: &Tensor<4>,
    batch: &TrainBatch,
    loss: &LossConfig,
) -> PointTargets {
    let [_, _, height, width] = logits.dims();
    let mut targets = loss.targets();
    for (mask, object) in batch.objects.iter().enumerate() {
        let plane =
            Plane { values: &values[mask * height * width..][..height * width], height, width };
        let coords = match ignored(batch, mask) {
            None => points::draw(&loss.points, &plane, object.key),
            Some(ignored) => points::draw_outside(&loss.points, &plane, ignored, object.key),
        };
        targets.push(coords, &label(batch, mask));
    }
    targets
}

/// The label of one object in the model's frame, 0..255.
fn label(batch: &TrainBatch, mask: usize) -> Plane<'_> {
    Plane { values: batch.label(mask), height: batch.size, width: batch.size }
}

/// The pixels of one object's label that count for nothing, where there are such.
fn ignored(batch: &TrainBatch, mask: usize) -> Option<&Bitmap> {
    batch.ignored.get(mask).and_then(Option::as_ref)
}

/// The IoU of every predicted mask with its label at the mask's resolution, `[n, 1]`, over the pixels at whose centres the
/// label is known.
fn true_ious(values: &[f32], logits: &Tensor<4>, batch: &TrainBatch, device: &Device) -> Tensor<2> {
    let [count, _, height, width] = logits.dims();
    let ious: Vec<f32> = (0..count)
        .map(|mask| {
            let predicted = &values[mask * height * width..][..height * width];
            let label = label(batch, mask);
            let known = ignored(batch, mask).map(Known::outside);
            let (mut both, mut either) = (0usize, 0usize);
            for (pixel, &logit) in predicted.iter().enumerate() {
                let x = ((pixel % width) as f32 + 0.5) / width as f32;
                let y = ((pixel / width) as f32 + 0.5) / height as f32;
                if known.as_ref().is_some_and(|known| !known.at(x, y)) {
                    continue;
                }
                let (here, there) = (logit > 0.0, label.bilinear(x, y) > 128.0);
                both += usize::from(here && there);
                either += usize::from(here || there);
            }
            // Both empty is a perfect answer, as in the metrics.
            if either == 0 { 1.0 } else { both as f32 / either as f32 }
        })
        .collect();
    Tensor::from_data(TensorData::new(ious, [count, 1]), &device.clone().without_autodiff())
}
