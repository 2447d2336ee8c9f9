//! Why records were refused, summed up, and what they lack.

use std::path::PathBuf;

#[allow(unused_imports, reason = "named in the documentation")]
use super::Error;
use super::written::path;

/// How many records were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The reason in a word, see [`Error::reason`].
    pub reason: String,
    /// Different records refused for it first.
    pub records: usize,
    /// The file of the first of them.
    pub example: PathBuf,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} (such as {})", self.records, self.reason, path(&self.example))
    }
}

/// Which half of a pair is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The image: there is an annotation or a mask alone.
    Image,
    /// The mask, or the annotation file that has it.
    Mask,
}
