//! The training loop, from settings to a folder of results.
//!
//! ```text
//! OUTPUT/
//!   config.toml                       the settings as they were resolved
//!   metrics.jsonl                     loss as it goes, validation after each epoch, and
//!                                     whether training waits for data
//!   validation.json                   the last validation, image by image
//!   ledger.jsonl                      records that could not be used
//!   epoch_N.safetensors               what was tuned, after epoch N
//!   sam_hq_epoch_N.safetensors        the whole model (the newest, and the best so far)
//!   resume-STEP/                      what a resumed run continues from
//! ```
//!
//! Whoever wants pages and pictures of it reads that folder ([`run_files`](crate::run_files)).
//!
//! A run is a function of its settings and the files they name: stopped at any step and
//! resumed, it comes to the same weights as a run that was never stopped.

mod data_watch;
mod epoch;
mod folder;
mod state;

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_data::loader::{Loader, LoaderConfig, LoaderState};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::{DataFile, Mix, Source};
use maskwright_model::device::{Place, host};
use maskwright_model::load::{load_model, parameter_count};
use maskwright_model::{MaskKind, Sam, weights};
use serde::Serialize;

use crate::config::TrainConfig;
use crate::conventions;
use crate::error::Result;
use crate::evaluator::{EvalSet, Evaluation, evaluate};
use crate::observer::{Observer, RunStart};
use crate::optimizer::Adam;
use crate::run_files::Validation;
use crate::run_log::{Entry, EpochEntry, RunLog};
use data_watch::DataWatch;
use epoch::{EpochSums, run_epoch};
use folder::RunFolder;
pub use folder::Start;
use state::Progress;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainOutcome {
    /// The complete checkpoint that was written last, if one was.
    pub checkpoint: Option<PathBuf>,
    /// The last epoch that was finished in this call.
    pub last: Option<EpochEntry>,
    /// Whether the observer stopped the run before its end; resumed, it goes on from there.
    pub stopped: bool,
}

/// How samples are made of `data` for this model: its input size, and mask prompts at the
/// resolution of its masks.
pub fn sample_config(data: &DataFile, model: &Sam) -> SampleConfig {
    data.sample_config(model.config().image_size, model.config().mask_size())
}

/// The sets of a list, opened, under their names.
pub fn open_sets(sets: Vec<Arc<dyn Source>>) -> Vec<EvalSet> {
    sets.into_iter().map(|source| EvalSet { name: source.name().to_owned(), source }).collect()
}

/// What the sets' data holds that no record shows, a line each.
pub(crate) fn left_out<'a>(sets: impl Iterator<Item = &'a Arc<dyn Source>>) -> Vec<String> {
    let of_set = |set: &'a Arc<dyn Source>| {
        set.left_out().iter().map(move |left| format!("set {}: left out are {left}", set.name()))
    };
    sets.flat_map(of_set).collect()
}

/// Trains as `config` says.
///
/// # Errors
/// Settings that contradict each other, data or checkpoints that cannot be read, an output
/// folder that is taken ([`Start`]), a loss that is no number, and failed writes. What was
/// written before stays whole.
pub fn train(
    config: &TrainConfig,
    start: Start,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    config.validate()?;
    let place = config.compute.open()?;
    // Everything that can be refused is looked at before the folder is touched.
    let train_data = config.data.train_mix(&observer.opening())?;
    let valid_sets = open_sets(config.data.open_valid(&observer.opening())?);
    let hq = config.train.asks_for_hq_head();
    let loaded = load_model(&config.model, Some(config.input_size), hq, config.seed, &host())?;
    config.train.check(&loaded.sam)?;
    let mut folder = RunFolder::open(&config.output, start, config)?;
    let sources = train_data.sets().iter().chain(valid_sets.iter().map(|set| &set.source));
    for note in left_out(sources) {
        observer.note(&note);
    }
    // A resumed run's weights come from its state, whatever the model began with.
    if start != Start::Resume {
        for note in &loaded.notes {
            observer.note(note);
        }
    }
    let mut run = Run::new(config, place, loaded.sam, train_data, valid_sets, &mut folder)?;
    run.go(&mut folder, observer)
}

/// A run between its steps.
struct Run<'a> {
    config: &'a TrainConfig,
    place: Place,
    /// Gone only while a step has it.
    model: Option<Sam>,
    adam: Adam,
    loader: Loader,
    valid: Vec<EvalSet>,
    samples: SampleConfig,
    log: RunLog,
    progress: Progress,
    sums: EpochSums,
    watch: DataWatch,
}

impl<'a> Run<'a> {
    fn new(
        config: &'a TrainConfig,
        place: Place,
        mut model: Sam,
        data: Mix,
        valid: Vec<EvalSet>,
        folder: &mut RunFolder,
    ) -> Result<Self> {
        let samples = sample_config(&config.data, &model);

        let mut adam = Adam::default();
        let mut progress = Progress { epoch: config.start_epoch, ..Progress::default() };
        let mut sums = EpochSums::default();
        let mut position = None;
        let log = match folder.resume_point()? {
            None => RunLog::create(&folder.metrics())?,
            Some(point) => {
                let state = state::read(&point)?;
                model = weights::apply_tuned(model, state.weights)?.sam;
                adam = Adam::from_bytes(&state.optimizer, &point, place.device())?;
                progress = state.progress;
                sums = state.sums;
                position = Some(state.loader);
                RunLog::resume(&folder.metrics(), progress.global_step)?
            }
        };
        let encoder_learns = model.encoder_learns(&config.train);
        let model = conventions::remembered(model, config)?;
        let model = place.put(model, encoder_learns).training(&config.train);
        let mut loader = Loader::new(data, loader_config(config, &samples, folder))?;
        if let Some(position) = position {
            loader.restore(position)?;
        }
        Ok(Self {
            config,
            place,
            model: Some(model),
            adam,
            loader,
            valid,
            samples,
            log,
            progress,
            sums,
            watch: DataWatch::default(),
        })
    }

    fn model(&self) -> &Sam {
        self.model.as_ref().expect("the model is back between steps")
    }

    fn go(&mut self, folder: &mut RunFolder, observer: &mut dyn Observer) -> Result<TrainOutcome> {
        let config = self.config;
        let steps = self.loader.batches_per_epoch() as usize;
        let trainable = self.model().trainable_count(&config.train);
        let parameters = parameter_count(self.model());
        observer.started(&RunStart {
            records: self.loader.mix().len(),
            steps_per_epoch: steps,
            epoch: self.progress.epoch,
            epochs: config.max_epoch_num,
            trainable_parameters: trainable,
            parameters,
        });
        let mut outcome = TrainOutcome { checkpoint: None, last: None, stopped: false };
        while self.progress.epoch < config.max_epoch_num {
            let finished = run_epoch(self, steps, folder, observer)?;
            if !finished {
                self.save_state(folder)?;
                self.tell_data(observer, true)?;
                outcome.stopped = true;
                return Ok(outcome);
            }
            let epoch = self.progress.epoch;
            let last = epoch + 1 == config.max_epoch_num;
            let mut entry = self.sums.entry(epoch, &self.progress, config);
            observer.epoch(&entry);
            if let Some(evaluation) = self.validate(observer)? {
                entry.validation.clone_from(&evaluation.sets);
                folder.save_validation(&Validation { epoch, evaluation })?;
            }
            self.log.append(&Entry::Epoch(entry.clone()))?;
            if last || (epoch + 1 - config.start_epoch).is_multiple_of(config.model_save_fre) {
                if let Some(score) = validation_score(&entry)
                    && self.progress.best.is_none_or(|(best, _)| score > best)
                {
                    self.progress.best = Some((score, epoch));
                }
                let best = self.progress.best.map(|(_, epoch)| epoch);
                let path = folder.save_checkpoint(self.model(), epoch, best, &config.train)?;
                outcome.checkpoint = Some(path);
            }
            outcome.last = Some(entry);
            self.progress.next_epoch();
            self.sums = EpochSums::default();
            self.save_state(folder)?;
        }
        if outcome.last.is_some() {
            self.tell_data(observer, true)?;
        }
        Ok(outcome)
    }

    /// The validation of the epoch that ends, where one is due.
    fn validate(&self, observer: &mut dyn Observer) -> Result<Option<Evaluation>> {
        let done = self.progress.epoch + 1;
        let due = done == self.config.max_epoch_num
            || (done - self.config.start_epoch).is_multiple_of(self.config.eval_every);
        let wanted = due && !self.valid.is_empty();
        wanted.then(|| self.evaluate(observer)).transpose()
    }

    fn evaluate(&self, observer: &mut dyn Observer) -> Result<Evaluation> {
        let model = self.model().clone().frozen();
        evaluate(
            &model,
            self.place.device(),
            &self.samples,
            &self.valid,
            &self.config.evaluation,
            observer,
        )
    }

    /// Tells whether training waits for data, if it is time to, or at the `end`.
    fn tell_data(&mut self, observer: &mut dyn Observer, end: bool) -> Result<()> {
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

    fn save_state(&mut self, folder: &mut RunFolder) -> Result<()> {
        let mut loader = self.loader.state();
        if self.progress.step == 0 {
            // Between two epochs the loader still stands at the end of the one that is over.
            loader = LoaderState { epoch: self.progress.epoch as u64, position: 0, ..loader };
        }
        let (progress, sums) = (&self.progress, &self.sums);
        folder.save_state(self.model(), &self.adam, progress, loader, sums, &self.config.train)
    }
}

fn loader_config(config: &TrainConfig, samples: &SampleConfig, folder: &RunFolder) -> LoaderConfig {
    let mut loader = LoaderConfig {
        batch_size: config.batch_size_train,
        seed: config.seed,
        last_batch: config.last_batch,
        prefetch_bytes: config.prefetch_bytes,
        on_refusal: config.on_refusal,
        ledger: Some(folder.ledger()),
        sample: samples.clone(),
        ..LoaderConfig::default()
    };
    if config.workers > 0 {
        loader.workers = config.workers;
        loader.prefetch = config.workers + 2;
    }
    loader
}

/// The number that "best" goes by: mean IoU over the sets of the mask that is trained.
fn validation_score(entry: &EpochEntry) -> Option<f64> {
    let ious: Vec<f64> = entry
        .validation
        .iter()
        .filter_map(|set| set.of(MaskKind::Hq).or_else(|| set.of(MaskKind::Sam)))
        .map(|scores| scores.iou)
        .collect();
    (!ious.is_empty()).then(|| ious.iter().sum::<f64>() / ious.len() as f64)
}
