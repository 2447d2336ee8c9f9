//! The training loop, from settings to a folder of results.
//!
//! ```text
//! OUTPUT/
//!   config.toml                       the settings as they were resolved
//!   inputs.json                       what the run read, to be known again when it is resumed
//!   metrics.jsonl                     loss as it goes, validation after each epoch, and
//!                                     whether training waits for data
//!   validation_before.json            the validation of the model as it came, image by image
//!   validation.json                   the last validation, image by image
//!   ledger.jsonl                      records that could not be used
//!   epoch_N.safetensors               what was tuned, after epoch N
//!   sam_hq_epoch_N.safetensors        the whole model (the newest, and the best so far)
//!   best.safetensors                  the whole model of the best epoch so far
//!   *_ema.safetensors                 both with averaged weights, where there are such
//!   resume-STEP/                      what a resumed run continues from
//! ```
//!
//! Reports with pages and pictures are made from that folder afterwards; [`run_files`](crate::run_files)
//! reads it.
//!
//! The result of a run depends only on its settings and the files that they name. A run that is stopped
//! at any step and resumed ends with the same weights as one that was never stopped.
//!
//! ```
//! use maskwright_train::TrainConfig;
//! use maskwright_train::observer::{Observer, Silent, StepProgress};
//! use maskwright_train::trainer::{Start, train};
//!
//! /// Asks to stop after the first step.
//! struct OneStep(bool);
//!
//! impl Observer for OneStep {
//!     fn step(&mut self, _progress: &StepProgress) {
//!         self.0 = true;
//!     }
//!     fn should_stop(&self) -> bool {
//!         self.0
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let pictures = maskwright_demo::DemoConfig { train: 4, valid: 1, ..Default::default() };
//! # let set = maskwright_demo::write(&pictures, temporary.path())?;
//! # let folder = temporary.path().join("run");
//! # let data = maskwright_data::source::DataFile::read(&set.data_file)?;
//! # let mut config = TrainConfig::new(data, folder.clone());
//! # config.model.config = Some(maskwright_model::SamConfig::small(64, 16, 32, 2));
//! # config.model.input_size = Some(64);
//! # config.train.batch_size = 2;
//! # config.train.epochs = 1;
//! let stopped = train(&config, Start::Fresh, &mut OneStep(false))?;
//! assert!(stopped.stopped);
//!
//! // Later, in another process: the folder has the settings and the state.
//! let config = TrainConfig::read_from_run(&folder)?;
//! let outcome = train(&config, Start::Resume, &mut Silent)?;
//! assert!(!outcome.stopped && outcome.checkpoint.is_some());
//! # Ok(())
//! # }
//! ```

mod data_watch;
mod epoch;
mod folder;
mod forecast;
mod former;
pub mod fuzzing;
mod inputs;
mod learner;
mod prepared;
mod run;
mod state;

use std::path::PathBuf;

use maskwright_model::load::parameter_count;
use serde::Serialize;

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::{SetMetrics, check_sets};
use crate::features::Making;
use crate::observer::{Observer, OfOthers, RunStart};
use crate::provenance;
use crate::run_files::{RunFiles, Validation};
use crate::run_log::{Entry, EpochEntry};
use crate::times::Lap;
use crate::verdict::Verdict;
use epoch::run_epoch;
pub use folder::Start;
use folder::{Models, RunFolder, Saved};
pub use forecast::{CacheForecast, Forecast, forecast};
use inputs::Inputs;
pub use inputs::{held_out_differ, other_validation};
use prepared::{Prepared, learning};
use run::{Run, evaluation};
use state::LossSums;

/// The result of [`train`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TrainOutcome {
    /// The checkpoint of the whole model that was written last, if there is one.
    #[serde(serialize_with = "maskwright_data::lossy::optional")]
    pub checkpoint: Option<PathBuf>,
    /// The same with averaged weights, if there are such.
    #[serde(
        serialize_with = "maskwright_data::lossy::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub average: Option<PathBuf>,
    /// How the validations compare: the best, the last, and that before the first step. None where nothing was validated.
    pub verdict: Option<Verdict>,
    /// The last epoch that was finished in this call, if there is one.
    pub last: Option<EpochEntry>,
    /// Whether the observer stopped the run before its end. [`Start::Resume`] continues it.
    pub stopped: bool,
}

/// Trains a model as `config` says and writes everything into `config.output`. `start` says what happens
/// if that folder already has a run; `observer` receives the progress and can stop the run.
///
/// # Errors
/// Settings that contradict each other, data or checkpoints that cannot be read, an output folder that
/// already has a run ([`Start`]), a loss or gradient that is no number in several steps in a row, and failed writes. Files
/// that were written before the error stay valid.
pub fn train(
    config: &TrainConfig,
    start: Start,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    config.validate()?;
    // Everything that can be refused is looked at before anything in the folder is changed.
    let mut folder = RunFolder::open(start, config)?;
    let Prepared { config, place, train, valid, loaded, samples } =
        Prepared::open(config, observer)?;
    let config = &config;
    if folder.is_begun_again() {
        observer.note(&format!(
            "{}: the run that was begun here had saved nothing yet; it begins again",
            folder.path().display()
        ));
    }
    let inputs = Inputs::of(config, train.sets(), &valid)?;
    if folder.is_resumed() {
        for note in folder.check(&inputs)? {
            observer.note(&note);
        }
    } else {
        // A resumed run's weights come from its state, whatever the model began with.
        for note in &loaded.notes {
            observer.note(note);
        }
        let evaluation = evaluation(config);
        evaluation.clicks.as_ref().map_or(Ok(()), |clicks| clicks.check(&loaded.sam).map(drop))?;
        for note in check_sets(&samples, &valid, &evaluation, observer)? {
            observer.note(&note);
        }
    }
    // The folder is as it was while features are made: if that is stopped, the same call goes on with it.
    let cache = match config.cache.keep {
        true => {
            let model = &learning(loaded.sam.clone(), config, &place)?;
            Some(Making { config, model, mix: &train, samples: &samples }.make(observer)?)
        }
        false => None,
    };
    folder.begin(config, &inputs)?;
    let training = provenance::of(config, train.sets(), inputs.checkpoint())?;
    let (data, model) = ((train, cache, valid), (loaded.sam, loaded.fresh, training));
    let mut run = Run::new(config, place, model, samples, data, &mut folder, observer)?;
    let mut outcome = go(&mut run, &mut folder, observer)?;
    // What the log says is more than what this process has seen of a run that was resumed.
    let whole = RunFiles::read(folder.path()).ok();
    outcome.verdict = whole.as_ref().and_then(Verdict::of);
    Ok(outcome)
}

/// The epochs that are left.
fn go(
    run: &mut Run<'_>,
    folder: &mut RunFolder,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    let learning = &run.config.train;
    let steps = run.loader.batches_per_epoch() as usize;
    let mut outcome = TrainOutcome::default();
    if run.is_out_of_patience() {
        observer.note(&format!("the run has ended: {}", run.no_better()));
        return Ok(outcome);
    }
    observer.started(&RunStart {
        records: run.loader.mix().len(),
        steps_per_epoch: steps,
        left_over: run.loader.mix().len().saturating_sub(steps * learning.batch_size),
        epoch: run.progress.epoch,
        epochs: learning.epochs,
        input_size: run.model().config().image_size,
        trainable_parameters: run.model().trainable_count(&learning.learns),
        parameters: parameter_count(run.model()),
    });
    observer.may_end(false);
    if !validate_before(run, folder, observer)? {
        run.save_state(folder)?;
        outcome.stopped = true;
        return Ok(outcome);
    }
    while run.progress.epoch < learning.epochs && !run.is_out_of_patience() {
        let finished = run_epoch(run, steps, folder, observer)?;
        if !finished {
            run.save_state(folder)?;
            outcome.stopped = true;
            break;
        }
        let mut entry = EpochEntry {
            epoch: run.progress.epoch,
            global_step: run.progress.global_step,
            loss: run.sums.means(),
            learning_rate: run.learning_rate(),
            seconds: run.sums.seconds,
            validation: Vec::new(),
            average_validation: Vec::new(),
            clicks: Vec::new(),
            average_clicks: Vec::new(),
        };
        observer.epoch(&entry);
        let mut best = false;
        if run.validates() {
            // Whatever the validation meets, the epoch's training is kept.
            run.try_save_state(folder, observer);
            observer.may_end(true);
            let mut lap = Lap::start();
            let validated = validate(run, &mut entry, folder, observer);
            lap.add_to(&mut run.times.validation);
            observer.may_end(false);
            match validated {
                Err(Error::Stopped) => {
                    outcome.stopped = true;
                    break;
                }
                validated => validated?,
            }
            best = run.judge(&entry);
            observer.validated(&entry);
        }
        run.write_log(&Entry::Epoch(entry.clone()), observer);
        let mut lap = Lap::start();
        let saved = save_checkpoint(run, &entry, folder, &mut outcome, observer)?;
        if best {
            save_best(run, saved.then_some(&outcome), folder, observer);
        }
        lap.add_to(&mut run.times.saving);
        let epoch = entry.epoch;
        outcome.last = Some(entry);
        run.progress.next_epoch();
        run.sums = LossSums::default();
        run.try_save_state(folder, observer);
        run.log_times(epoch, observer);
    }
    if outcome.stopped {
        run.log_times(run.progress.epoch, observer);
    }
    observer.may_end(true);
    if outcome.last.is_some() || outcome.stopped {
        run.tell_data(observer, true);
    }
    Ok(outcome)
}

/// Validates the model as it came, if that is still to be done. Returns false if it was asked to stop meanwhile; then a resumed run
/// does it again.
fn validate_before(
    run: &mut Run<'_>,
    folder: &RunFolder,
    observer: &mut dyn Observer,
) -> Result<bool> {
    if !run.validates_before() {
        return Ok(true);
    }
    let mut lap = Lap::start();
    let mut seconds = 0.0;
    let evaluation = match run.evaluate_before(observer) {
        Err(Error::Stopped) => return Ok(false),
        evaluation => evaluation?,
    };
    lap.add_to(&mut seconds);
    run.times.validation += seconds;
    run.book_validation(&evaluation, observer);
    if let Err(error) = folder.save_before(&evaluation) {
        run.say_unwritten(&error.to_string(), observer);
    }
    run.log_before(&evaluation, seconds, observer);
    Ok(true)
}

/// Validates the epoch that is over: the weights that learned, and the averaged ones beside them.
fn validate(
    run: &mut Run<'_>,
    entry: &mut EpochEntry,
    folder: &RunFolder,
    observer: &mut dyn Observer,
) -> Result<()> {
    let evaluation = run.evaluate(run.model(), observer)?;
    if let Some(averaged) = run.learner.averaged() {
        let evaluated = |observer: &mut dyn Observer, metrics: &SetMetrics| {
            observer.average_evaluated(metrics);
        };
        let evaluation = run.evaluate(&averaged, &mut OfOthers { observer, evaluated })?;
        entry.average_validation = evaluation.sets;
        entry.average_clicks = evaluation.clicks;
    }
    run.book_validation(&evaluation, observer);
    entry.validation.clone_from(&evaluation.sets);
    entry.clicks.clone_from(&evaluation.clicks);
    let validation = Validation { epoch: entry.epoch, evaluation };
    if let Err(error) = folder.save_validation(&validation) {
        run.say_unwritten(&error.to_string(), observer);
    }
    Ok(())
}

/// Keeps the model of the epoch that is over as the best so far: the file that was just `saved` under a further name, or a file of its own.
fn save_best(
    run: &mut Run<'_>,
    saved: Option<&TrainOutcome>,
    folder: &RunFolder,
    observer: &mut dyn Observer,
) {
    let averaged = run.learner.averaged();
    let file = saved.and_then(|saved| match averaged {
        Some(_) => saved.average.as_deref(),
        None => saved.checkpoint.as_deref(),
    });
    let kept = match file {
        Some(file) => folder.link_best(file),
        None => folder.save_best(averaged.as_ref().unwrap_or(run.model())),
    };
    if let Err(error) = kept {
        run.say_unwritten(&error.to_string(), observer);
    }
}

/// Writes the checkpoints of the epoch that is over, if they are due; returns whether they were.
fn save_checkpoint(
    run: &mut Run<'_>,
    entry: &EpochEntry,
    folder: &mut RunFolder,
    outcome: &mut TrainOutcome,
    observer: &mut dyn Observer,
) -> Result<bool> {
    let (learning, checkpoints) = (&run.config.train, &run.config.checkpoints);
    let (epoch, done) = (entry.epoch, entry.epoch + 1);
    let over = run.is_out_of_patience();
    let last = done == learning.epochs || over;
    let due = (done - learning.first_epoch).is_multiple_of(checkpoints.every_epochs);
    if !(due || last) {
        return Ok(false);
    }
    if let Some(score) = entry.score(&checkpoints.best_by)
        && run.progress.best.is_none_or(|(best, _)| score > best)
    {
        run.progress.best = Some((score, epoch));
    }
    let best = run.progress.best.map(|(_, epoch)| epoch);
    let averaged = run.learner.averaged();
    let models = Models { own: run.model(), averaged: averaged.as_ref() };
    let saved =
        match folder.save_checkpoint(&models, epoch, best, &learning.learns, checkpoints.keep) {
            Ok(Saved { whole, average }) => {
                outcome.checkpoint = Some(whole);
                outcome.average = average;
                true
            }
            // The model of the last epoch is what the run is for.
            Err(error) if last => return Err(error),
            Err(error) => {
                run.say_unwritten(&error.to_string(), observer);
                false
            }
        };
    if over {
        let why = run.no_better();
        observer.note(&format!("the run ends after epoch {done}: {why}"));
    }
    Ok(saved)
}
