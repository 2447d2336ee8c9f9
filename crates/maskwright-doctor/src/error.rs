//! What keeps an examination from being made.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why no data set was recognised, or none examined. What is wrong with the data themselves is a
/// [`Finding`](crate::Finding) and no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A data file, or settings that make no sense.
    #[error(transparent)]
    Data(Box<maskwright_data::Error>),
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path holds nothing that can be taken for a data set.
    #[error("{}: expected {expected}, found {found}", path.display())]
    NotRecognised {
        /// The file or folder.
        path: PathBuf,
        /// What is recognised.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A folder may hold one of several data sets.
    #[error(
        "{}: expected one data set, found {found}, which may be {}",
        path.display(),
        likely.iter().map(|reading| reading.what.as_str()).collect::<Vec<_>>().join(", or ")
    )]
    Unclear {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What it may be, the likeliest first.
        likely: Vec<maskwright_data::source::Reading>,
    },
    /// The images of an annotation file are in none of the folders where such images lie.
    #[error("{}: expected its images in a folder beside it, found none of them", annotations.display())]
    ImagesNotFound {
        /// The annotation file.
        annotations: PathBuf,
    },
    /// The system gives no more threads.
    #[error("cannot start the threads that look at the records: {source}")]
    Threads {
        /// What the system said.
        source: std::io::Error,
    },
}

// Boxed, so that a result of this crate stays small.
impl From<maskwright_data::Error> for Error {
    fn from(error: maskwright_data::Error) -> Error {
        Error::Data(Box::new(error))
    }
}

impl Error {
    /// Makes an error of the system's one that names `file`.
    pub(crate) fn unreadable(file: &Path) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::Read { file: file.into(), source }
    }
}
