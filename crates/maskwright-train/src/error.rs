//! What can go wrong in training and evaluation.
//!
//! Errors carry values, not advice about a program: a setting is named by its dotted key in
//! `config.toml` (`train.batch_size`), whoever gave it. The command line, Python and the page each
//! say it in their own words.

use std::io;
use std::path::{Path, PathBuf};

use maskwright_image::shown;

use crate::not_finite::NotFinite;

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
    /// A setting that contradicts another or is out of range.
    #[error("{}{}: expected {}, found {}", named(file), shown(key), shown(expected), shown(found))]
    Setting {
        /// The setting's dotted key, such as `train.batch_size`.
        key: String,
        /// What would be right; other settings in it are named by their keys.
        expected: String,
        /// What was given.
        found: String,
        /// The file it was read from, where it was.
        file: Option<PathBuf>,
    },
    /// Nothing is evaluated without a checkpoint.
    #[error("no model to evaluate: expected a checkpoint (model.checkpoint), found none")]
    NoCheckpoint,
    /// The data have no sets of the kind that is needed.
    #[error("{}the data: expected at least one [[{list}]] set, found none", named(file))]
    NoSets {
        /// The list of sets: `train` or `valid`.
        list: &'static str,
        /// The file that was read, where it was one.
        file: Option<PathBuf>,
    },
    /// The output folder holds a run already.
    #[error("{folder}: holds a run already ({found})")]
    OutputTaken {
        /// The output folder.
        folder: PathBuf,
        /// The file that shows it.
        found: String,
    },
    /// Another process writes into the output folder.
    #[error("{folder}: in use by {owner}")]
    OutputInUse {
        /// The output folder.
        folder: PathBuf,
        /// The process: its id and its command line.
        owner: String,
    },
    /// The output folder holds a file or is a folder that the run reads.
    #[error(
        "{folder}: expected an output folder apart from what is read, found {file} in it ({key})"
    )]
    OutputHoldsInput {
        /// The output folder.
        folder: PathBuf,
        /// The setting that names what is read: `model.checkpoint`, `model.restore_model` or `data`.
        key: String,
        /// What is read.
        file: PathBuf,
    },
    /// A run is resumed with other data or weights than it began with.
    #[error(
        "{what}: expected what the run began with ({}), found {}",
        shown(expected),
        shown(found)
    )]
    OtherInput {
        /// `model.checkpoint`, `model.restore_model` or "the training data".
        what: String,
        /// What the run began with.
        expected: String,
        /// What is there now.
        found: String,
    },
    /// More records of the validation sets are unusable than may be.
    #[error(
        "{refused} of {records} validation records are unusable, of which {budget} may be; the last: {last}"
    )]
    ValidationBudget {
        /// Different records that were refused.
        refused: usize,
        /// How many may be.
        budget: usize,
        /// How many there are.
        records: usize,
        /// The last refusal.
        last: Box<maskwright_data::Error>,
    },
    /// No object of a validation set allows a prompt, so that nothing can be scored.
    #[error(
        "set {set}: expected an object that allows a prompt of the kind {prompt}, found none: {why}"
    )]
    NothingScored {
        /// The set's name.
        set: String,
        /// The kind of prompt that was to be given, or "clicks".
        prompt: String,
        /// How many objects there are, and what keeps them from having a prompt.
        why: String,
    },
    /// The observer asked to stop where there was nothing to save.
    #[error("stopped")]
    Stopped,
    /// The disk cannot hold what shall be kept.
    #[error("{folder}: expected {needed} bytes of free space, found {free}")]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// How many bytes are needed.
        needed: u64,
        /// How many are free.
        free: u64,
    },
    /// The output is there already, and is replaced only if that is asked for.
    #[error("{file}: expected a path where nothing is, found a file or folder that is there")]
    OutputExists {
        /// The file or folder.
        file: PathBuf,
    },
    /// The output's name does not fit what shall be written.
    #[error("{file}: expected {expected}{}", target.map(|to| format!(" for {to}")).unwrap_or_default())]
    OutputName {
        /// The output.
        file: PathBuf,
        /// What its name should be.
        expected: &'static str,
        /// What was asked for, where it was named.
        target: Option<&'static str>,
    },
    /// A folder that shall be resumed holds no state to resume from.
    #[error("{folder}: nothing to resume here: expected {expected}, found {found}")]
    NothingToResume {
        /// The output folder.
        folder: PathBuf,
        /// What a resumable run has.
        expected: String,
        /// What is there.
        found: String,
        /// Whether it is a run, which wrote no state yet.
        begun: bool,
    },
    /// A folder that holds no run, or one that was stopped before it had begun.
    #[error("{}: expected {}, found {}", folder.display(), shown(expected), shown(found))]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// What a run has.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file of a run does not read as what it should be.
    #[error("{}: expected {}, found {}", file.display(), shown(expected), shown(found))]
    RunFile {
        /// The file.
        file: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// Several steps in a row had a loss or a gradient that is NaN or infinite, and were skipped.
    #[error(
        "{in_a_row} steps in a row had a loss or a gradient that is no finite number; the last is step {step} of epoch \
         {epoch}, by its {what} (records {records:?})"
    )]
    NotFinite {
        /// How many steps in a row.
        in_a_row: usize,
        /// What was no number in the last of them.
        what: NotFinite,
        /// Epoch, from 0.
        epoch: usize,
        /// Step in the epoch, from 1.
        step: usize,
        /// The records of the last batch.
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

    /// Maps what keeps settings for `file` from being TOML to an error.
    pub(crate) fn no_toml(file: &Path) -> impl FnOnce(toml::ser::Error) -> Self {
        let file = file.to_path_buf();
        move |error| Self::RunFile {
            file,
            expected: "settings that TOML can hold".into(),
            found: error.to_string(),
        }
    }

    /// A [`Setting`](Self::Setting) that came from no file.
    pub(crate) fn setting(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        let (key, expected) = (key.into(), expected.into());
        Self::Setting { key, expected, found: found.to_string(), file: None }
    }

    /// The same error, naming `path` if it is about settings that were read from there.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::NoSets { list, .. } => Self::NoSets { list, file: Some(path.to_path_buf()) },
            Self::Setting { key, expected, found, .. } => {
                Self::Setting { key, expected, found, file: Some(path.to_path_buf()) }
            }
            Self::Data(error) => Self::Data(Box::new(error.in_file(path))),
            Self::Model(error) => match *error {
                maskwright_model::Error::Setting { key, expected, found } => {
                    Self::Setting { key: key.into(), expected, found, file: Some(path.into()) }
                }
                other => Self::Model(Box::new(other)),
            },
            other => other,
        }
    }
}

/// A file's name before what is wrong in it.
fn named(file: &Option<PathBuf>) -> String {
    file.as_ref().map(|file| format!("{}, ", file.display())).unwrap_or_default()
}
