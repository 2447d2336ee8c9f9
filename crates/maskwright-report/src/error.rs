//! What can go wrong in making pages and pictures.

use std::io;
use std::path::{Path, PathBuf};

use maskwright_image::shown;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every failure of this crate; each names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A run's files, or an evaluation.
    #[error(transparent)]
    Train(Box<maskwright_train::Error>),
    /// A data set, record or sample.
    #[error(transparent)]
    Data(Box<maskwright_data::Error>),
    /// A model or a checkpoint.
    #[error(transparent)]
    Model(Box<maskwright_model::Error>),
    /// A picture that could not be encoded or decoded.
    #[error("{file}: {source}")]
    Image {
        /// The file that was read or written.
        file: PathBuf,
        /// The codec's reason.
        source: maskwright_image::Error,
    },
    /// Reading or writing failed.
    #[error("{file}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was tried: "read", "write".
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A setting that contradicts another or is out of range.
    #[error("{}: expected {}, found {}", shown(key), shown(expected), shown(found))]
    Setting {
        /// The name of the setting.
        key: String,
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
}

// Boxed, so that a result of this crate stays small.
impl From<maskwright_train::Error> for Error {
    fn from(error: maskwright_train::Error) -> Self {
        Self::Train(Box::new(error))
    }
}

impl From<maskwright_data::Error> for Error {
    fn from(error: maskwright_data::Error) -> Self {
        Self::Data(Box::new(error))
    }
}

impl From<maskwright_model::Error> for Error {
    fn from(error: maskwright_model::Error) -> Self {
        Self::Model(Box::new(error))
    }
}

impl Error {
    /// Maps an I/O error to one that names `file`.
    pub fn io(file: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Io { file, action, source }
    }
}
