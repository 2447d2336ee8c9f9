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

/// An error of a library, with what helps.
#[derive(Debug, Error)]
#[error("{text}; {advice}")]
pub(crate) struct Advised {
    pub(crate) source: maskwright_train::Error,
    /// The error, as the command says it.
    pub(crate) text: String,
    /// What to type.
    pub(crate) advice: String,
}

impl Advised {
    pub(crate) fn new(source: maskwright_train::Error, advice: String) -> Self {
        let text = crate::words::of(&source);
        Self { source, text, advice }
    }
}

/// A file that is not there.
#[derive(Debug, Error)]
#[error("{}: {text}", file.display())]
pub(crate) struct Missing {
    pub(crate) file: PathBuf,
    /// That it is missing, and what helps.
    pub(crate) text: String,
}
