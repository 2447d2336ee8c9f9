//! A run between its steps: what it owns, and what it tells and saves.

use std::collections::BTreeSet;

use maskwright_data::loader::{LedgerEntry, Loader, LoaderConfig, LoaderState};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::Mix;
use maskwright_model::device::Place;
use maskwright_model::{Sam, weights};

use super::data_watch::DataWatch;
use super::folder::RunFolder;
use super::state::{LossSums, Position};
use crate::config::TrainConfig;
use crate::conventions;
use crate::error::Result;
use crate::evaluator::{EvalConfig, EvalSet, Evaluation, RefusedRecord, evaluate};
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
    /// Since the last line of the log.
    pub(super) since_log: LossSums,
    watch: DataWatch,
    /// Why something could not be written.
    unwritten: BTreeSet<String>,
}

impl<'a> Run<'a> {
    /// The run at its beginning, or where the folder's state has it.
    pub(super) fn new(
        config: &'a TrainConfig,
        place: Place,
        mut model: Sam,
        samples: SampleConfig,
        (data, valid): (Mix, Vec<EvalSet>),
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut optimizer = Optimizer::new(&config.optimizer);
        let mut progress = Position { epoch: config.train.first_epoch, ..Position::default() };
        let (mut sums, mut since_log) = (LossSums::default(), LossSums::default());
        let mut position = None;
        let log = match folder.take_resumed() {
            None => RunLog::create(&folder.metrics())?,
            Some(state) => {
                model = weights::apply_tuned(model, state.weights)?.sam;
                optimizer = Optimizer::from_bytes(
                    &config.optimizer,
                    &state.optimizer,
                    &state.folder,
                    &model,
                    place.device(),
                )?;
                progress = state.progress;
                (sums, since_log) = (state.sums, state.since_log);
                position = Some(state.loader);
                let (log, notes) =
                    RunLog::resume(&folder.metrics(), progress.global_step, progress.epoch)?;
                notes.iter().for_each(|note| observer.note(note));
                log
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
            since_log,
            watch: DataWatch::default(),
            unwritten: BTreeSet::new(),
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

    /// Whether a validation is due at the end of this epoch.
    pub(super) fn validates(&self) -> bool {
        let done = self.progress.epoch + 1;
        let (learning, validation) = (&self.config.train, &self.config.validation);
        let due = done == learning.epochs
            || (done - learning.first_epoch).is_multiple_of(validation.every_epochs);
        due && !self.valid.is_empty()
    }

    /// Evaluates the model on the validation sets.
    pub(super) fn evaluate(&self, observer: &mut dyn Observer) -> Result<Evaluation> {
        let model = self.model().clone().frozen();
        let settings = evaluation(self.config);
        evaluate(&model, self.place.device(), &self.samples, &self.valid, &settings, observer)
    }

    /// Writes the records that a validation refused into the ledger.
    pub(super) fn book_refusals(&mut self, refused: &[RefusedRecord]) {
        for record in refused {
            self.loader.book_validation(LedgerEntry {
                validation: true,
                used: false,
                epoch: self.progress.epoch as u64,
                position: record.record as u64,
                record: record.record as u64,
                set: record.set.clone(),
                index: record.record as u64,
                name: record.name.clone(),
                file: record.file.clone(),
                reason: record.reason.clone(),
                message: record.message.clone(),
            });
        }
    }

    /// Tells whether training waits for data, if it is time to, or at the `end`.
    pub(super) fn tell_data(&mut self, observer: &mut dyn Observer, end: bool) {
        let told = if end {
            self.watch.whole(&self.loader, &self.progress)
        } else {
            self.watch.minute(&self.loader, &self.progress)
        };
        if let Some(entry) = told {
            self.write_log(&Entry::Loader(entry.clone()), observer);
            observer.data(&entry);
        }
        if let Some(error) = self.loader.take_failure() {
            self.say_unwritten(&error.to_string(), observer);
        }
    }

    /// Appends a line to the log. A full disk costs lines, not the run.
    pub(super) fn write_log(&mut self, entry: &Entry, observer: &mut dyn Observer) {
        if let Err(error) = self.log.append(entry) {
            self.say_unwritten(&error.to_string(), observer);
        }
    }

    /// Says that something could not be written and that the run goes on, once for each reason.
    pub(super) fn say_unwritten(&mut self, reason: &str, observer: &mut dyn Observer) {
        if self.unwritten.insert(reason.to_owned()) {
            observer.note(&format!("{reason}; the run goes on"));
        }
    }

    /// Saves where the run stands, if that can be written; otherwise the state before stays, and the run goes on.
    pub(super) fn try_save_state(&mut self, folder: &mut RunFolder, observer: &mut dyn Observer) {
        if let Err(error) = self.save_state(folder) {
            self.say_unwritten(&error.to_string(), observer);
        }
    }

    /// Saves where the run stands, to go on from there.
    pub(super) fn save_state(&self, folder: &mut RunFolder) -> Result<()> {
        let mut loader = self.loader.state();
        if self.progress.step == 0 {
            // Between two epochs the loader still stands at the end of the one that is over.
            loader = LoaderState { epoch: self.progress.epoch as u64, position: 0, ..loader };
        }
        let learns = &self.config.train.learns;
        let sums = (&self.sums, &self.since_log);
        folder.save_state(self.model(), &self.optimizer, (&self.progress, loader), sums, learns)
    }
}

/// How a run validates.
pub(super) fn evaluation(config: &TrainConfig) -> EvalConfig {
    let on_refusal = config.train.on_refusal;
    EvalConfig { on_refusal, ..config.validation.evaluation() }
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
