//! What can go wrong in the studio.

use std::io;
use std::path::{Path, PathBuf};

use maskwright_image::shown;

use crate::api::Corrections;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every failure of this crate; what a library says is passed on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data set.
    #[error(transparent)]
    Data(#[from] maskwright_data::Error),
    /// A picture that cannot be decoded or encoded.
    #[error("{}: {source}", file.display())]
    Image {
        /// The image, or the record's name.
        file: PathBuf,
        /// The codec's reason.
        source: maskwright_image::Error,
    },
    /// The doctor.
    #[error(transparent)]
    Doctor(#[from] maskwright_doctor::Error),
    /// A prediction.
    #[error(transparent)]
    Predict(#[from] maskwright_predict::Error),
    /// A preview or a report.
    #[error(transparent)]
    Report(#[from] maskwright_report::Error),
    /// A run, or a folder that another process owns.
    #[error(transparent)]
    Train(#[from] maskwright_train::Error),
    /// Reading or writing failed.
    #[error("{}: cannot {action}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was tried: "read", "write".
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A request that makes no sense.
    #[error("{}: expected {}, found {}", shown(key), shown(expected), shown(found))]
    Setting {
        /// The part of the request.
        key: String,
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A request whose content the program does not take.
    #[error("{reason}")]
    Refused {
        /// Why not, as the program says it.
        reason: String,
    },
    /// A file of the studio's own that is damaged.
    #[error("{}: expected {}, found {}", file.display(), shown(expected), shown(found))]
    Content {
        /// The file.
        file: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// What is asked for is not there.
    #[error("{what}: expected {expected}, found none")]
    Missing {
        /// What was asked for.
        what: String,
        /// What there is.
        expected: String,
    },
    /// There is no model to click with.
    #[error("{how}")]
    NoModel {
        /// What makes one.
        how: String,
    },
    /// What is asked for cannot be done now.
    #[error("{what}: {reason}")]
    Busy {
        /// What was asked for.
        what: String,
        /// Why not, and until when.
        reason: String,
    },
    /// Another window has saved the image meanwhile.
    #[error("{record} was saved by another window meanwhile")]
    Conflict {
        /// The image.
        record: String,
        /// What it saved.
        current: Box<Corrections>,
    },
    /// A child process could not be started, or failed.
    #[error("{what}: {reason}")]
    Child {
        /// What it was for.
        what: String,
        /// What it said last.
        reason: String,
    },
    /// The address to listen on.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gives no more threads.
    #[error("cannot start a thread: {source}")]
    Threads {
        /// Its reason.
        source: io::Error,
    },
}

impl Error {
    /// Maps an I/O error to one that names `file`.
    pub fn io(file: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Io { file, action, source }
    }

    /// Maps a codec's error to one that names `file`.
    pub fn image(file: &Path) -> impl FnOnce(maskwright_image::Error) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Image { file, source }
    }

    /// A request that makes no sense.
    pub fn setting(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Setting { key: key.into(), expected: expected.into(), found: found.into() }
    }

    /// What is asked for is not there.
    pub fn missing(what: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Missing { what: what.into(), expected: expected.into() }
    }

    /// The status of the answer that tells of it.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Setting { .. } | Self::Refused { .. } => 400,
            Self::Missing { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Busy { .. } => 429,
            Self::NoModel { .. } => 503,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => 404,
            Self::Io { source, .. } if is_full(source) => 507,
            Self::Io { .. } | Self::Threads { .. } | Self::Listen { .. } => 500,
            _ => 422,
        }
    }
}

/// Whether the disk, the quota or the largest file is reached.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
