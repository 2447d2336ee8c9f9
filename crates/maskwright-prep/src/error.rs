//! What keeps data from being prepared. What is wrong with a record is in the ledger and no error.

use std::io;
use std::path::{Path, PathBuf};

use maskwright_image::shown;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why nothing, or no more, was prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A set that cannot be opened.
    #[error(transparent)]
    Data(Box<maskwright_data::Error>),
    /// A folder of images that cannot be listed.
    #[error(transparent)]
    Doctor(Box<maskwright_doctor::Error>),
    /// The model.
    #[error(transparent)]
    Predict(Box<maskwright_predict::Error>),
    /// Reading or writing failed.
    #[error("{}: cannot {action}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was tried: "read", "write", "create", "lock".
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A setting that is not possible.
    #[error("{}: expected {}, found {}", shown(key), shown(expected), shown(found))]
    Setting {
        /// The setting.
        key: String,
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The output folder was begun with other data or settings.
    #[error("{}: {key}: expected what the folder was begun with, {expected}, found {found}", folder.display())]
    OtherSettings {
        /// The output folder.
        folder: PathBuf,
        /// The setting, with dots between the parts of its name.
        key: String,
        /// What the folder was begun with.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Another process makes the shard.
    #[error("shard {shard} of {}: in use by {owner}", folder.display())]
    ShardInUse {
        /// The output folder.
        folder: PathBuf,
        /// The number of the shard, from 0.
        shard: usize,
        /// The process: its id and its command line.
        owner: String,
    },
    /// A file of the output folder that is not what was written.
    #[error("{}: expected {}, found {}", file.display(), shown(expected), shown(found))]
    Content {
        /// The file.
        file: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
}

// Boxed, so that a result of this crate stays small.
impl From<maskwright_data::Error> for Error {
    fn from(error: maskwright_data::Error) -> Error {
        Error::Data(Box::new(error))
    }
}

impl From<maskwright_doctor::Error> for Error {
    fn from(error: maskwright_doctor::Error) -> Error {
        Error::Doctor(Box::new(error))
    }
}

impl From<maskwright_predict::Error> for Error {
    fn from(error: maskwright_predict::Error) -> Error {
        Error::Predict(Box::new(error))
    }
}

impl Error {
    /// Maps an I/O error to one that names `file`.
    pub(crate) fn io(file: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        let file = file.to_path_buf();
        move |source| Error::Io { file, action, source }
    }

    /// A setting that is not possible.
    pub(crate) fn setting(key: &str, expected: &str, found: impl ToString) -> Error {
        Error::Setting { key: key.into(), expected: expected.into(), found: found.to_string() }
    }
}
