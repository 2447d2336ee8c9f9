//! The steps of one epoch.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Run;
use super::folder::RunFolder;
use super::state::Progress;
use crate::config::TrainConfig;
use crate::error::Result;
use crate::observer::{Observer, Smooth, StepProgress};
use crate::run_log::{Entry, EpochEntry, StepEntry};
use crate::step::{StepLoss, StepSettings, train_step};

/// Steps over which the shown loss and speed are smoothed.
const SMOOTHING: f64 = 30.0;

/// What an epoch's means are made of. Kept in the state, so that an epoch that was stopped
/// in its middle has the means of all its steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct EpochSums {
    steps: usize,
    total: f64,
    bce: f64,
    dice: f64,
    seconds: f64,
}

impl EpochSums {
    fn add(&mut self, loss: &StepLoss, seconds: f64) {
        self.steps += 1;
        self.total += loss.total;
        self.bce += loss.bce;
        self.dice += loss.dice;
        self.seconds += seconds;
    }

    /// The epoch's means; its validation comes later.
    pub(super) fn entry(
        &self,
        epoch: usize,
        progress: &Progress,
        config: &TrainConfig,
    ) -> EpochEntry {
        let steps = self.steps.max(1) as f64;
        EpochEntry {
            epoch,
            global_step: progress.global_step,
            loss: self.total / steps,
            bce: self.bce / steps,
            dice: self.dice / steps,
            learning_rate: config.schedule().at(epoch),
            seconds: self.seconds,
            validation: Vec::new(),
        }
    }
}

/// Runs the rest of the current epoch; `whole` is the number of steps of later ones. False if the observer asked to stop before its end.
pub(super) fn run_epoch(
    run: &mut Run<'_>,
    whole: usize,
    folder: &mut RunFolder,
    observer: &mut dyn Observer,
) -> Result<bool> {
    let config = run.config;
    let epoch = run.progress.epoch;
    let settings = StepSettings {
        hq_alone: run.model().hq_head_alone_learns(&config.train),
        points: config.points,
        iou_weight: config.iou_weight,
    };
    let learning_rate = config.schedule().at(epoch);
    // A resumed loader stands in the middle of its epoch already.
    if run.progress.step == 0 {
        run.loader.start_epoch(epoch as u64);
    }
    let steps = run.progress.step + run.loader.batches_left() as usize;
    let (mut loss, mut speed) = (Smooth::over(SMOOTHING), Smooth::over(SMOOTHING));
    let mut since_log = EpochSums::default();
    let mut clock = Instant::now();
    while run.progress.step < steps {
        if observer.should_stop() {
            return Ok(false);
        }
        let Some(batch) = run.loader.next() else { break };
        let batch = batch?;
        let model = run.model.take().expect("the model is back between steps");
        let (model, parts) = train_step(
            model,
            &mut run.adam,
            &batch,
            epoch,
            run.progress.step,
            learning_rate,
            &settings,
        )?;
        run.model = Some(model);
        let images = batch.views.len() as f64;
        run.loader.recycle(batch);
        let seconds = clock.elapsed().as_secs_f64();
        clock = Instant::now();
        run.progress.step += 1;
        run.progress.global_step += 1;
        run.sums.add(&parts, seconds);
        since_log.add(&parts, seconds);

        let images_per_second = images / speed.push(seconds).max(1e-9);
        let left = steps - run.progress.step + whole * (config.max_epoch_num - epoch - 1);
        observer.step(&StepProgress {
            epoch,
            step: run.progress.step,
            steps_per_epoch: steps,
            loss: parts.total,
            smooth_loss: loss.push(parts.total),
            images_per_second,
            seconds_left: left as f64 * speed.value(),
        });
        if run.progress.global_step.is_multiple_of(config.log_every) || run.progress.step == steps {
            let entry = step_entry(run, &since_log, learning_rate);
            run.log.append(&Entry::Step(entry.clone()))?;
            observer.logged(&entry);
            since_log = EpochSums::default();
        }
        run.tell_data(observer, false)?;
        let save = config.save_every > 0
            && run.progress.global_step.is_multiple_of(config.save_every)
            && run.progress.step < steps;
        if save {
            run.save_state(folder)?;
        }
    }
    Ok(true)
}

fn step_entry(run: &Run<'_>, sums: &EpochSums, learning_rate: f64) -> StepEntry {
    let steps = sums.steps as f64;
    StepEntry {
        epoch: run.progress.epoch,
        step: run.progress.step,
        global_step: run.progress.global_step,
        loss: sums.total / steps,
        bce: sums.bce / steps,
        dice: sums.dice / steps,
        learning_rate,
        images_per_second: steps * run.config.batch_size_train as f64 / sums.seconds.max(1e-9),
    }
}
