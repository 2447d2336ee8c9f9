//! What learns: the model, and what changes it from batch to batch.

use std::path::Path;

use burn::tensor::Device;
use maskwright_data::batch::TrainBatch;
use maskwright_model::image_encoder::EncoderState;
use maskwright_model::{Sam, Trainable};

use super::state::LearnerState;
use crate::config::TrainConfig;
use crate::error::Result;
use crate::features::{FeatureCache, encode};
use crate::loss::LossValues;
use crate::not_finite::NotFinite;
use crate::optimizer::{GradientSum, Optimizer, OptimizerConfig, StepGradients, WeightAverage};
use crate::step::{Learnt, StepSettings, learn};
use crate::times::{Lap, TrainTimes};

/// A model that learns.
pub(super) struct Learner {
    /// Gone only while an update has it.
    model: Option<Sam>,
    learns: Trainable,
    step: StepSettings,
    config: OptimizerConfig,
    optimizer: Optimizer,
    /// The number of batches of an update.
    accumulate: usize,
    /// The gradients of the batches since the last update.
    gathered: GradientSum,
    average: Option<WeightAverage>,
    /// What the frozen part of the encoder makes of the views, where that is kept.
    cache: Option<FeatureCache>,
}

/// What a batch came to.
pub(super) struct Learned {
    pub(super) values: LossValues,
    /// What was no number, so that the batch changed nothing.
    pub(super) skipped: Option<NotFinite>,
    /// The seconds of the encoder, the decoder, the gradients and the update.
    pub(super) times: TrainTimes,
}

impl Learner {
    /// A model at the beginning of its training, or where `state` of a run has it; `model` has its weights.
    pub(super) fn new(
        config: &TrainConfig,
        model: Sam,
        state: Option<(&LearnerState, &Path)>,
        cache: Option<FeatureCache>,
        device: &Device,
    ) -> Result<Self> {
        let learns = config.train.learns.clone();
        let step = StepSettings {
            loss: config.train.loss.clone(),
            objects_per_step: config.train.objects_per_step,
            corrections: config.train.corrections,
            ..StepSettings::new(&model, &learns)
        };
        let mut optimizer = Optimizer::new(&config.optimizer);
        let mut gathered = GradientSum::default();
        let mut average = config.train.ema.map(WeightAverage::new);
        if let Some((state, file)) = state {
            let settings = &config.optimizer;
            optimizer = Optimizer::from_bytes(settings, &state.optimizer, file, &model, device)?;
            if let Some(bytes) = &state.gradients {
                gathered = GradientSum::from_bytes(bytes, file, &model, device)?;
            }
            if let (Some(decay), Some(bytes)) = (config.train.ema, &state.average) {
                average = Some(WeightAverage::from_bytes(decay, bytes, file, &model, device)?);
            }
        }
        Ok(Self {
            model: Some(model),
            learns,
            step,
            config: config.optimizer,
            optimizer,
            accumulate: config.train.accumulate,
            gathered,
            average,
            cache,
        })
    }

    pub(super) fn model(&self) -> &Sam {
        self.model.as_ref().expect("the model is back between updates")
    }

    /// The model with averaged weights, where there are such.
    pub(super) fn averaged(&self) -> Option<Sam> {
        self.average.as_ref().map(|average| average.applied(self.model()))
    }

    /// Learns from a batch. If it is the last one of an update, the model is changed by the mean gradient of all of them.
    pub(super) fn learn(
        &mut self,
        batch: &TrainBatch,
        last: bool,
        learning_rate: f64,
    ) -> Result<Learned> {
        let model = self.model();
        let (mut lap, mut encoder) = (Lap::start(), 0.0);
        let state = match &self.cache {
            Some(cache) => cache.read(model, batch)?,
            None => encode(model, batch, self.step.frozen_pieces)?,
        };
        lap.add_to(&mut encoder);
        let mut learned = self.learn_from(state, batch, last, learning_rate)?;
        learned.times.encoder += encoder;
        Ok(learned)
    }

    /// As [`learn`](Self::learn), from what the first pieces of the encoder made of the batch's images.
    pub(super) fn learn_from(
        &mut self,
        state: EncoderState,
        batch: &TrainBatch,
        last: bool,
        learning_rate: f64,
    ) -> Result<Learned> {
        let learnt = learn(self.model(), state, batch, &self.step)?;
        let Learnt { gradients, values, predictions, mut times } = learnt;
        let mut lap = Lap::start();
        let mut skipped = None;
        if values.total.is_finite() {
            let norm = gradients.norm(self.model());
            if !norm.is_finite() {
                skipped = Some(NotFinite::Gradient);
            } else if self.accumulate == 1 {
                self.update(gradients, norm, learning_rate);
            } else {
                let model = self.model.as_ref().expect("the model is back between updates");
                self.gathered.add(model, gradients, predictions as f64);
            }
        } else {
            skipped = Some(NotFinite::Loss);
        }
        if last && let Some(mean) = self.gathered.take_mean() {
            let norm = mean.norm(self.model());
            match norm.is_finite() {
                true => self.update(mean, norm, learning_rate),
                false => skipped = Some(NotFinite::Gradient),
            }
        }
        lap.add_to(&mut times.update);
        Ok(Learned { values, skipped, times })
    }

    /// Changes the model by gradients of this norm.
    fn update(&mut self, mut gradients: StepGradients, norm: f64, learning_rate: f64) {
        if let Some(largest) = self.config.clip_norm {
            gradients.clip(norm, largest);
        }
        let model = self.model.take().expect("the model is back between updates");
        let model = self.optimizer.update(model, gradients, learning_rate);
        if let Some(average) = &mut self.average {
            average.update(&model, &self.learns);
        }
        self.model = Some(model);
    }

    /// What a resumed run needs beside the weights; errors name `file`.
    pub(super) fn state(&self, file: &Path) -> Result<LearnerState> {
        let model = self.model();
        let gathered = (!self.gathered.is_empty()).then(|| self.gathered.to_bytes(model, file));
        let average = self.average.as_ref().filter(|average| !average.is_empty());
        Ok(LearnerState {
            optimizer: self.optimizer.to_bytes(model, file)?,
            gradients: gathered.transpose()?,
            average: average.map(|average| average.to_bytes(model, file)).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
