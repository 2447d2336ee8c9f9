//! What the process that works on a run can be asked: to stop, to stand still, to go on.

use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// What a process is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    /// To save its state and end, as Ctrl-C does.
    Stop,
    /// To stand still where it is, with all that it holds in memory.
    Pause,
    /// To go on from there.
    GoOn,
}

/// Asks a process.
///
/// # Errors
/// [`Error::Child`] where that cannot be asked.
pub(super) fn ask(process: u32, what: Ask) -> Result<()> {
    let refuse = |reason: String| Error::Child { what: format!("process {process}"), reason };
    if !cfg!(unix) {
        return Err(refuse("only systems of Unix's kind can ask this of a process".into()));
    }
    let signal = match what {
        Ask::Stop => "INT",
        Ask::Pause => "STOP",
        Ask::GoOn => "CONT",
    };
    // A part of every shell, where a program of that name may be missing.
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$1\" \"$0\"", &process.to_string(), signal]).stdin(Stdio::null());
    let asked = kill.output().map_err(|error| refuse(error.to_string()))?;
    match asked.status.success() {
        true => Ok(()),
        false => Err(refuse(String::from_utf8_lossy(&asked.stderr).trim().to_owned())),
    }
}

/// Whether a process stands still, also if somebody else had it do so; none where the system does not say.
pub(super) fn stands_still(process: u32) -> Option<bool> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name is in parentheses, and may have some itself; the state is behind it.
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    Some(state == 'T')
}
