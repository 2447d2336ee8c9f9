//! How far the making of an index is, for those who wait for it.

use std::cell::RefCell;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a stage of making an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexProgress<'a> {
    /// The set.
    pub set: &'a str,
    /// What is gone through: "annotations", "images", "tar files".
    pub stage: &'static str,
    /// How much is done, in a unit of the stage's own: bytes or files.
    pub done: u64,
    /// How much there is to do; `None` where only the end will tell.
    pub total: Option<u64>,
}

/// Hears how far the making of an index is; [`observe_indexing`] says of which.
///
/// One stage follows the other. Within a stage calls come from several threads and may overtake each other.
pub trait IndexObserver: Send + Sync {
    /// Some more of a stage is done.
    fn progress(&self, progress: &IndexProgress<'_>);

    /// The stage is over, in success or failure.
    fn ended(&self) {}
}

thread_local! {
    static OBSERVER: RefCell<Option<Arc<dyn IndexObserver>>> = const { RefCell::new(None) };
}

/// Runs `job`; meanwhile `observer` hears of every index that is made for a set that this thread opens.
///
/// A set whose index is kept from an earlier run makes none, and nothing is heard of it.
pub fn observe_indexing<T>(observer: Arc<dyn IndexObserver>, job: impl FnOnce() -> T) -> T {
    /// Puts the former observer back, also where the job panics.
    struct Former(Option<Arc<dyn IndexObserver>>);
    impl Drop for Former {
        fn drop(&mut self) {
            OBSERVER.set(self.0.take());
        }
    }
    let _former = Former(OBSERVER.replace(Some(observer)));
    job()
}

/// A stage of making an index, told to this thread's observer where there is one.
pub(crate) struct Stage<'a> {
    set: &'a str,
    stage: &'static str,
    total: Option<u64>,
    done: AtomicU64,
    observer: Option<Arc<dyn IndexObserver>>,
}

impl<'a> Stage<'a> {
    /// Begins a stage.
    pub(crate) fn new(set: &'a str, stage: &'static str, total: Option<u64>) -> Stage<'a> {
        let observer = OBSERVER.with_borrow(Option::clone);
        Stage { set, stage, total, done: AtomicU64::new(0), observer }
    }

    /// Some more is done, on any thread.
    pub(crate) fn add(&self, more: u64) {
        if let Some(observer) = self.observer.as_ref().filter(|_| more > 0) {
            let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
            let Stage { set, stage, total, .. } = *self;
            observer.progress(&IndexProgress { set, stage, done, total });
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.ended();
        }
    }
}

/// A reader whose bytes are the progress of a stage.
pub(crate) struct Counted<'a, R> {
    pub(crate) reader: R,
    pub(crate) stage: &'a Stage<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.stage.add(read as u64);
        Ok(read)
    }
}
