//! Images of a batch that are learnt from one after the other, while another lane learns from others.
//!
//! Half of what a small model does in a step is too little to be shared by several threads. With two lanes, each on a thread of its
//! own, one works while the other does such things. Every lane has a graph of its own; what the lanes say is added up
//! in their order.

use std::ops::Range;
use std::time::Duration;

use maskwright_data::batch::TrainBatch;
use maskwright_model::Sam;
use maskwright_model::image_encoder::EncoderState;

use super::encoded::Encoded;
use super::forward::forward;
use super::pass::Pass;
use super::{Learnt, StepSettings, correction};
use crate::error::Result;
use crate::loss::LossValues;
use crate::optimizer::{GradientSum, StepGradients};
use crate::times::{Lap, TrainTimes};

/// The number of lanes.
const LANES: usize = 2;

/// Some images of a batch with all their objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    /// Numbers of the images in the batch.
    pub(super) images: Range<usize>,
    /// The largest number of objects that are decoded at a time.
    pub(super) objects_per_pass: usize,
}

/// What a lane teaches.
pub(super) struct Taught {
    gradients: Share,
    /// Sums over the predictions.
    values: LossValues,
    predictions: usize,
    /// Where the lane's time went.
    times: TrainTimes,
}

enum Share {
    /// The mean over the predictions.
    Mean(StepGradients),
    Sum(GradientSum),
}

impl Lane {
    /// The lanes of a batch, of which at most `objects_per_step` objects are decoded at a time (0 for all). A device other than
    /// the CPU is given one thing at a time.
    pub(super) fn all(batch: &TrainBatch, on_cpu: bool, objects_per_step: usize) -> Vec<Self> {
        let images = batch.views.len();
        let most = match objects_per_step {
            0 => batch.prompts.len().max(1) * LANES,
            most => most,
        };
        let lanes = if on_cpu { LANES.min(images).min(most).max(1) } else { 1 };
        let lane = |number: usize| Self {
            images: number * images / lanes..(number + 1) * images / lanes,
            objects_per_pass: most / lanes,
        };
        (0..lanes).map(lane).collect()
    }

    /// What was made of the lane's images.
    pub(super) fn of(&self, state: &EncoderState) -> EncoderState {
        let images: Vec<usize> = self.images.clone().collect();
        state.select(&images)
    }

    /// The loss of the lane's objects and its gradients; `state` is that of the lane's images.
    pub(super) fn learn(
        &self,
        model: &Sam,
        state: EncoderState,
        batch: &TrainBatch,
        settings: &StepSettings,
    ) -> Result<Taught> {
        let encoder_learns = settings.frozen_pieces < model.image_encoder().pieces();
        let (mut lap, mut times) = (Lap::start(), TrainTimes::default());
        let features = model.encode_rest(state);
        lap.add_to(&mut times.encoder);
        let mut passes = Pass::first(batch, &self.images, self.objects_per_pass, settings.hq_alone);
        if let ([pass], 0) = (&passes[..], settings.corrections) {
            // One graph from the pixels to the loss.
            let forward = forward(model, &features, batch, pass, settings)?;
            let predictions = pass.objects.len();
            lap.add_to(&mut times.decoder);
            let gradients = Share::Mean(forward.total.backward().into());
            lap.add_to(&mut times.backward);
            let values = forward.values.times(predictions as f64);
            return Ok(Taught { gradients, values, predictions, times });
        }

        let mut encoded = Encoded::new(features, encoder_learns);
        let (mut sum, mut values) = (GradientSum::default(), LossValues::default());
        let mut predictions = 0;
        while let Some(pass) = passes.pop() {
            let forward = forward(model, &encoded.features, batch, &pass, settings)?;
            let count = pass.objects.len();
            lap.add_to(&mut times.decoder);
            let gradients = forward.total.backward();
            encoded.add(&gradients, count as f64);
            sum.add(model, gradients, count as f64);
            values.add(&forward.values.times(count as f64));
            predictions += count;
            lap.add_to(&mut times.backward);
            if (pass.round as usize) < settings.corrections {
                passes.extend(correction::next(batch, &pass, &forward.logits));
            }
            lap.add_to(&mut times.decoder);
        }
        if let Some(gradients) = encoded.backward() {
            sum.add_share(model, gradients, 1.0);
        }
        lap.add_to(&mut times.backward);
        Ok(Taught { gradients: Share::Sum(sum), values, predictions, times })
    }
}

impl Taught {
    /// The same with gradients by the names of the parameters of the lane's model.
    pub(super) fn named(self, model: &Sam) -> Self {
        let sum = match self.gradients {
            Share::Sum(sum) => sum,
            Share::Mean(mean) => {
                let mut sum = GradientSum::default();
                sum.add(model, mean, self.predictions as f64);
                sum
            }
        };
        Self { gradients: Share::Sum(sum), ..self }
    }

    /// What this lane and the next one teach; the gradients of both have names.
    pub(super) fn and(mut self, next: Self) -> Self {
        if let (Share::Sum(sum), Share::Sum(other)) = (&mut self.gradients, next.gradients) {
            sum.merge(other);
        }
        self.values.add(&next.values);
        self.predictions += next.predictions;
        self.times.add(&next.times);
        self
    }

    /// What a batch of which these are all lanes teaches; they took so long side by side.
    pub(super) fn learnt(self, took: Duration) -> Learnt {
        let gradients = match self.gradients {
            Share::Mean(mean) => mean,
            Share::Sum(mut sum) => sum.take_mean().expect("a batch has an object"),
        };
        let values = self.values.divided_by(self.predictions as f64);
        let times = self.times.scaled_to(took.as_secs_f64());
        Learnt { gradients, values, predictions: self.predictions, times }
    }
}
