//! Runs: those that there are, those that the studio starts, and what they found.
//!
//! | file | what it is about |
//! |---|---|
//! | `jobs` | trainings, as processes of their own |
//! | `signals` | asking the process that works on a run to stop, to stand still, to go on |
//! | `data` | what a training learns from, as a data file |
//! | `said` | what a program says |
//! | `list` | runs, their curves and figures, their files |

mod data;
pub(crate) mod jobs;
pub(crate) mod list;
mod said;
mod signals;

use std::path::{Path, PathBuf};
use std::process::Command;

use maskwright_train::trainer::Forecast;

use crate::api::TrainForm;
use crate::error::{Error, Result};

/// A training that shall begin.
#[derive(Debug, Clone)]
pub struct TrainJob {
    /// The data file.
    pub data: PathBuf,
    /// The folder of the run.
    pub output: PathBuf,
    /// The fields of the form that were given, by their keys.
    pub values: Vec<(String, String)>,
    /// The model that is clicked with, from which the run begins unless the form names another.
    pub checkpoint: Option<PathBuf>,
    /// The side of that model's input, which the run has unless the form says another.
    pub input_size: Option<usize>,
}

/// The program that the studio is a part of: only it knows its own command line.
pub trait Program: Send + Sync + 'static {
    /// The form for training.
    fn form(&self) -> TrainForm;

    /// The command that trains.
    ///
    /// # Errors
    /// What is wrong with a value, as it is told to people.
    fn train(&self, job: &TrainJob) -> std::result::Result<Command, String>;

    /// The command that measures a few steps and prints what the training will take as JSON.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    fn forecast(&self, job: &TrainJob) -> std::result::Result<Command, String>;

    /// What the training will take, line by line.
    fn forecast_words(&self, forecast: &Forecast) -> Vec<String>;

    /// The command that goes on with a run.
    fn resume(&self, output: &Path) -> Command;

    /// An error as it is told to people.
    fn words(&self, error: &Error) -> String;

    /// What an error is about: its code, and where they are known the file, what was expected and what was found.
    fn blame(&self, error: &Error) -> Blame;

    /// What makes a model to click with, where there is none.
    fn how_to_get_a_model(&self) -> String;
}

/// What an error is about.
#[derive(Debug, Clone, Default)]
pub struct Blame {
    /// Its kind, such as "setting".
    pub code: String,
    /// The file or folder.
    pub file: Option<String>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub found: Option<String>,
}

/// The folder of the studio's own files within that of the runs.
const OWN: &str = ".studio";

/// Whether a run may be called so: one part of a path, and harmless in any system.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty()
        || name.len() > 64
        || name.starts_with(['.', '-'])
        || !name.chars().all(plain)
    {
        return Err(Error::setting(
            "name",
            "1 to 64 letters, digits, '-', '_' and '.'",
            format!("{name:?}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_runs_lead_nowhere_else() {
        for name in ["run", "run-2", "a.b_C"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "..", ".studio", "a/b", "a\\b", "-f", "a b", "é", "a\0"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
