//! A bar while a large set is indexed for the first time, before the work that needs the set.

use std::sync::{Arc, Mutex, PoisonError};

use maskwright_data::source::{IndexObserver, IndexProgress, observe_indexing};

use crate::late_bar::LateBar;

/// Runs `job`, and on a terminal shows how far the indexes are that it makes on its way; `quiet` shows
/// nothing.
pub(crate) fn shown<T>(quiet: bool, job: impl FnOnce() -> T) -> T {
    if LateBar::is_wanted(quiet) { observe_indexing(Arc::new(Bars::default()), job) } else { job() }
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
