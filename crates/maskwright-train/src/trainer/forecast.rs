//! What a run will take, from a few steps that are measured and thrown away.

use std::time::Instant;

use maskwright_data::loader::Loader;
use maskwright_model::Fresh;
use maskwright_model::load::parameter_count;
use serde::{Deserialize, Serialize};

use super::learner::Learner;
use super::prepared::{Prepared, learning};
use super::run::{evaluation, loader_config};
use crate::config::TrainConfig;
use crate::error::Result;
use crate::evaluator::{EvalConfig, evaluate};
use crate::features::Making;
use crate::observer::{Observer, Silent};

/// Steps that are measured, after one that is not: its memory is new.
const STEPS: usize = 3;

/// What a run will take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The side of the model's square input in pixels.
    pub input_size: usize,
    /// The number of values that learn.
    pub trainable_parameters: usize,
    /// The number of values in the whole model.
    pub parameters: usize,
    /// The number of samples in an epoch.
    pub records: usize,
    /// The number of steps of an epoch.
    pub steps_per_epoch: usize,
    /// The number of epochs of the run.
    pub epochs: usize,
    /// Seconds of a step, from a cache of features where the run has one.
    pub seconds_per_step: f64,
    /// Seconds of an epoch without its validation.
    pub seconds_per_epoch: f64,
    /// Seconds of a validation of all sets, of which a few images were measured; 0 if there are none.
    pub seconds_per_validation: f64,
    /// The largest memory that the process had so far, in bytes; `None` where the system does not say.
    pub peak_memory: Option<u64>,
    /// The cache of features, if the run makes one.
    pub cache: Option<CacheForecast>,
    /// Seconds of the whole run, its cache and validations included.
    pub seconds: f64,
}

/// What a cache of features will take, if nothing of it is there yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheForecast {
    /// The number of views.
    pub views: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Seconds to make it.
    pub seconds: f64,
}

/// Measures a few steps of a run and says what all of it will take. Nothing is written.
///
/// # Errors
/// As [`train`](super::train), save what is about the output folder.
pub fn forecast(config: &TrainConfig, observer: &mut dyn Observer) -> Result<Forecast> {
    config.validate()?;
    let Prepared { config, place, train, valid, loaded, samples } =
        Prepared::open(config, observer)?;
    let input_size = loaded.sam.config().image_size;
    let loaded_fresh = loaded.fresh;
    let model = learning(loaded.sam, &config, &place)?;
    let trainable = model.trainable_count(&config.train.learns);
    let parameters = parameter_count(&model);
    let records = train.len();
    let made = match config.cache.keep {
        true => {
            let making = Making { config: &config, model: &model, mix: &train, samples: &samples };
            Some(making.measure()?)
        }
        false => None,
    };
    let mut learner = Learner::new(&config, model, None, None, place.device())?;
    // As in the run, images of which all is kept are not decoded.
    let kept = 0..made.as_ref().map_or(0, |_| config.train.views);
    let kept = kept.flat_map(|view| (0..records as u64).map(move |record| (view, record)));
    let mut loader = Loader::new(train, loader_config(&config, &samples, None, kept.collect()))?;
    let steps_per_epoch = loader.batches_per_epoch() as usize;

    let mut seconds = Vec::new();
    loader.start_epoch(config.train.first_epoch as u64);
    for step in 0..=STEPS.min(steps_per_epoch) {
        let start = Instant::now();
        let batch = match loader.next() {
            Some(batch) => batch?,
            // Of a short epoch the next one follows.
            None => {
                loader.start_epoch(step as u64);
                loader.next().expect("an epoch has a batch")?
            }
        };
        let rate = config.optimizer.learning_rate;
        match &made {
            Some(made) => {
                let state = made.state(batch.views.len(), &learner.model().device());
                learner.learn_from(state, &batch, true, rate)?
            }
            None => learner.learn(&batch, true, rate)?,
        };
        if step > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
        loader.recycle(batch);
    }
    seconds.sort_by(f64::total_cmp);
    let seconds_per_step = seconds[seconds.len() / 2];
    drop(loader);

    let settings = evaluation(&config);
    let images: usize = valid.iter().map(|set| settings.records(set)).sum();
    let seconds_per_validation = match images {
        0 => 0.0,
        _ => {
            let few = EvalConfig { limit: 2, ..settings.clone() };
            let measured: usize = valid.iter().map(|set| few.records(set)).sum();
            let model = learner.model().clone().merged().frozen();
            let start = Instant::now();
            evaluate(&model, place.device(), &samples, &valid, &few, &mut Silent)?;
            start.elapsed().as_secs_f64() * images as f64 / measured as f64
        }
    };
    let epochs = config.train.epochs - config.train.first_epoch;
    let seconds_per_epoch = seconds_per_step * steps_per_epoch as f64;
    let before = config.validation.before && loaded_fresh != Fresh::All;
    let validations = epochs.div_ceil(config.validation.every_epochs) + usize::from(before);
    let validations = validations as f64;
    let cache = made.map(|made| {
        let views = config.train.views * records as u64;
        let (bytes, seconds) = (views * made.bytes() as u64, made.seconds * views as f64);
        CacheForecast { views, bytes, seconds }
    });
    let made = cache.as_ref().map_or(0.0, |cache: &CacheForecast| cache.seconds);
    Ok(Forecast {
        input_size,
        trainable_parameters: trainable,
        parameters,
        records,
        steps_per_epoch,
        epochs,
        seconds_per_step,
        seconds_per_epoch,
        seconds_per_validation,
        peak_memory: peak_memory(),
        cache,
        seconds: made + epochs as f64 * seconds_per_epoch + validations * seconds_per_validation,
    })
}

/// The largest resident memory of this process so far, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
