//! A bar while a large set is indexed for the first time, before the work that needs the set.

use std::sync::{Mutex, PoisonError};

use maskwright_data::source::{IndexObserver, IndexProgress, OpenContext};

use crate::late_bar::LateBar;

/// Shows on a terminal how far the indexes are that are made while sets are opened.
#[derive(Default)]
pub(crate) struct Indexing {
    /// None where there is nobody to show it to.
    bars: Option<Bars>,
}

impl Indexing {
    /// `quiet` shows nothing.
    pub(crate) fn new(quiet: bool) -> Indexing {
        Indexing { bars: LateBar::is_wanted(quiet).then(Bars::default) }
    }

    /// What sets are opened with.
    pub(crate) fn context(&self) -> OpenContext<'_> {
        self.bars.as_ref().map_or_else(OpenContext::default, |bars| OpenContext::observed_by(bars))
    }
}

/// The bar of the stage at hand.
#[derive(Default)]
struct Bars(Mutex<Option<LateBar>>);

impl IndexObserver for Bars {
    fn progress(&self, progress: &IndexProgress<'_>) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bar.get_or_insert_with(|| new_bar(progress)).at(progress.done, progress.total);
    }

    fn ended(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
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
