//! Progress for people: bars on a terminal, a line now and then in a log.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use maskwright_data::source::OpenContext;
use maskwright_report::event_log::EventLog;
use maskwright_report::run_report;
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{ClickMetrics, EvalTimes, SetMetrics};
use maskwright_train::observer::{Observer, RunStart, StepProgress};
use maskwright_train::run_log::{EpochEntry, LoaderEntry, StepEntry};

use crate::indexing::Indexing;
use crate::interrupt::Interrupt;
use crate::shown::shown;
use crate::tell;
use crate::warnings::Warnings;

/// How often a log that is no terminal gets a line.
const LOG_INTERVAL: Duration = Duration::from_secs(20);

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
    events: Option<Events>,
}

/// The log of a run as TensorBoard reads it.
struct Events {
    /// The run, until its folder is there.
    config: Box<TrainConfig>,
    /// Whether files of the run that this one replaces are to go.
    replaces: bool,
    log: Option<EventLog>,
}

impl Events {
    fn begin(&mut self) -> Result<(), maskwright_report::Error> {
        let mut log = EventLog::create(&self.config.output)?;
        log.settings(&self.config)?;
        self.log = Some(log);
        Ok(())
    }

    fn epoch(&mut self, entry: &EpochEntry) -> Result<(), maskwright_report::Error> {
        let Some(log) = &mut self.log else { return Ok(()) };
        if std::mem::take(&mut self.replaces) {
            log.remove_others()?;
        }
        log.epoch(entry)
    }

    fn validated(&mut self, entry: &EpochEntry) -> Result<(), maskwright_report::Error> {
        let Some(log) = &mut self.log else { return Ok(()) };
        log.validated(entry)?;
        let galleries = run_report::last_predictions(&self.config.output)?;
        log.galleries(&galleries, entry.global_step)
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
            events: None,
        }
    }

    /// Also writes what a run logs into an event file in its folder, from when the run begins; a run that replaces another
    /// removes the other's.
    pub(crate) fn log_events(&mut self, config: &TrainConfig, replaces: bool) {
        self.events = Some(Events { config: Box::new(config.clone()), replaces, log: None });
    }

    /// Writes an event; output that cannot be written ends no run, but is said once.
    fn event(&mut self, write: impl FnOnce(&mut Events) -> Result<(), maskwright_report::Error>) {
        let Some(events) = &mut self.events else { return };
        if let Err(error) = write(events) {
            self.events = None;
            self.note(&format!("no more events are written: {error}"));
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

    /// A line above the bar.
    pub(crate) fn say(&self, text: &str) {
        if self.quiet {
            return;
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
        if !self.terminal {
            if self.last_line.elapsed() >= LOG_INTERVAL {
                self.last_line = Instant::now();
                tell::say(format_args!("{counting} {done}/{total}  {message}"));
            }
            return;
        }
        if self.counting != counting {
            self.finish();
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

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
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
        self.event(Events::begin);
        self.epochs = start.epochs;
        // Of a run that is over nothing is left.
        if start.epoch >= start.epochs {
            return;
        }
        self.say(&format!(
            "{} images, {} steps per epoch, epochs {} to {}; training {} of {} parameters",
            start.records,
            start.steps_per_epoch,
            start.epoch,
            start.epochs.saturating_sub(1),
            thousands(start.trainable_parameters),
            thousands(start.parameters),
        ));
    }

    fn step(&mut self, progress: &StepProgress) {
        let message = format!(
            "loss {:.4}  {:.1} images/s  {} left",
            progress.smooth_loss,
            progress.images_per_second,
            duration(progress.seconds_left),
        );
        let counting = format!("epoch {}/{}", progress.epoch, self.epochs.saturating_sub(1));
        self.count(&counting, progress.step, progress.steps_per_epoch, message);
    }

    fn logged(&mut self, entry: &StepEntry) {
        self.event(|events| events.log.as_mut().map_or(Ok(()), |log| log.step(entry)));
    }

    fn data(&mut self, entry: &LoaderEntry) {
        let span = if entry.whole_run { "data, whole run" } else { "data" };
        self.say(&format!("{span}: {}", entry.verdict));
        for warned in entry.warnings.iter().filter(|_| entry.whole_run) {
            let text = format!(
                "{} samples with a warning ({}), the first records: {}; ledger.jsonl has those that are damaged",
                warned.samples,
                warned.kind.replace('_', " "),
                warned.first.join(", ")
            );
            self.say(&text);
            self.warnings.keep(text);
        }
    }

    fn caching(&mut self, done: usize, total: usize) {
        self.count("features of views", done, total, String::new());
        if done == total {
            self.finish();
        }
    }

    fn evaluating(&mut self, set: &str, done: usize, total: usize) {
        self.count(&format!("evaluating {set}"), done, total, String::new());
    }

    fn evaluated(&mut self, metrics: &SetMetrics) {
        self.finish();
        self.say(&format!("  {}", metrics.one_line()));
    }

    fn clicked(&mut self, metrics: &ClickMetrics) {
        self.finish();
        self.say(&format!("  {}", metrics.one_line()));
    }

    fn timed(&mut self, times: &EvalTimes) {
        self.times = Some(*times);
    }

    fn average_evaluated(&mut self, metrics: &SetMetrics) {
        self.finish();
        self.say(&format!("  averaged weights: {}", metrics.one_line()));
    }

    fn epoch(&mut self, entry: &EpochEntry) {
        self.finish();
        self.event(|events| events.epoch(entry));
        let terms = entry.loss.terms.iter();
        let terms: Vec<String> = terms.map(|(name, value)| format!("{name} {value:.4}")).collect();
        self.say(&format!(
            "epoch {} done in {}: loss {:.4} ({}), learning rate {:.1e}",
            entry.epoch,
            duration(entry.seconds),
            entry.loss.total,
            terms.join(", "),
            entry.learning_rate,
        ));
    }

    fn validated(&mut self, entry: &EpochEntry) {
        self.event(|events| events.validated(entry));
    }

    fn note(&mut self, text: &str) {
        match &self.bar {
            Some(bar) if self.terminal => bar.suspend(|| tell::note(text)),
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

/// 1234567 as "1,234,567".
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as "1 h 02 min", "3 min 20 s" or "12 s".
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, thousands};

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1_071_104), "1,071,104");
        assert_eq!(duration(12.4), "12 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}
