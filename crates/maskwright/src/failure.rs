//! The errors of the command itself; all others are those of the libraries.

use std::path::PathBuf;

/// A mistake on the command line that clap cannot see: one flag contradicts another.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A run that Ctrl-C stopped.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Data that training would refuse; what is wrong with it is printed already.
#[derive(Debug)]
pub(crate) struct Unfit;

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the data has errors")
    }
}

impl std::error::Error for Unfit {}

/// A damaged file where damaged ones are refused.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) file: PathBuf,
    /// What is wrong with it, and what refuses it.
    pub(crate) text: String,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.text)
    }
}

impl std::error::Error for Damaged {}
