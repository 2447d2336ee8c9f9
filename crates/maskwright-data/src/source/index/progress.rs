//! How far the making of an index is, for those who wait for it.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use maskwright_image::shown;

use crate::error::path;

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

/// Something about an index that does not keep a set from being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexNote {
    /// The index that was kept is damaged, and is made anew.
    Damaged {
        /// The set.
        set: String,
        /// The index.
        file: PathBuf,
    },
    /// The index cannot be kept: the set is indexed for this run alone.
    NotKept {
        /// The set.
        set: String,
        /// What could not be written: the index, or the folder of indexes.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl std::fmt::Display for IndexNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IndexNote::Damaged { set, file } => {
                let (set, file) = (shown(set), path(file));
                write!(f, "set {set}: the index {file} is damaged and is made anew")
            }
            IndexNote::NotKept { set, file, reason } => write!(
                f,
                "set {}: its index is not kept for the next run: cannot write {}: {reason}",
                shown(set),
                path(file)
            ),
        }
    }
}

/// Hears how far the making of an index is; [`OpenContext`] says of which.
///
/// One stage follows the other. Within a stage calls come from several threads and may overtake each other.
pub trait IndexObserver: Send + Sync {
    /// Some more of a stage is done.
    fn progress(&self, progress: &IndexProgress<'_>);

    /// The stage is over, in success or failure.
    fn ended(&self) {}

    /// Something that whoever waits may want to know.
    fn note(&self, _note: &IndexNote) {}
}

/// What opening a set may tell while it does so: by default nothing to anyone.
///
/// ```
/// use maskwright_data::source::{IndexObserver, IndexProgress, OpenContext};
///
/// struct Printed;
/// impl IndexObserver for Printed {
///     fn progress(&self, progress: &IndexProgress<'_>) {
///         println!("{}, {}: {}", progress.set, progress.stage, progress.done);
///     }
/// }
/// let silent = OpenContext::default();
/// let printed = OpenContext::observed_by(&Printed);
/// # let _ = (silent, printed);
/// ```
#[derive(Clone, Copy, Default)]
pub struct OpenContext<'a> {
    observer: Option<&'a dyn IndexObserver>,
    /// Whether indexes go when the program ends.
    fleeting: bool,
}

impl<'a> OpenContext<'a> {
    /// `observer` hears of every index that is made, and where one is damaged or cannot be kept. A set whose index is
    /// kept from an earlier run makes none, and nothing is heard of it.
    pub fn observed_by(observer: &'a dyn IndexObserver) -> OpenContext<'a> {
        OpenContext { observer: Some(observer), fleeting: false }
    }

    /// Sets that are opened once and then are elsewhere: their indexes are not kept, and nothing is heard of them.
    pub(crate) fn fleeting() -> OpenContext<'a> {
        OpenContext { observer: None, fleeting: true }
    }

    /// Whether indexes are to be kept.
    pub(super) fn keeps(&self) -> bool {
        !self.fleeting
    }

    /// Tells something.
    pub(crate) fn note(&self, note: IndexNote) {
        if let Some(observer) = self.observer {
            observer.note(&note);
        }
    }

    /// Begins a stage of making an index.
    pub(crate) fn stage(&self, set: &'a str, stage: &'static str, total: Option<u64>) -> Stage<'a> {
        Stage { set, stage, total, done: AtomicU64::new(0), observer: self.observer }
    }
}

/// A stage of making an index, told to an observer where there is one.
pub(crate) struct Stage<'a> {
    set: &'a str,
    stage: &'static str,
    total: Option<u64>,
    done: AtomicU64,
    observer: Option<&'a dyn IndexObserver>,
}

impl Stage<'_> {
    /// Some more is done, on any thread.
    pub(crate) fn add(&self, more: u64) {
        if let Some(observer) = self.observer.filter(|_| more > 0) {
            let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
            let Stage { set, stage, total, .. } = *self;
            observer.progress(&IndexProgress { set, stage, done, total });
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
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
