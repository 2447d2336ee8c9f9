//! One training step: the loss of a batch with its gradients, and the update that they make.
//!
//! [`encode`](crate::features::encode) computes the features of the batch's images, [`learn`] the loss and the gradients,
//! and [`Optimizer::update`](crate::optimizer::Optimizer::update) changes the model. Code that works on gradients fits in
//! between.
//!
//! # How a batch is asked about
//!
//! Every image is encoded once. Its objects are decoded in passes of at most
//! [`objects_per_step`](StepSettings::objects_per_step) objects, and each pass is followed by its own backward pass, so that
//! this number bounds the memory and not the number of objects. The gradients of all passes are added up; the result is the
//! gradient of the mean over all predictions, as if they had been made in one pass.
//!
//! With [`corrections`](StepSettings::corrections), an object is asked about again after its prediction: a click is drawn
//! where the prediction is wrong ([`ErrorRegion`](maskwright_data::prompt::ErrorRegion)), and the prompt of the next round
//! is the first prompt with all clicks so far, and the logits of the prediction as its mask. No gradient flows through
//! these logits. An object without an error takes no part in further rounds.
//!
//! Where SAM's own masks learn, a prompt that is a single point is ambiguous: it trains the three masks of which the model
//! proposes one, by the one with the least loss, and the predicted IoU of all three (Kirillov et al., 2023, section 3).
//! Every other prompt trains the single mask.
//!
//! ```
//! use maskwright_data::loader::{Loader, LoaderConfig};
//! use maskwright_data::source::{DataFile, OpenContext};
//! use maskwright_model::{SamConfig, Trainable, device};
//! use maskwright_train::evaluator::sample_config;
//! use maskwright_train::features::encode;
//! use maskwright_train::optimizer::{Optimizer, OptimizerConfig};
//! use maskwright_train::step::{StepSettings, learn};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let pictures = maskwright_demo::DemoConfig { train: 4, valid: 1, ..Default::default() };
//! # let set = maskwright_demo::write(&pictures, folder.path())?;
//! # let data = DataFile::read(&set.data_file)?;
//! let learns = Trainable::Hq;
//! let mut sam = SamConfig::small(64, 16, 32, 2).init(&device::host(), 0)?.training(&learns);
//! let settings = StepSettings { corrections: 1, ..StepSettings::new(&sam, &learns) };
//! let mut optimizer = Optimizer::new(&OptimizerConfig::default());
//!
//! let sample = sample_config(&data, &sam);
//! let config = LoaderConfig { batch_size: 2, sample, ..LoaderConfig::default() };
//! let mut loader = Loader::new(data.train_mix(&OpenContext::default())?, config)?;
//! loader.start_epoch(0);
//! while let Some(batch) = loader.next() {
//!     let batch = batch?;
//!     let learnt = learn(&sam, encode(&sam, &batch)?, &batch, &settings)?;
//!     println!("loss {:.3} of {} predictions", learnt.values.total, learnt.predictions);
//!     sam = optimizer.update(sam, learnt.gradients, 1e-3);
//!     loader.recycle(batch);
//! }
//! # Ok(())
//! # }
//! ```

mod correction;
mod encoded;
mod forward;
mod pass;
mod targets;

use maskwright_data::batch::TrainBatch;
use maskwright_model::{ImageFeatures, Sam, Trainable};

use crate::error::Result;
use crate::loss::{LossConfig, LossValues};
use crate::optimizer::{GradientSum, StepGradients};
use encoded::Encoded;
use forward::forward;
use pass::Pass;

/// The settings of a step, the same for all steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSettings {
    /// Whether only the HQ head learns ([`Sam::hq_head_alone_learns`]). Then only the HQ mask is computed and trained, as in
    /// HQ-SAM. Otherwise SAM's own masks and their predicted IoU are trained and, if the model has an HQ head, the HQ mask
    /// too.
    pub hq_alone: bool,
    /// Whether any part of the image encoder learns ([`Sam::encoder_learns`]).
    pub encoder_learns: bool,
    /// The loss that is minimised.
    pub loss: LossConfig,
    /// The largest number of objects that are decoded at a time; 0 for all of the batch.
    pub objects_per_step: usize,
    /// The largest number of rounds after the first prediction, each with one more click; 0 for none, as in HQ-SAM.
    pub corrections: usize,
}

impl StepSettings {
    /// HQ-SAM's settings for a model of which this part learns.
    pub fn new(model: &Sam, learns: &Trainable) -> Self {
        Self {
            hq_alone: model.hq_head_alone_learns(learns),
            encoder_learns: model.encoder_learns(learns),
            loss: LossConfig::default(),
            objects_per_step: 0,
            corrections: 0,
        }
    }
}

/// What a batch teaches: its loss, and how the loss changes with the parameters.
#[derive(Debug)]
pub struct Learnt {
    /// The gradients of all parameters that learn.
    pub gradients: StepGradients,
    /// The loss and its terms as numbers. Each term is a mean over the predictions, summed over the masks that are trained.
    pub values: LossValues,
    /// The number of predictions: one per object, and one more for each round that an object took part in.
    pub predictions: usize,
}

/// Computes the loss of a batch and its gradients. `features` are those of the batch's images, and every object is decoded
/// with its own prompt; labels are taken in 0..255.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if features or prompts do not fit the model.
pub fn learn(
    model: &Sam,
    features: ImageFeatures,
    batch: &TrainBatch,
    settings: &StepSettings,
) -> Result<Learnt> {
    let mut passes = Pass::first(batch, settings);
    if let ([pass], 0) = (&passes[..], settings.corrections) {
        // One graph from the pixels to the loss.
        let forward = forward(model, &features, batch, pass, settings)?;
        let gradients = forward.total.backward().into();
        return Ok(Learnt { gradients, values: forward.values, predictions: pass.objects.len() });
    }

    let mut encoded = Encoded::new(features, settings.encoder_learns);
    let (mut sum, mut values, mut predictions) = (GradientSum::default(), LossValues::default(), 0);
    while let Some(pass) = passes.pop() {
        let forward = forward(model, &encoded.features, batch, &pass, settings)?;
        let count = pass.objects.len();
        let gradients = forward.total.backward();
        encoded.add(&gradients, count as f64);
        sum.add(model, gradients, count as f64);
        values.add(&forward.values.times(count as f64));
        predictions += count;
        if (pass.round as usize) < settings.corrections {
            passes.extend(correction::next(batch, &pass, &forward.logits));
        }
    }
    if let Some(gradients) = encoded.backward() {
        sum.add_share(model, gradients, 1.0);
    }
    let gradients = sum.take_mean().expect("a batch has an object");
    Ok(Learnt { gradients, values: values.divided_by(predictions as f64), predictions })
}
