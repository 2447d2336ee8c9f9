//! A bar while a large set is indexed for the first time, before the work that needs the set.

use std::sync::{Mutex, PoisonError};

use maskwright_data::source::{IndexNote, IndexObserver, IndexProgress, OpenContext};

use crate::late_bar::LateBar;
use crate::tell;

/// Shows on a terminal how far the indexes are that are made while sets are opened, and says what is odd about them.
#[derive(Default)]
pub(crate) struct Indexing(Bars);

impl Indexing {
    /// `quiet` shows nothing.
    pub(crate) fn new(quiet: bool) -> Indexing {
        Indexing(Bars { wanted: LateBar::is_wanted(quiet), ..Bars::default() })
    }

    /// What sets are opened with.
    pub(crate) fn context(&self) -> OpenContext<'_> {
        OpenContext::observed_by(&self.0)
    }
}

/// The bar of the stage at hand.
#[derive(Default)]
struct Bars {
    /// Whether there is somebody to show it to.
    wanted: bool,
    bar: Mutex<Option<LateBar>>,
}

impl IndexObserver for Bars {
    fn progress(&self, progress: &IndexProgress<'_>) {
        if !self.wanted {
            return;
        }
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.get_or_insert_with(|| new_bar(progress)).at(progress.done, progress.total);
    }

    fn ended(&self) {
        drop(self.bar.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn note(&self, note: &IndexNote) {
        tell::note(note);
    }
}

fn new_bar(progress: &IndexProgress<'_>) -> LateBar {
    let template = match progress.total {
        Some(_) => "{prefix} {wide_bar} {percent}%  {msg}",
        None => "{prefix} {spinner} {human_pos}  {msg}",
    };
    let prefix = format!("indexing {}, {}", progress.set, progress.stage);
    LateBar::new(template, prefix, "once, later runs find it done")
}
