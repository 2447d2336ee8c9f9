//! What a run reports while it trains, and how it is asked to stop.

use maskwright_data::source::OpenContext;

use crate::evaluator::{ClickMetrics, EvalTimes, SetMetrics};
use crate::run_log::{BeforeEntry, EpochEntry, LoaderEntry, StepEntry};
use crate::times::TrainTimes;

/// What is known before the first step.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStart {
    /// The number of samples in an epoch.
    pub records: usize,
    /// The number of steps of one epoch.
    pub steps_per_epoch: usize,
    /// The samples of an epoch, other ones each time, that are too few for a last batch and are left out.
    pub left_over: usize,
    /// The epoch that begins now, from 0; after a resume it is later than the first.
    pub epoch: usize,
    /// The number of the epoch before which the run ends.
    pub epochs: usize,
    /// The side of the model's square input in pixels.
    pub input_size: usize,
    /// The number of values that learn.
    pub trainable_parameters: usize,
    /// The number of values in the whole model.
    pub parameters: usize,
}

/// A training step that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct StepProgress {
    /// Epoch, from 0.
    pub epoch: usize,
    /// The number of steps done in this epoch.
    pub step: usize,
    /// The number of steps of this epoch.
    pub steps_per_epoch: usize,
    /// The loss of this step.
    pub loss: f64,
    /// The loss, smoothed over about 30 steps.
    pub smooth_loss: f64,
    /// Images per second, smoothed in the same way.
    pub images_per_second: f64,
    /// The estimated time in seconds for all remaining steps of the run.
    pub seconds_left: f64,
    /// Where the time of this step went.
    pub times: TrainTimes,
}

/// Receives the reports of a run or an evaluation. Every method has a default that does nothing.
pub trait Observer {
    /// Returns the context in which data sets are opened, which receives the progress of indexing.
    fn opening(&self) -> OpenContext<'_> {
        OpenContext::default()
    }
    /// Called when the model and the data are ready and training begins.
    fn started(&mut self, _start: &RunStart) {}
    /// Called when the model has been evaluated on a set as it came, before the first step.
    fn before_evaluated(&mut self, _metrics: &SetMetrics) {}
    /// Called when the model has been validated as it came, and the log says so.
    fn before(&mut self, _entry: &BeforeEntry) {}
    /// Called while features of views are computed that are kept: `done` of `total` views.
    fn caching(&mut self, _done: usize, _total: usize) {}
    /// Called after every training step.
    fn step(&mut self, _progress: &StepProgress) {}
    /// Called when a `"step"` line was written to `metrics.jsonl`.
    fn logged(&mut self, _entry: &StepEntry) {}
    /// Called about once a minute with what the loader did since the last call, and at the end with what
    /// it did in the whole run.
    fn data(&mut self, _entry: &LoaderEntry) {}
    /// Called while a set is evaluated: `done` of `total` images of `set` have been evaluated.
    fn evaluating(&mut self, _set: &str, _done: usize, _total: usize) {}
    /// Called when a set has been evaluated under one kind of prompt.
    fn evaluated(&mut self, _metrics: &SetMetrics) {}
    /// Called when clicks on the objects of a set have been evaluated for one of the model's masks.
    fn clicked(&mut self, _metrics: &ClickMetrics) {}
    /// Called when all sets have been evaluated, with the time that it took.
    fn timed(&mut self, _times: &EvalTimes) {}
    /// Called when averaged weights have been evaluated on a set under one kind of prompt, which follows the evaluation
    /// of the weights themselves.
    fn average_evaluated(&mut self, _metrics: &SetMetrics) {}
    /// Called when the validation of an epoch is over and its predictions are in the run's folder. It follows
    /// [`epoch`](Self::epoch).
    fn validated(&mut self, _entry: &EpochEntry) {}
    /// Called when the training of an epoch is over; its validation follows.
    fn epoch(&mut self, _entry: &EpochEntry) {}
    /// Called with a remark for the user. The run goes on.
    fn note(&mut self, _text: &str) {}
    /// Called with `true` when nothing would be lost if the process ended at once: while data are opened, and
    /// while a model is evaluated whose state has been saved. A run begins with `true`.
    fn may_end(&self, _may: bool) {}
    /// Returns whether the run should save its state and stop after the current step. An evaluation stops
    /// after the current image.
    fn should_stop(&self) -> bool {
        false
    }
}

/// An observer that ignores all reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// An observer of an evaluation of other weights than those that learn, whose results are reported as such by `evaluated`.
pub(crate) struct OfOthers<'a, F> {
    pub(crate) observer: &'a mut dyn Observer,
    pub(crate) evaluated: F,
}

impl<F: FnMut(&mut dyn Observer, &SetMetrics)> Observer for OfOthers<'_, F> {
    fn evaluating(&mut self, set: &str, done: usize, total: usize) {
        self.observer.evaluating(set, done, total);
    }

    fn evaluated(&mut self, metrics: &SetMetrics) {
        (self.evaluated)(self.observer, metrics);
    }

    fn note(&mut self, text: &str) {
        self.observer.note(text);
    }

    fn may_end(&self, may: bool) {
        self.observer.may_end(may);
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}

/// A running mean that forgets: each value weighs `1 / window`, the first ones more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Smooth {
    window: f64,
    seen: f64,
    value: f64,
}

impl Smooth {
    pub(crate) fn over(window: f64) -> Self {
        Self { window, seen: 0.0, value: 0.0 }
    }

    pub(crate) fn push(&mut self, value: f64) -> f64 {
        self.seen = (self.seen + 1.0).min(self.window);
        self.value += (value - self.value) / self.seen;
        self.value
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::Smooth;

    #[test]
    fn smooth_is_the_mean_until_its_window_is_full() {
        let mut smooth = Smooth::over(4.0);
        smooth.push(1.0);
        assert_eq!(smooth.push(3.0), 2.0);
        for _ in 0..100 {
            smooth.push(10.0);
        }
        assert!((smooth.push(10.0) - 10.0).abs() < 1e-9);
    }
}
