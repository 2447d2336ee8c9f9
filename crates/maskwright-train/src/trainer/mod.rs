//! The training loop, from settings to a folder of results.
//!
//! ```text
//! OUTPUT/
//!   config.toml                       the settings as they were resolved
//!   inputs.json                       what the run read, to be known again when it is resumed
//!   metrics.jsonl                     loss as it goes, validation after each epoch, and
//!                                     whether training waits for data
//!   validation.json                   the last validation, image by image
//!   ledger.jsonl                      records that could not be used
//!   epoch_N.safetensors               what was tuned, after epoch N
//!   sam_hq_epoch_N.safetensors        the whole model (the newest, and the best so far)
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
mod former;
pub mod fuzzing;
mod inputs;
mod run;
mod state;

use std::path::PathBuf;

use maskwright_model::MaskKind;
use maskwright_model::device::host;
use maskwright_model::load::{load_model, parameter_count};
use serde::Serialize;

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::{check_sets, left_out, open_sets, sample_config};
use crate::observer::{Observer, RunStart};
use crate::run_files::Validation;
use crate::run_log::{Entry, EpochEntry};
use epoch::run_epoch;
use folder::RunFolder;
pub use folder::Start;
use inputs::Inputs;
use run::{Run, evaluation};
use state::LossSums;

/// The result of [`train`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainOutcome {
    /// The checkpoint of the whole model that was written last, if there is one.
    #[serde(serialize_with = "maskwright_data::lossy::optional")]
    pub checkpoint: Option<PathBuf>,
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
/// already has a run ([`Start`]), a loss that is NaN or infinite, and failed writes. Files that were
/// written before the error stay valid.
pub fn train(
    config: &TrainConfig,
    start: Start,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    config.validate()?;
    let place = config.compute.compute().open()?;
    // Everything that can be refused is looked at before anything in the folder is changed.
    let mut folder = RunFolder::open(start, config)?;
    let train_data = config.data.train_mix(&observer.opening())?;
    let valid_sets = open_sets(config.data.open_valid(&observer.opening())?);
    // What was found out about the data is written down with the settings.
    let mut settled = config.clone();
    let opened = train_data.sets().iter().chain(valid_sets.iter().map(|set| &set.source));
    settled.data.settle_ranges(opened);
    let config = &settled;
    let hq = config.train.learns.asks_for_hq_head();
    let loaded = load_model(&config.model, hq, config.train.seed, &host())?;
    config.train.learns.check(&loaded.sam)?;
    let inputs = Inputs::of(config, train_data.sets(), &valid_sets)?;
    let sources = train_data.sets().iter().chain(valid_sets.iter().map(|set| &set.source));
    for note in left_out(sources) {
        observer.note(&note);
    }
    let samples = config.compute.bounded(sample_config(&config.data, &loaded.sam));
    if folder.is_resumed() {
        for note in folder.check(&inputs)? {
            observer.note(&note);
        }
    } else {
        // A resumed run's weights come from its state, whatever the model began with.
        for note in &loaded.notes {
            observer.note(note);
        }
        for note in check_sets(&samples, &valid_sets, &evaluation(config), observer)? {
            observer.note(&note);
        }
    }
    folder.begin(config, &inputs)?;
    let data = (train_data, valid_sets);
    let mut run = Run::new(config, place, loaded.sam, samples, data, &mut folder, observer)?;
    go(&mut run, &mut folder, observer)
}

/// The epochs that are left.
fn go(
    run: &mut Run<'_>,
    folder: &mut RunFolder,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    let (learning, checkpoints) = (&run.config.train, &run.config.checkpoints);
    let steps = run.loader.batches_per_epoch() as usize;
    observer.started(&RunStart {
        records: run.loader.mix().len(),
        steps_per_epoch: steps,
        epoch: run.progress.epoch,
        epochs: learning.epochs,
        trainable_parameters: run.model().trainable_count(&learning.learns),
        parameters: parameter_count(run.model()),
    });
    let mut outcome = TrainOutcome { checkpoint: None, last: None, stopped: false };
    observer.may_end(false);
    while run.progress.epoch < learning.epochs {
        let finished = run_epoch(run, steps, folder, observer)?;
        if !finished {
            run.save_state(folder)?;
            outcome.stopped = true;
            break;
        }
        let epoch = run.progress.epoch;
        let mut entry = EpochEntry {
            epoch,
            global_step: run.progress.global_step,
            loss: run.sums.means(),
            learning_rate: run.learning_rate(),
            seconds: run.sums.seconds,
            validation: Vec::new(),
        };
        observer.epoch(&entry);
        if run.validates() {
            // Whatever the validation meets, the epoch's training is kept.
            run.try_save_state(folder, observer);
            observer.may_end(true);
            let evaluated = run.evaluate(observer);
            observer.may_end(false);
            let evaluation = match evaluated {
                Err(Error::Stopped) => {
                    outcome.stopped = true;
                    break;
                }
                evaluated => evaluated?,
            };
            run.book_refusals(&evaluation.refused);
            entry.validation.clone_from(&evaluation.sets);
            if let Err(error) = folder.save_validation(&Validation { epoch, evaluation }) {
                run.say_unwritten(&error.to_string(), observer);
            }
        }
        run.write_log(&Entry::Epoch(entry.clone()), observer);
        let done = epoch + 1;
        let due = (done - learning.first_epoch).is_multiple_of(checkpoints.every_epochs);
        if due || done == learning.epochs {
            if let Some(score) = validation_score(&entry)
                && run.progress.best.is_none_or(|(best, _)| score > best)
            {
                run.progress.best = Some((score, epoch));
            }
            let best = run.progress.best.map(|(_, epoch)| epoch);
            match folder.save_checkpoint(run.model(), epoch, best, &learning.learns) {
                Ok(path) => outcome.checkpoint = Some(path),
                // The model of the last epoch is what the run is for.
                Err(error) if done == learning.epochs => return Err(error),
                Err(error) => run.say_unwritten(&error.to_string(), observer),
            }
        }
        outcome.last = Some(entry);
        run.progress.next_epoch();
        run.sums = LossSums::default();
        run.try_save_state(folder, observer);
    }
    observer.may_end(true);
    if outcome.last.is_some() || outcome.stopped {
        run.tell_data(observer, true);
    }
    Ok(outcome)
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
