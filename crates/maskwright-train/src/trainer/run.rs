//! A run between its steps: what it owns, and what it tells and saves.

use maskwright_data::loader::{Loader, LoaderConfig, LoaderState};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::Mix;
use maskwright_model::device::Place;
use maskwright_model::{Sam, weights};

use super::data_watch::DataWatch;
use super::folder::RunFolder;
use super::state::{self, LossSums, Position};
use crate::config::TrainConfig;
use crate::conventions;
use crate::error::Result;
use crate::evaluator::{EvalSet, Evaluation, evaluate, sample_config};
use crate::observer::Observer;
use crate::optimizer::Optimizer;
use crate::run_log::{Entry, RunLog};
use crate::schedule;

/// What a run owns between its steps.
pub(super) struct Run<'a> {
    pub(super) config: &'a TrainConfig,
    pub(super) place: Place,
    /// Gone only while a step has it.
    model: Option<Sam>,
    pub(super) optimizer: Optimizer,
    pub(super) loader: Loader,
    pub(super) valid: Vec<EvalSet>,
    pub(super) samples: SampleConfig,
    pub(super) log: RunLog,
    pub(super) progress: Position,
    pub(super) sums: LossSums,
    watch: DataWatch,
}

impl<'a> Run<'a> {
    /// The run at its beginning, or where the folder's state has it.
    pub(super) fn new(
        config: &'a TrainConfig,
        place: Place,
        mut model: Sam,
        data: Mix,
        valid: Vec<EvalSet>,
        folder: &RunFolder,
    ) -> Result<Self> {
        let samples = sample_config(&config.data, &model);
        let mut optimizer = Optimizer::new(&config.optimizer);
        let mut progress = Position { epoch: config.train.first_epoch, ..Position::default() };
        let mut sums = LossSums::default();
        let mut position = None;
        let log = match folder.resume_point()? {
            None => RunLog::create(&folder.metrics())?,
            Some(point) => {
                let state = state::read(&point)?;
                model = weights::apply_tuned(model, state.weights)?.sam;
                optimizer = Optimizer::from_bytes(
                    &config.optimizer,
                    &state.optimizer,
                    &point,
                    &model,
                    place.device(),
                )?;
                progress = state.progress;
                sums = state.sums;
                position = Some(state.loader);
                RunLog::resume(&folder.metrics(), progress.global_step)?
            }
        };
        let model = conventions::remembered(model, config)?;
        let learns = &config.train.learns;
        let encoder_learns = model.encoder_learns(learns);
        let model = place.put(model, encoder_learns).training(learns);
        let mut loader = Loader::new(data, loader_config(config, &samples, folder))?;
        if let Some(position) = position {
            loader.restore(position)?;
        }
        Ok(Self {
            config,
            place,
            model: Some(model),
            optimizer,
            loader,
            valid,
            samples,
            log,
            progress,
            sums,
            watch: DataWatch::default(),
        })
    }

    pub(super) fn model(&self) -> &Sam {
        self.model.as_ref().expect("the model is back between steps")
    }

    /// Changes the model by one step's gradients.
    pub(super) fn update(&mut self, gradients: burn::tensor::Gradients, learning_rate: f64) {
        let model = self.model.take().expect("the model is back between steps");
        self.model = Some(self.optimizer.update(model, gradients, learning_rate));
    }

    /// The learning rate of the step that comes next.
    pub(super) fn learning_rate(&self) -> f64 {
        let at = schedule::RunStep {
            epoch: self.progress.epoch,
            step: self.progress.step,
            steps_per_epoch: self.loader.batches_per_epoch() as usize,
            epochs: self.config.train.epochs,
        };
        self.config.schedule.rate(self.config.optimizer.learning_rate, at)
    }

    /// The validation of the epoch that ends, where one is due.
    pub(super) fn validate(&self, observer: &mut dyn Observer) -> Result<Option<Evaluation>> {
        let done = self.progress.epoch + 1;
        let (learning, validation) = (&self.config.train, &self.config.validation);
        let due = done == learning.epochs
            || (done - learning.first_epoch).is_multiple_of(validation.every_epochs);
        let wanted = due && !self.valid.is_empty();
        wanted.then(|| self.evaluate(observer)).transpose()
    }

    fn evaluate(&self, observer: &mut dyn Observer) -> Result<Evaluation> {
        let model = self.model().clone().frozen();
        let settings = self.config.validation.evaluation();
        evaluate(&model, self.place.device(), &self.samples, &self.valid, &settings, observer)
    }

    /// Tells whether training waits for data, if it is time to, or at the `end`.
    pub(super) fn tell_data(&mut self, observer: &mut dyn Observer, end: bool) -> Result<()> {
        let told = if end {
            self.watch.whole(&self.loader, &self.progress)
        } else {
            self.watch.minute(&self.loader, &self.progress)
        };
        if let Some(entry) = told {
            self.log.append(&Entry::Loader(entry.clone()))?;
            observer.data(&entry);
        }
        Ok(())
    }

    pub(super) fn save_state(&self, folder: &RunFolder) -> Result<()> {
        let mut loader = self.loader.state();
        if self.progress.step == 0 {
            // Between two epochs the loader still stands at the end of the one that is over.
            loader = LoaderState { epoch: self.progress.epoch as u64, position: 0, ..loader };
        }
        let (progress, sums) = (&self.progress, &self.sums);
        let learns = &self.config.train.learns;
        folder.save_state(self.model(), &self.optimizer, progress, loader, sums, learns)
    }
}

fn loader_config(config: &TrainConfig, samples: &SampleConfig, folder: &RunFolder) -> LoaderConfig {
    let mut loader = LoaderConfig {
        batch_size: config.train.batch_size,
        seed: config.train.seed,
        last_batch: config.train.last_batch,
        prefetch_bytes: config.compute.prefetch_bytes,
        on_refusal: config.train.on_refusal,
        ledger: Some(folder.ledger()),
        sample: samples.clone(),
        ..LoaderConfig::default()
    };
    if config.compute.workers > 0 {
        loader.workers = config.compute.workers;
        loader.prefetch = config.compute.workers + 2;
    }
    loader
}
