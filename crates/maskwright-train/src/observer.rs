//! What a run tells while it goes on, and how it is asked to stop.

use maskwright_data::source::OpenContext;

use crate::evaluator::SetMetrics;
use crate::run_log::{EpochEntry, LoaderEntry, StepEntry};

/// What is known before the first step.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStart {
    /// Training records.
    pub records: usize,
    /// Steps of one epoch.
    pub steps_per_epoch: usize,
    /// The epoch that begins (more than the first after a resume).
    pub epoch: usize,
    /// The epoch that the run ends before.
    pub epochs: usize,
    /// Numbers that training may change.
    pub trainable_parameters: usize,
    /// Numbers of the whole model.
    pub parameters: usize,
}

/// A training step that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct StepProgress {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps of this epoch.
    pub steps_per_epoch: usize,
    /// Loss of this step.
    pub loss: f64,
    /// Loss, smoothed over some tens of steps.
    pub smooth_loss: f64,
    /// Images per second, smoothed likewise.
    pub images_per_second: f64,
    /// Seconds that the steps still to come in the whole run will take.
    pub seconds_left: f64,
}

/// Listens to a run. Every method has an empty default.
pub trait Observer {
    /// What the opening of the run's sets reports to.
    fn opening(&self) -> OpenContext<'_> {
        OpenContext::default()
    }
    /// The model and the data are there; training begins.
    fn started(&mut self, _start: &RunStart) {}
    /// A step is done.
    fn step(&mut self, _progress: &StepProgress) {}
    /// A line for `metrics.jsonl` was written.
    fn logged(&mut self, _entry: &StepEntry) {}
    /// What the loader did in the last minute, or in the whole run at its end.
    fn data(&mut self, _entry: &LoaderEntry) {}
    /// `done` of `total` images of `set` are evaluated.
    fn evaluating(&mut self, _set: &str, _done: usize, _total: usize) {}
    /// A set is evaluated.
    fn evaluated(&mut self, _metrics: &SetMetrics) {}
    /// An epoch is over, its validation too.
    fn epoch(&mut self, _entry: &EpochEntry) {}
    /// Something a person should know, that stops nothing.
    fn note(&mut self, _text: &str) {}
    /// Whether the run should stop at the next step, its state saved.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

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
