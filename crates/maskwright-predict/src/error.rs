//! What can go wrong in prediction.

use std::io;
use std::path::{Path, PathBuf};

use maskwright_image::shown;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every failure of this crate; each says what was expected and what was found, and names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model or a checkpoint.
    #[error(transparent)]
    Model(Box<maskwright_model::Error>),
    /// A picture that could not be encoded or decoded.
    #[error("{}{source}", named(file))]
    Image {
        /// The file that was read or written; none where bytes were given.
        file: Option<PathBuf>,
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
    /// A prompt or a setting that is not valid.
    #[error("{}: expected {}, found {}", shown(key), shown(expected), shown(found))]
    Setting {
        /// The setting, or the part of the prompt.
        key: String,
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An output folder that was begun with other settings, prompts or weights.
    #[error("{folder}: {key}: expected what the folder was begun with, {expected}, found {found}")]
    OtherSettings {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        key: String,
        /// What it was begun with.
        expected: String,
        /// What was given now.
        found: String,
    },
    /// A file is damaged but decodable, and sound files alone are asked for.
    #[error("{file}: {damage}, and damaged files are refused")]
    Damaged {
        /// The image or the mask.
        file: PathBuf,
        /// What was found.
        damage: String,
    },
    /// An image that a list of prompts names and that is not there.
    #[error("{input}: expected one image {name}, found {found}")]
    NoImage {
        /// Where it was looked for.
        input: PathBuf,
        /// What the list calls it.
        name: String,
        /// Whether that is COCO's number of it.
        by_number: bool,
        /// "none of this name", or that there are several.
        found: String,
    },
    /// An image or a prompt that cannot be used, where that ends the work.
    #[error("{reason}")]
    Refused {
        /// What is wrong, the file named.
        reason: String,
    },
    /// Whoever follows the progress asked to stop.
    #[error("stopped")]
    Stopped,
    /// A file whose ending does not fit its content.
    #[error("{file}: expected {expected}")]
    FileName {
        /// The file.
        file: PathBuf,
        /// What its name should be.
        expected: &'static str,
    },
    /// A file that does not have the expected content.
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

/// A file's name before what is wrong with it.
fn named(file: &Option<PathBuf>) -> String {
    file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default()
}
