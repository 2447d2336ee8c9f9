//! Progress for people: a view or bars on a terminal, a line now and then in a log.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use maskwright_data::source::OpenContext;
use maskwright_report::mlflow::Ending;
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{ClickMetrics, EvalTimes, SetMetrics};
use maskwright_train::observer::{Observer, RunStart, StepProgress};
use maskwright_train::run_files::METRICS;
use maskwright_train::run_log::{self, BeforeEntry, EpochEntry, LoaderEntry, StepEntry};
use strum::{EnumString, VariantNames};

use crate::indexing::Indexing;
use crate::interrupt::Interrupt;
use crate::logs::Logs;
use crate::numbers::{duration, thousands};
use crate::shown::shown;
use crate::tell;
use crate::view::{State, View};
use crate::warnings::{Warnings, of_samples};

/// How often a log that is no terminal gets a line.
const LOG_INTERVAL: Duration = Duration::from_secs(20);

/// The share of time in which training waits for data from which on that is said.
const WORTH_TELLING: f64 = 0.1;

/// Shows a run on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    terminal: bool,
    quiet: bool,
    interrupt: Arc<Interrupt>,
    last_line: Instant,
    epochs: usize,
    /// What the bar counts: an epoch's steps, or a set's images.
    counting: String,
    indexing: Indexing,
    warnings: Warnings,
    times: Option<EvalTimes>,
    logs: Option<Logs>,
    /// The run that is to have a view, until it begins.
    run: Option<Box<TrainConfig>>,
    view: Option<View>,
}

/// How a run is shown on a terminal. Where standard error is none, lines are printed now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ProgressKind {
    /// On the whole terminal, with curves.
    View,
    /// As a bar, below what is said.
    Bar,
    /// As lines.
    Plain,
}

impl ProgressKind {
    /// What standard error can show.
    pub(crate) fn of_terminal() -> Self {
        let able = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        if std::io::stderr().is_terminal() && able { Self::View } else { Self::Plain }
    }
}

impl Progress {
    /// `quiet` shows notes only; `interrupt` is what Ctrl-C raises.
    pub(crate) fn new(quiet: bool, interrupt: Arc<Interrupt>) -> Self {
        Self {
            bar: None,
            terminal: std::io::stderr().is_terminal(),
            quiet,
            interrupt,
            last_line: Instant::now(),
            epochs: 0,
            counting: String::new(),
            indexing: Indexing::new(quiet),
            warnings: Warnings::default(),
            times: None,
            logs: None,
            run: None,
            view: None,
        }
    }

    /// Shows the run of these settings in this way.
    pub(crate) fn show_run(&mut self, kind: ProgressKind, config: &TrainConfig) {
        self.terminal &= kind != ProgressKind::Plain;
        self.run = (kind == ProgressKind::View).then(|| Box::new(config.clone()));
    }

    /// Also logs the run elsewhere, from when it begins.
    pub(crate) fn log_to(&mut self, logs: Logs) {
        self.logs = Some(logs);
    }

    /// Tells the logs something, and says what they remark.
    fn log(&mut self, tell: impl FnOnce(&mut Logs) -> Vec<String>) {
        let notes = self.logs.as_mut().map(tell).unwrap_or_default();
        notes.iter().for_each(|note| self.note(note));
    }

    /// Tells the logs how the run ended.
    pub(crate) fn end_logs(&mut self, ending: Ending) {
        // A process that is asked to stop does not end meanwhile.
        self.interrupt.may_end(false);
        self.log(|logs| logs.end(ending));
        self.interrupt.may_end(true);
    }

    /// Shows the view, if the run is to have one.
    fn show_view(&mut self, start: &RunStart) {
        let Some(config) = self.run.take().filter(|_| self.terminal && !self.quiet) else { return };
        // A run that goes on has curves already; a log that cannot be read is told elsewhere.
        let log = run_log::read(&config.output.join(METRICS)).unwrap_or_default();
        self.view = View::show(State::new(&config, start, &log.entries));
        if let Some(view) = &self.view {
            self.interrupt.set_view(view.clone());
        }
    }

    /// Tells the view something, if there is one.
    fn view(&self, change: impl FnOnce(&mut State)) {
        if let Some(view) = &self.view {
            view.update(change);
        }
    }

    /// How long the last evaluation took.
    pub(crate) fn take_times(&mut self) -> Option<EvalTimes> {
        self.times.take()
    }

    /// What was odd so far; it has been said.
    pub(crate) fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// A line in the view or above the bar.
    pub(crate) fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        if let Some(view) = &self.view {
            return view.say(text, false);
        }
        match &self.bar {
            Some(bar) if self.terminal => bar.suspend(|| tell::say(text)),
            _ => tell::say(text),
        }
    }

    /// Sets the bar to `done` of `total` of `counting`, with a message at its end.
    pub(crate) fn count(&mut self, counting: &str, done: usize, total: usize, message: String) {
        if self.quiet {
            return;
        }
        if let Some(view) = &self.view {
            return view.update(|state| state.count(counting, done, total));
        }
        if !self.terminal {
            if self.last_line.elapsed() >= LOG_INTERVAL {
                self.last_line = Instant::now();
                tell::say(format_args!("{counting} {done}/{total}  {message}"));
            }
            return;
        }
        if self.counting != counting {
            self.clear_bar();
            self.counting = counting.to_owned();
            let bar = ProgressBar::with_draw_target(
                Some(total as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}")
                .expect("the template is fixed and right");
            bar.set_style(style);
            bar.set_prefix(shown(counting).into_owned());
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_message(shown(&message).into_owned());
            bar.set_position(done as u64);
        }
    }

    /// Takes the view and the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(view) = self.view.take() {
            view.leave();
        }
        self.clear_bar();
    }

    fn clear_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.counting.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Progress {
    fn opening(&self) -> OpenContext<'_> {
        self.indexing.context()
    }

    fn started(&mut self, start: &RunStart) {
        self.epochs = start.epochs;
        // Of a run that is over nothing is left.
        if start.epoch >= start.epochs {
            return;
        }
        self.show_view(start);
        self.log(Logs::begin);
        let side = start.input_size;
        self.say(&format!(
            "{} images, {} steps per epoch, epochs {} to {}, input of {side} x {side} pixels; training {} of {} parameters",
            start.records,
            start.steps_per_epoch,
            start.epoch + 1,
            start.epochs,
            thousands(start.trainable_parameters),
            thousands(start.parameters),
        ));
        match start.left_over {
            0 => {}
            left_over => self.say(&format!(
                "{left_over} of the images, other ones each epoch, are left over for the last step of an epoch and wait for the next"
            )),
        }
    }

    fn step(&mut self, progress: &StepProgress) {
        if let Some(view) = &self.view {
            return view.update(|state| state.step(progress));
        }
        let message = format!(
            "loss {:.4}  {:.1} images/s  {} left",
            progress.smooth_loss,
            progress.images_per_second,
            duration(progress.seconds_left),
        );
        let counting = format!("epoch {} of {}", progress.epoch + 1, self.epochs);
        self.count(&counting, progress.step, progress.steps_per_epoch, message);
    }

    fn logged(&mut self, entry: &StepEntry) {
        self.log(|logs| logs.step(entry));
    }

    fn data(&mut self, entry: &LoaderEntry) {
        self.view(|state| state.loaded(entry));
        let span = if entry.whole_run { "data, whole run" } else { "data" };
        // Where data come fast enough there is nothing to do about them.
        if entry.waiting_share >= WORTH_TELLING {
            self.say(&format!("{span}: {}", entry.verdict));
        }
        for warned in entry.warnings.iter().filter(|_| entry.whole_run) {
            let told = of_samples(warned.samples, &warned.kind, &warned.first);
            let text = format!("{told}; ledger.jsonl has those that are damaged");
            self.say(&text);
            self.warnings.keep(text);
        }
    }

    fn caching(&mut self, done: usize, total: usize) {
        self.count("features of views", done, total, String::new());
        if done == total {
            self.clear_bar();
        }
    }

    fn evaluating(&mut self, set: &str, done: usize, total: usize) {
        self.count(&format!("evaluating {set}"), done, total, String::new());
    }

    fn evaluated(&mut self, metrics: &SetMetrics) {
        self.clear_bar();
        self.say(&format!("  {}", metrics.one_line()));
    }

    fn clicked(&mut self, metrics: &ClickMetrics) {
        self.clear_bar();
        self.say(&format!("  {}", metrics.one_line()));
    }

    fn timed(&mut self, times: &EvalTimes) {
        self.times = Some(times.clone());
    }

    fn before_evaluated(&mut self, metrics: &SetMetrics) {
        self.clear_bar();
        self.say(&format!("before training: {}", metrics.one_line()));
    }

    fn before(&mut self, entry: &BeforeEntry) {
        self.clear_bar();
        self.view(|state| state.before(entry));
        self.log(|logs| logs.before(entry));
    }

    fn average_evaluated(&mut self, metrics: &SetMetrics) {
        self.clear_bar();
        self.say(&format!("  averaged weights: {}", metrics.one_line()));
    }

    fn epoch(&mut self, entry: &EpochEntry) {
        self.clear_bar();
        self.log(|logs| logs.epoch(entry));
        let terms = entry.loss.terms.iter();
        let terms: Vec<String> = terms.map(|(name, value)| format!("{name} {value:.4}")).collect();
        self.say(&format!(
            "epoch {} of {} done in {}: loss {:.4} ({}), learning rate {:.1e}",
            entry.epoch + 1,
            self.epochs,
            duration(entry.seconds),
            entry.loss.total,
            terms.join(", "),
            entry.learning_rate,
        ));
    }

    fn validated(&mut self, entry: &EpochEntry) {
        self.view(|state| state.validated(entry));
        self.log(|logs| logs.validated(entry));
    }

    fn note(&mut self, text: &str) {
        match (&self.view, &self.bar) {
            (Some(view), _) => view.say(text, true),
            (None, Some(bar)) if self.terminal => bar.suspend(|| tell::note(text)),
            _ => tell::note(text),
        }
        self.warnings.keep(text.to_owned());
    }

    fn should_stop(&self) -> bool {
        self.interrupt.is_asked()
    }

    fn may_end(&self, may: bool) {
        self.interrupt.may_end(may);
    }
}
