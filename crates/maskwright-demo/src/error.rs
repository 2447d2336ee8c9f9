//! What keeps the set from being made.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a picture or the set was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of [`DemoConfig`](crate::DemoConfig) has a value that it cannot have.
    #[error("demo {key}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The folder holds files that are not of this set and would be taken for its records, or another data file.
    #[error(
        "{}: expected a folder that is empty or holds this very set, found {}{}",
        folder.display(), file.display(), if *changed { " with other content" } else { "" }
    )]
    FolderTaken {
        /// The folder of the set or of a part of it.
        folder: PathBuf,
        /// A file that is in the way.
        file: PathBuf,
        /// Whether that has the name of a file of the set.
        changed: bool,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written, or a folder not be made.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture could not be encoded.
    #[error("{}: {source}", file.display())]
    Image {
        /// The file that was to be written.
        file: PathBuf,
        /// The codec's reason.
        source: maskwright_image::Error,
    },
    /// The system gives no more threads.
    #[error("cannot start the threads that make the pictures: {source}")]
    Threads {
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Makes an error of the system's one about reading `file`.
    pub(crate) fn read(file: &Path) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::Read { file: file.into(), source }
    }

    /// Makes an error of the system's one about writing `file`.
    pub(crate) fn write(file: &Path) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::Write { file: file.into(), source }
    }
}
