//! One training step: the loss of a batch with its gradients, and the update that they make.
//!
//! [`encode`](crate::features::encode) runs the frozen part of the encoder on the batch's images, [`learn`] computes the loss and
//! the gradients, and [`Optimizer::update`](crate::optimizer::Optimizer::update) changes the model. Code that works on
//! gradients fits in between.
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
//! On the CPU the images are two [lanes](lane), which are learnt from side by side: what one thread does alone in one lane, the
//! other lane's threads need not wait for. There are two on any number of cores, so that a run has the same bits on all of
//! them.
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
//!     let state = encode(&sam, &batch, settings.frozen_pieces)?;
//!     let learnt = learn(&sam, state, &batch, &settings)?;
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
mod lane;
mod pass;
mod targets;

use lane::{Lane, Taught};
use std::time::Instant;

use maskwright_data::batch::TrainBatch;
use maskwright_model::image_encoder::EncoderState;
use maskwright_model::{Sam, Trainable};

use crate::error::Result;
use crate::loss::{LossConfig, LossValues};
use crate::optimizer::StepGradients;
use crate::times::TrainTimes;

/// The settings of a step, the same for all steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSettings {
    /// Whether only the HQ head learns ([`Sam::hq_head_alone_learns`]). Then only the HQ mask is computed and trained, as in
    /// HQ-SAM. Otherwise SAM's own masks and their predicted IoU are trained and, if the model has an HQ head, the HQ mask
    /// too.
    pub hq_alone: bool,
    /// The number of pieces of the image encoder before the first one that learns ([`Sam::frozen_pieces`]).
    pub frozen_pieces: usize,
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
            frozen_pieces: model.frozen_pieces(learns),
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
    /// The seconds of the encoder's part that learns, of the decoder and of the gradients.
    pub times: TrainTimes,
}

/// Computes the loss of a batch and its gradients. `state` is what the first pieces of the encoder made of the batch's images, at
/// most those that are frozen; every object is decoded with its own prompt; labels are taken in 0..255.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if images or prompts do not fit the model.
pub fn learn(
    model: &Sam,
    state: EncoderState,
    batch: &TrainBatch,
    settings: &StepSettings,
) -> Result<Learnt> {
    let started = Instant::now();
    let lanes = Lane::all(batch, model.computes_on_cpu(), settings.objects_per_step);
    let (first, others) = lanes.split_first().expect("there is a lane");
    if others.is_empty() {
        let taught = first.learn(model, state, batch, settings)?;
        return Ok(taught.learnt(started.elapsed()));
    }
    let taught = std::thread::scope(|scope| {
        let aside = |lane: &Lane| {
            let (lane, model, state) = (lane.clone(), model.twin(), lane.of(&state));
            scope.spawn(move || {
                let taught = lane.learn(&model, state, batch, settings)?;
                Ok(taught.named(&model))
            })
        };
        let aside: Vec<_> = others.iter().map(aside).collect();
        let first = first.learn(model, first.of(&state), batch, settings);
        let first = first.map(|taught| taught.named(model));
        let others = aside.into_iter().map(|lane| match lane.join() {
            Ok(taught) => taught,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(first).chain(others).collect::<Result<Vec<Taught>>>()
    })?;
    let together = taught.into_iter().reduce(Taught::and);
    Ok(together.expect("there is a lane").learnt(started.elapsed()))
}
