//! What the view of a run knows.

use std::collections::VecDeque;

use maskwright_model::MaskKind;
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{MaskScores, SetMetrics};
use maskwright_train::observer::{RunStart, StepProgress};
use maskwright_train::run_log::{BeforeEntry, Entry, EpochEntry, LoaderEntry};
use maskwright_train::times::TrainTimes;

use crate::shown::shown;

/// Points of a curve; a longer one loses every other.
const POINTS: usize = 2000;
/// Lines that are kept for when the view is left; of more the last.
const LINES: usize = 5000;
/// How much of the shown times a step changes.
const NEWEST: f64 = 0.1;

/// A curve of a value over something that grows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    pub(super) points: Vec<(f64, f64)>,
    /// Of so many values one becomes a point.
    every: usize,
    seen: usize,
}

impl Curve {
    fn push(&mut self, x: f64, y: f64) {
        self.every = self.every.max(1);
        self.seen += 1;
        if y.is_finite() && self.seen.is_multiple_of(self.every) {
            self.points.push((x, y));
        }
        if self.points.len() > POINTS {
            let mut odd = false;
            self.points.retain(|_| {
                odd = !odd;
                odd
            });
            self.every *= 2;
        }
    }
}

/// One mask on one set under one prompt, from validation to validation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    pub(super) set: String,
    pub(super) prompt: String,
    pub(super) mask: MaskKind,
    /// Epochs done, and the mean IoU then.
    pub(super) ious: Vec<(f64, f64)>,
    /// The last mean boundary IoU.
    pub(super) boundary_iou: f64,
}

impl Scored {
    /// The name in a legend.
    pub(super) fn name(&self) -> String {
        let Self { set, prompt, mask, .. } = self;
        format!("{set}, {prompt}: {}", mask.title())
    }
}

/// What is being counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) done: usize,
    pub(super) total: usize,
}

/// A line that was said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) warns: bool,
}

/// Everything that is known of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// The run's folder.
    pub(super) folder: String,
    /// What is trained, on what.
    pub(super) about: String,
    pub(super) epochs: usize,
    pub(super) stage: Stage,
    pub(super) loss: Curve,
    pub(super) smooth_loss: f64,
    pub(super) scored: Vec<Scored>,
    pub(super) images_per_second: f64,
    pub(super) seconds_left: Option<f64>,
    /// Where the time of a step goes, in seconds.
    pub(super) times: TrainTimes,
    /// What the loader said last.
    pub(super) data: String,
    pub(super) warnings: usize,
    pub(super) said: VecDeque<Said>,
    pub(super) stopping: bool,
    steps: usize,
    steps_per_epoch: usize,
}

impl State {
    /// A run that begins or goes on, with what its log has of it so far.
    pub(crate) fn new(config: &TrainConfig, start: &RunStart, log: &[Entry]) -> Self {
        let sets: Vec<&str> = config.data.train.iter().map(|set| set.name.as_str()).collect();
        let about = format!(
            "{} learns on {} images of {}; {} images per step",
            config.train.learns,
            start.records,
            sets.join(", "),
            config.train.batch_size,
        );
        let mut state = Self {
            folder: shown(&config.output.display().to_string()).into_owned(),
            about: shown(&about).into_owned(),
            epochs: start.epochs,
            steps_per_epoch: start.steps_per_epoch,
            ..Self::default()
        };
        for entry in log {
            match entry {
                Entry::Step(step) => {
                    let done = step.epoch * start.steps_per_epoch + step.step;
                    state.loss.push(done as f64, step.loss.total);
                    state.smooth_loss = step.loss.total;
                }
                Entry::Before(before) => state.before(before),
                Entry::Epoch(epoch) => state.validated(epoch),
                _ => {}
            }
        }
        state
    }

    /// A step was done.
    pub(crate) fn step(&mut self, progress: &StepProgress) {
        let StepProgress { epoch, step, smooth_loss, times, .. } = progress;
        let name = format!("epoch {} of {}", epoch + 1, self.epochs);
        self.stage = Stage { name, done: *step, total: progress.steps_per_epoch };
        self.smooth_loss = *smooth_loss;
        let done = epoch * self.steps_per_epoch + step;
        self.loss.push(done as f64, *smooth_loss);
        self.images_per_second = progress.images_per_second;
        self.seconds_left = Some(progress.seconds_left);
        self.steps += 1;
        // The mean of the first steps, then one that forgets.
        let newest = NEWEST.max(1.0 / self.steps as f64);
        self.times = mixed(&self.times, times, newest);
    }

    /// Something else is counted.
    pub(crate) fn count(&mut self, name: &str, done: usize, total: usize) {
        self.stage = Stage { name: shown(name).into_owned(), done, total };
    }

    /// The model was validated as it came.
    pub(crate) fn before(&mut self, entry: &BeforeEntry) {
        self.scores(&entry.validation, 0.0);
    }

    /// An epoch was validated.
    pub(crate) fn validated(&mut self, entry: &EpochEntry) {
        self.scores(&entry.validation, entry.epoch as f64 + 1.0);
    }

    /// The means of a validation after so many epochs.
    fn scores(&mut self, sets: &[SetMetrics], at: f64) {
        for set in sets {
            for scores in set.scores.iter().filter(|scores| scores.mask != MaskKind::SamHq) {
                self.score(set, scores, at);
            }
        }
    }

    fn score(&mut self, set: &SetMetrics, scores: &MaskScores, at: f64) {
        let (name, prompt) = (shown(&set.set), set.prompt.name().replace('_', " "));
        let same =
            |one: &&mut Scored| one.set == *name && one.prompt == prompt && one.mask == scores.mask;
        let place = match self.scored.iter_mut().find(same) {
            Some(found) => found,
            None => {
                self.scored.push(Scored {
                    set: name.into_owned(),
                    prompt,
                    mask: scores.mask,
                    ious: Vec::new(),
                    boundary_iou: 0.0,
                });
                self.scored.last_mut().expect("it was just added")
            }
        };
        place.ious.push((at, scores.iou));
        place.boundary_iou = scores.boundary_iou;
    }

    /// The loader said how it keeps up.
    pub(crate) fn loaded(&mut self, entry: &LoaderEntry) {
        self.data = shown(&entry.verdict).into_owned();
    }

    /// A signal asked the run to stop.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// A line was said.
    pub(super) fn say(&mut self, text: &str, warns: bool) {
        self.warnings += usize::from(warns);
        if self.said.len() == LINES {
            self.said.pop_front();
        }
        self.said.push_back(Said { text: shown(text).into_owned(), warns });
    }

    /// The lines that were said, to be said again where they last.
    pub(super) fn take_lines(&mut self) -> Vec<String> {
        let line = |Said { text, warns }| if warns { format!("note: {text}") } else { text };
        std::mem::take(&mut self.said).into_iter().map(line).collect()
    }
}

/// A mean of old and new times, in which the new ones have this share.
fn mixed(old: &TrainTimes, new: &TrainTimes, share: f64) -> TrainTimes {
    let mix = |old: f64, new: f64| old + share * (new - old);
    TrainTimes {
        data: mix(old.data, new.data),
        encoder: mix(old.encoder, new.encoder),
        decoder: mix(old.decoder, new.decoder),
        backward: mix(old.backward, new.backward),
        update: mix(old.update, new.update),
        ..TrainTimes::default()
    }
}
