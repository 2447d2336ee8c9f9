//! A run between its steps: what it owns, and what it tells and saves.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use maskwright_data::loader::{LedgerEntry, Loader, LoaderConfig, LoaderState};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::Mix;
use maskwright_model::device::Place;
use maskwright_model::{Fresh, MaskKind, Sam, Training, weights};

use super::data_watch::DataWatch;
use super::folder::RunFolder;
use super::learner::Learner;
use super::prepared::learning;
use super::state::{LossSums, Position};
use crate::config::TrainConfig;
use crate::conventions;
use crate::error::{Error, Result};
use crate::evaluator::{EvalConfig, EvalSet, Evaluation, RefusedRecord, SetMetrics, evaluate};
use crate::features::FeatureCache;
use crate::not_finite::NotFinite;
use crate::observer::{Observer, OfOthers};
use crate::run_files::LEDGER;
use crate::run_log::{BeforeEntry, Entry, EpochEntry, RunLog, SkippedEntry, TimesEntry};
use crate::schedule;
use crate::times::{Lap, TrainTimes};

/// Steps in a row without a finite loss and gradient at which a run ends: by then it is no matter of some records.
const MOST_SKIPPED: usize = 3;

/// What a run owns between its steps.
pub(super) struct Run<'a> {
    pub(super) config: &'a TrainConfig,
    pub(super) place: Place,
    pub(super) learner: Learner,
    pub(super) loader: Loader,
    pub(super) valid: Vec<EvalSet>,
    pub(super) samples: SampleConfig,
    pub(super) log: RunLog,
    pub(super) progress: Position,
    pub(super) sums: LossSums,
    /// Since the last line of the log.
    pub(super) since_log: LossSums,
    /// Where the time went since the last line of the log that says so.
    pub(super) times: TrainTimes,
    /// What of the model was fresh when the run began.
    fresh: Fresh,
    watch: DataWatch,
    /// Why something could not be written.
    unwritten: BTreeSet<String>,
}

impl<'a> Run<'a> {
    /// The run at its beginning, or where the folder's state has it.
    pub(super) fn new(
        config: &'a TrainConfig,
        place: Place,
        (mut model, fresh, training): (Sam, Fresh, Training),
        samples: SampleConfig,
        (data, cache, valid): (Mix, Option<FeatureCache>, Vec<EvalSet>),
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut progress = Position { epoch: config.train.first_epoch, ..Position::default() };
        let (mut sums, mut since_log) = (LossSums::default(), LossSums::default());
        let (mut position, mut learner) = (None, None);
        let log = match folder.take_resumed() {
            None => RunLog::create(&folder.metrics())?,
            Some(state) => {
                model = weights::apply_tuned(model, state.weights)?.sam;
                progress = state.progress;
                (sums, since_log) = (state.sums, state.since_log);
                position = Some(state.loader);
                learner = Some((state.learner, state.folder));
                let (log, notes) =
                    RunLog::resume(&folder.metrics(), progress.global_step, progress.epoch)?;
                notes.iter().for_each(|note| observer.note(note));
                log
            }
        };
        let model = conventions::trained(learning(model, config, &place)?, training)?;
        let state = learner.as_ref().map(|(state, folder)| (state, folder.as_path()));
        // Images whose features are at hand are not decoded.
        let without_pixels = cache.as_ref().map(FeatureCache::without_pixels).unwrap_or_default();
        let learner = Learner::new(config, model, state, cache, place.device())?;
        let loading = loader_config(config, &samples, Some(folder.ledger()), without_pixels);
        let mut loader = Loader::new(data, loading)?;
        if let Some(position) = position {
            loader.restore(position)?;
        }
        Ok(Self {
            config,
            place,
            learner,
            loader,
            valid,
            samples,
            log,
            progress,
            sums,
            since_log,
            times: TrainTimes::default(),
            fresh,
            watch: DataWatch::default(),
            unwritten: BTreeSet::new(),
        })
    }

    pub(super) fn model(&self) -> &Sam {
        self.learner.model()
    }

    /// The learning rate of the update that comes next.
    pub(super) fn learning_rate(&self) -> f64 {
        let accumulate = self.config.train.accumulate;
        let at = schedule::RunStep {
            epoch: self.progress.epoch,
            step: self.progress.step / accumulate,
            steps_per_epoch: (self.loader.batches_per_epoch() as usize).div_ceil(accumulate),
            epochs: self.config.train.epochs,
        };
        self.config.schedule.rate(self.config.optimizer.learning_rate, at)
    }

    /// Tells that a step of these records changed nothing.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if it is one of too many in a row.
    pub(super) fn skip(
        &mut self,
        what: NotFinite,
        loss: f64,
        records: Vec<String>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Position { epoch, step, global_step, skipped, .. } = self.progress;
        if skipped >= MOST_SKIPPED {
            return Err(Error::NotFinite { in_a_row: skipped, what, epoch, step, records });
        }
        observer.note(&format!(
            "step {step} of epoch {} is skipped: its {what} is no finite number (records {})",
            epoch + 1,
            records.join(", ")
        ));
        let loss = Some(loss).filter(|loss| loss.is_finite());
        let entry = SkippedEntry { epoch, step, global_step, what, loss, records };
        self.write_log(&Entry::Skipped(entry), observer);
        Ok(())
    }

    /// Takes in a validation, and returns whether it is the best so far.
    pub(super) fn judge(&mut self, entry: &EpochEntry) -> bool {
        let Some(score) = entry.score(&self.config.checkpoints.best_by) else { return false };
        // States from before there was patience know the best checkpoint's.
        let best = self.progress.best_score.or(self.progress.best.map(|(score, _)| score));
        let better = best.is_none_or(|best| score > best);
        if better {
            self.progress.best_score = Some(score);
            self.progress.stale = 0;
        } else {
            self.progress.stale += 1;
        }
        better
    }

    /// Whether too many validations in a row were not better than one before them.
    pub(super) fn is_out_of_patience(&self) -> bool {
        self.config.train.patience.is_some_and(|patience| self.progress.stale >= patience)
    }

    /// Says how long no validation was better than one before it.
    pub(super) fn no_better(&self) -> String {
        match self.progress.stale {
            1 => "the last validation was no better than one before it".into(),
            several => {
                format!("the last {several} validations were no better than one before them")
            }
        }
    }

    /// Whether a validation is due at the end of this epoch.
    pub(super) fn validates(&self) -> bool {
        let done = self.progress.epoch + 1;
        let (learning, validation) = (&self.config.train, &self.config.validation);
        let due = done == learning.epochs
            || (done - learning.first_epoch).is_multiple_of(validation.every_epochs);
        due && !self.valid.is_empty()
    }

    /// Whether the model is still to be validated as it came.
    pub(super) fn validates_before(&self) -> bool {
        let begins = self.progress.global_step == 0 && !self.log.has_before();
        begins
            && self.config.validation.before
            && !self.valid.is_empty()
            && self.fresh != Fresh::All
    }

    /// Evaluates the model as it came. Of a head that has learned nothing no mask is judged.
    pub(super) fn evaluate_before(&self, observer: &mut dyn Observer) -> Result<Evaluation> {
        let judged = match (self.fresh, self.model().config().hq) {
            (Fresh::Nothing, true) => MaskKind::Hq,
            _ => MaskKind::Sam,
        };
        let evaluated = |observer: &mut dyn Observer, metrics: &SetMetrics| {
            let mut metrics = metrics.clone();
            if judged == MaskKind::Sam {
                metrics.keep_mask_of_sam();
            }
            observer.before_evaluated(&metrics);
        };
        let mut observer = OfOthers { observer, evaluated };
        let mut evaluation = self.evaluate_mask(self.model(), judged, &mut observer)?;
        if judged == MaskKind::Sam {
            evaluation.keep_mask_of_sam();
        }
        Ok(evaluation)
    }

    /// Writes the validation of the model as it came into the log.
    pub(super) fn log_before(
        &mut self,
        evaluation: &Evaluation,
        seconds: f64,
        observer: &mut dyn Observer,
    ) {
        let Evaluation { sets, clicks, .. } = evaluation;
        let entry = BeforeEntry { validation: sets.clone(), clicks: clicks.clone(), seconds };
        self.write_log(&Entry::Before(entry.clone()), observer);
        observer.before(&entry);
    }

    /// Evaluates a model of this run on the validation sets.
    pub(super) fn evaluate(&self, model: &Sam, observer: &mut dyn Observer) -> Result<Evaluation> {
        let judged = if model.config().hq { MaskKind::Hq } else { MaskKind::Sam };
        self.evaluate_mask(model, judged, observer)
    }

    /// Evaluates a model of this run on the validation sets; clicks are given to this mask where the settings say none.
    fn evaluate_mask(
        &self,
        model: &Sam,
        judged: MaskKind,
        observer: &mut dyn Observer,
    ) -> Result<Evaluation> {
        let model = model.clone().merged().frozen();
        let mut settings = evaluation(self.config);
        if let Some(clicks) = settings.clicks.as_mut().filter(|clicks| clicks.masks.is_empty()) {
            clicks.masks = vec![judged];
        }
        evaluate(&model, self.place.device(), &self.samples, &self.valid, &settings, observer)
    }

    /// Writes the records that a validation refused, or used though they are damaged, into the ledger, and tells of the latter
    /// the first time.
    pub(super) fn book_validation(&mut self, evaluation: &Evaluation, observer: &mut dyn Observer) {
        self.book(&evaluation.refused, false);
        let new = self.book(&evaluation.damaged, true);
        let Some(first) = new.first() else { return };
        observer.note(&match new.len() {
            1 => format!("a held-out record is damaged: {}", first.message),
            several => format!(
                "{several} held-out records are damaged and used as they are; the first: {}; {LEDGER} names all",
                first.message
            ),
        });
    }

    /// Writes records of a validation into the ledger, and returns those that are new there.
    fn book<'b>(&mut self, records: &'b [RefusedRecord], used: bool) -> Vec<&'b RefusedRecord> {
        let mut new = Vec::new();
        for record in records {
            let booked = self.loader.book_validation(LedgerEntry {
                validation: true,
                used,
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
            if booked {
                new.push(record);
            }
        }
        new
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

    /// Says in the log where the time went since the last such line.
    pub(super) fn log_times(&mut self, epoch: usize, observer: &mut dyn Observer) {
        let (global_step, times) = (self.progress.global_step, std::mem::take(&mut self.times));
        self.write_log(&Entry::Times(TimesEntry { epoch, global_step, times }), observer);
    }

    /// Saves where the run stands, to go on from there.
    pub(super) fn save_state(&mut self, folder: &mut RunFolder) -> Result<()> {
        let mut lap = Lap::start();
        let mut loader = self.loader.state();
        if self.progress.step == 0 {
            // Between two epochs the loader still stands at the end of the one that is over.
            loader = LoaderState { epoch: self.progress.epoch as u64, position: 0, ..loader };
        }
        let learns = &self.config.train.learns;
        let sums = (&self.sums, &self.since_log);
        let saved = folder.save_state(&self.learner, (&self.progress, loader), sums, learns);
        lap.add_to(&mut self.times.saving);
        saved
    }
}

/// How a run validates.
pub(super) fn evaluation(config: &TrainConfig) -> EvalConfig {
    let on_refusal = config.train.on_refusal;
    EvalConfig { on_refusal, ..config.validation.evaluation() }
}

/// The settings of a run's loader, which writes into this ledger and does not decode the images of these views.
pub(super) fn loader_config(
    config: &TrainConfig,
    samples: &SampleConfig,
    ledger: Option<PathBuf>,
    without_pixels: HashSet<(u64, u64)>,
) -> LoaderConfig {
    let loader = LoaderConfig {
        batch_size: config.train.batch_size,
        seed: config.train.seed,
        views: config.train.views,
        last_batch: config.train.last_batch,
        prefetch_bytes: config.compute.prefetch_bytes,
        on_refusal: config.train.on_refusal,
        ledger,
        without_pixels: Arc::new(without_pixels),
        sample: samples.clone(),
        ..LoaderConfig::default()
    };
    match config.compute.workers {
        0 => loader,
        workers => loader.with_workers(workers),
    }
}
