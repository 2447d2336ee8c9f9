//! What a training or an evaluation reports, as events of a job.

use std::sync::Arc;

use maskwright_data::source::{IndexNote, IndexObserver, IndexProgress, OpenContext};
use maskwright_train::evaluator::{ClickMetrics, SetMetrics};
use maskwright_train::observer::{Observer, RunStart, StepProgress};
use maskwright_train::run_log::{BeforeEntry, EpochEntry, StepEntry};
use serde::Serialize;

use crate::job::{Progress, Reporter};

/// Tells a job's Python side.
pub(crate) struct Telling {
    reporter: Arc<Reporter>,
    indexing: Indexing,
}

impl Telling {
    pub(crate) fn new(reporter: Arc<Reporter>) -> Telling {
        Telling { indexing: Indexing(Arc::clone(&reporter)), reporter }
    }

    fn progress(&self, what: &str, done: usize, total: usize, note: String) {
        let (done, total) = (done as u64, Some(total as u64));
        self.reporter.progress(&Progress { what, done, total, note });
    }
}

/// A line of a log with its kind.
#[derive(Serialize)]
struct Entry<'a, T> {
    kind: &'static str,
    #[serde(flatten)]
    entry: &'a T,
}

impl Observer for Telling {
    fn opening(&self) -> OpenContext<'_> {
        OpenContext::observed_by(&self.indexing)
    }

    fn started(&mut self, start: &RunStart) {
        let steps = start.steps_per_epoch;
        self.progress("training", start.epoch * steps, start.epochs * steps, String::new());
    }

    fn caching(&mut self, done: usize, total: usize) {
        self.progress("features of views", done, total, String::new());
    }

    fn before_evaluated(&mut self, metrics: &SetMetrics) {
        self.reporter.tell("evaluated", metrics);
    }

    fn before(&mut self, entry: &BeforeEntry) {
        self.reporter.ask("before", &Entry { kind: "before", entry });
    }

    fn step(&mut self, progress: &StepProgress) {
        let StepProgress { epoch, step, steps_per_epoch, smooth_loss, .. } = progress;
        let what = format!("epoch {}", epoch + 1);
        self.progress(&what, *step, *steps_per_epoch, format!("loss {smooth_loss:.3}"));
    }

    fn logged(&mut self, entry: &StepEntry) {
        self.reporter.ask("step", &Entry { kind: "step", entry });
    }

    fn epoch(&mut self, entry: &EpochEntry) {
        self.reporter.ask("epoch", &Entry { kind: "epoch", entry });
    }

    fn evaluating(&mut self, set: &str, done: usize, total: usize) {
        self.progress(&format!("evaluating {set}"), done, total, String::new());
    }

    fn evaluated(&mut self, metrics: &SetMetrics) {
        self.reporter.tell("evaluated", metrics);
    }

    fn clicked(&mut self, metrics: &ClickMetrics) {
        self.reporter.tell("clicked", metrics);
    }

    fn validated(&mut self, entry: &EpochEntry) {
        self.reporter.ask("validation", &Entry { kind: "validation", entry });
    }

    fn note(&mut self, text: &str) {
        self.reporter.tell("note", &text);
    }

    fn may_end(&self, may: bool) {
        self.reporter.may_end(may);
    }

    fn should_stop(&self) -> bool {
        self.reporter.should_stop()
    }
}

/// Tells how far the indexes are that are made while sets are opened.
pub(crate) struct Indexing(pub(crate) Arc<Reporter>);

impl IndexObserver for Indexing {
    fn progress(&self, progress: &IndexProgress<'_>) {
        let IndexProgress { set, stage, done, total } = *progress;
        let what = format!("indexing {set}, {stage}");
        self.0.progress(&Progress { what: &what, done, total, note: String::new() });
    }

    fn note(&self, note: &IndexNote) {
        self.0.tell("note", &note.to_string());
    }
}
