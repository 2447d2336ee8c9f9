//! The steps of one epoch.

use std::time::Instant;

use maskwright_data::batch::TrainBatch;

use super::folder::RunFolder;
use super::run::Run;
use super::state::LossSums;
use crate::error::Result;
use crate::observer::{Observer, Smooth, StepProgress};
use crate::run_log::{Entry, StepEntry};
use crate::times::{Lap, TrainTimes};

/// Steps over which the shown loss and speed are smoothed.
const SMOOTHING: f64 = 30.0;

/// Runs the rest of the current epoch; `whole` is the number of steps of later ones. False if the
/// observer asked to stop before its end.
pub(super) fn run_epoch(
    run: &mut Run<'_>,
    whole: usize,
    folder: &mut RunFolder,
    observer: &mut dyn Observer,
) -> Result<bool> {
    let config = run.config;
    let epoch = run.progress.epoch;
    let accumulate = config.train.accumulate;
    let (log_every, save_every) =
        (config.train.log_every_steps, config.checkpoints.state_every_steps);
    // A resumed loader stands in the middle of its epoch already.
    if run.progress.step == 0 {
        run.loader.start_epoch(epoch as u64);
    }
    let steps = run.progress.step + run.loader.batches_left() as usize;
    let (mut loss, mut speed) = (Smooth::over(SMOOTHING), Smooth::over(SMOOTHING));
    let mut clock = Instant::now();
    while run.progress.step < steps {
        if observer.should_stop() {
            return Ok(false);
        }
        let (mut lap, mut waited) = (Lap::start(), 0.0);
        let Some(batch) = run.loader.next() else { break };
        let batch = batch?;
        lap.add_to(&mut waited);
        let learning_rate = run.learning_rate();
        let done = run.progress.step + 1;
        // Batches too few for an update make one at the end of the epoch.
        let last = done.is_multiple_of(accumulate) || done == steps;
        let learned = run.learner.learn(&batch, last, learning_rate)?;
        let times = TrainTimes { data: waited, ..learned.times };
        run.times.add(&times);
        let images = batch.views.len() as f64;
        let records = learned.skipped.map(|what| (what, records(&batch)));
        run.loader.recycle(batch);
        let seconds = clock.elapsed().as_secs_f64();
        clock = Instant::now();
        run.progress.step += 1;
        run.progress.global_step += 1;
        let values = learned.values;
        let mut smooth_loss = loss.value();
        match records {
            None => {
                run.progress.skipped = 0;
                run.sums.add(&values, seconds);
                run.since_log.add(&values, seconds);
                smooth_loss = loss.push(values.total);
            }
            Some((what, records)) => {
                run.progress.skipped += 1;
                run.sums.add_skipped(seconds);
                run.since_log.add_skipped(seconds);
                run.skip(what, values.total, records, observer)?;
            }
        }

        let images_per_second = images / speed.push(seconds).max(1e-9);
        let left = steps - run.progress.step + whole * (config.train.epochs - epoch - 1);
        observer.step(&StepProgress {
            epoch,
            step: run.progress.step,
            steps_per_epoch: steps,
            loss: values.total,
            smooth_loss,
            images_per_second,
            seconds_left: left as f64 * speed.value(),
            times,
        });
        let global_step = run.progress.global_step;
        let told = global_step.is_multiple_of(log_every) || run.progress.step == steps;
        if told && run.since_log.steps > 0 {
            let sums = std::mem::take(&mut run.since_log);
            let entry = step_entry(run, &sums, learning_rate);
            run.write_log(&Entry::Step(entry.clone()), observer);
            observer.logged(&entry);
        }
        run.tell_data(observer, false);
        let due = save_every > 0 && global_step.is_multiple_of(save_every);
        if due && run.progress.step < steps {
            run.try_save_state(folder, observer);
        }
    }
    Ok(true)
}

/// The records of a batch, as `set/name`.
fn records(batch: &TrainBatch) -> Vec<String> {
    batch.views.iter().map(|view| format!("{}/{}", view.set, view.name)).collect()
}

fn step_entry(run: &Run<'_>, sums: &LossSums, learning_rate: f64) -> StepEntry {
    let images = sums.steps * run.config.train.batch_size;
    StepEntry {
        epoch: run.progress.epoch,
        step: run.progress.step,
        global_step: run.progress.global_step,
        loss: sums.means(),
        learning_rate,
        images_per_second: images as f64 / sums.seconds.max(1e-9),
    }
}
