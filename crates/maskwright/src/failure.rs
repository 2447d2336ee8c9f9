//! The errors of the command itself; all others are those of the libraries.

use std::path::PathBuf;

use thiserror::Error;

/// A mistake on the command line that clap cannot see: one flag contradicts another.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A run that Ctrl-C stopped.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Interrupted(pub(crate) String);

/// Data that training would refuse; what is wrong with it is printed already.
#[derive(Debug, Error)]
#[error("the data has errors")]
pub(crate) struct Unfit;

/// A damaged file where damaged ones are refused.
#[derive(Debug, Error)]
#[error("{}: {text}", file.display())]
pub(crate) struct Damaged {
    pub(crate) file: PathBuf,
    /// What is wrong with it, and what refuses it.
    pub(crate) text: String,
}
