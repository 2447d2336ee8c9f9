//! What the process that works on a run can be asked: to stop, to stand still, to go on.

use std::path::Path;
use std::process::{Command, Stdio};

use maskwright_train::asked::{self, Asked};

use crate::error::{Error, Result};

/// What a process is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// To save its state and end, as Ctrl-C does.
    Stop,
    /// To stand still where it is, with all that it holds in memory.
    Pause,
    /// To go on from there.
    GoOn,
}

/// Asks the process that works on a run: by a signal, where there are signals, otherwise by a file in the run's folder, which it looks for.
///
/// # Errors
/// [`Error::Child`] where that cannot be asked, [`Error::Train`] where the file cannot be written.
pub(super) fn ask(process: u32, run: &Path, what: Ask) -> Result<()> {
    if !cfg!(unix) {
        return by_file(run, what);
    }
    if what == Ask::GoOn {
        // Whoever had it stand still may have done so by a file.
        by_file(run, what)?;
    }
    by_signal(process, what)
}

/// Asks by a file.
fn by_file(run: &Path, what: Ask) -> Result<()> {
    match what {
        Ask::Stop => asked::ask(run, Asked::Stop)?,
        Ask::Pause => asked::ask(run, Asked::Pause)?,
        Ask::GoOn if asked::asked(run) == Some(Asked::Pause) => asked::withdraw(run)?,
        Ask::GoOn => {}
    }
    Ok(())
}

/// Asks by a signal.
fn by_signal(process: u32, what: Ask) -> Result<()> {
    let refuse = |reason: String| Error::Child { what: format!("process {process}"), reason };
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

/// Whether the process that works on a run stands still, also if somebody else had it do so; none where neither the system nor a file says.
pub(super) fn stands_still(process: u32, run: &Path) -> Option<bool> {
    if asked::asked(run) == Some(Asked::Pause) {
        return Some(true);
    }
    if !cfg!(unix) {
        return Some(false);
    }
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name is in parentheses, and may have some itself; the state is behind it.
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    Some(state == 'T')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on systems without signals.
    #[test]
    fn what_is_asked_by_a_file_is_found_there() {
        let run = tempfile::tempdir().expect("a folder");
        let run = run.path();
        let own = std::process::id();
        by_file(run, Ask::Pause).expect("asked");
        assert_eq!((asked::asked(run), stands_still(own, run)), (Some(Asked::Pause), Some(true)));
        by_file(run, Ask::GoOn).expect("asked");
        assert_eq!(asked::asked(run), None);
        assert_ne!(stands_still(own, run), Some(true));
        // Stopping one that stands still is asking for both; the first stays.
        by_file(run, Ask::Stop).expect("asked");
        by_file(run, Ask::GoOn).expect("asked");
        assert_eq!(asked::asked(run), Some(Asked::Stop));
    }
}
