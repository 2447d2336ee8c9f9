//! A bar for work that is mostly over in a moment.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shown::shown;

/// Work that takes less is not shown.
const PATIENCE: Duration = Duration::from_millis(300);

/// A bar on standard error that appears once its work has taken a while, and goes when it is dropped.
pub(crate) struct LateBar {
    began: Instant,
    bar: ProgressBar,
    shown: bool,
}

impl LateBar {
    /// A bar of indicatif's `template`, with what stands at its beginning and end.
    pub(crate) fn new(template: &str, prefix: String, message: &'static str) -> LateBar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template).expect("templates are fixed and right");
        bar.set_style(style);
        bar.set_prefix(shown(&prefix).into_owned());
        bar.set_message(message);
        LateBar { began: Instant::now(), bar, shown: false }
    }

    /// Whether there is somebody to show bars to.
    pub(crate) fn is_wanted(quiet: bool) -> bool {
        !quiet && std::io::stderr().is_terminal()
    }

    /// Sets the bar to `done`, if that is more than it shows; `total` may be unknown.
    pub(crate) fn at(&mut self, done: u64, total: Option<u64>) {
        if !self.shown && self.began.elapsed() >= PATIENCE {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        if let Some(total) = total.filter(|&total| self.bar.length() != Some(total)) {
            self.bar.set_length(total);
        }
        // Calls from several threads overtake each other.
        self.bar.set_position(self.bar.position().max(done));
    }
}

impl Drop for LateBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
