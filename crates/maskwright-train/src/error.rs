//! What can go wrong in training, evaluation and prediction.

use std::io;
use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every failure of this crate; each names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A setting that contradicts another or is out of range: the user's to mend.
    #[error("{setting}: expected {expected}, found {found}")]
    Setting {
        /// The flag or key.
        setting: String,
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The output folder holds a run already.
    #[error(
        "{folder}: holds a run already ({found}); choose another --output, continue it with \
         --resume, or replace it with --overwrite"
    )]
    OutputTaken {
        /// The output folder.
        folder: PathBuf,
        /// The file that shows it.
        found: String,
    },
    /// `--resume` on a folder that holds no state to resume from.
    #[error("{folder}: nothing to resume here: expected {expected}, found {found}")]
    NothingToResume {
        /// The output folder.
        folder: PathBuf,
        /// What a resumable run has.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file of a run does not read as what it should be.
    #[error("{file}: expected {expected}, found {found}")]
    RunFile {
        /// The file.
        file: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The loss became NaN or infinite.
    #[error(
        "the loss is {loss} at epoch {epoch}, step {step} (records {records:?}): expected a \
         finite number; lower --learning-rate, or look at these samples with `maskwright preview`"
    )]
    LossNotFinite {
        /// The loss.
        loss: f32,
        /// Epoch, from 0.
        epoch: usize,
        /// Step in the epoch, from 0.
        step: usize,
        /// The records of the batch.
        records: Vec<String>,
    },
}

// Boxed, so that a result of this crate stays small.
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

    /// Whether the user's command line is at fault (exit status 2) rather than the data (1).
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Setting { .. } | Self::OutputTaken { .. } | Self::NothingToResume { .. } => true,
            Self::Model(error) => {
                use maskwright_model::Error;
                matches!(**error, Error::UnknownModelType { .. } | Error::Config { .. })
            }
            Self::Data(error) => matches!(**error, maskwright_data::Error::Setting { .. }),
            _ => false,
        }
    }
}
