//! Asking the process that works on a run to stop.

use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Asks a process to stop where its state can be saved, as Ctrl-C does.
///
/// # Errors
/// [`Error::Child`] where that cannot be asked.
pub(super) fn ask_to_stop(process: u32) -> Result<()> {
    let refuse = |reason: String| Error::Child { what: format!("process {process}"), reason };
    if !cfg!(unix) {
        return Err(refuse("only systems of Unix's kind can ask a process to stop".into()));
    }
    // A part of every shell, where a program of that name may be missing.
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s INT \"$0\"", &process.to_string()]).stdin(Stdio::null());
    let asked = kill.output().map_err(|error| refuse(error.to_string()))?;
    match asked.status.success() {
        true => Ok(()),
        false => Err(refuse(String::from_utf8_lossy(&asked.stderr).trim().to_owned())),
    }
}
