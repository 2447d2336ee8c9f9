//! Which process works on a run: the one that has locked its folder.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use maskwright_train::owned_folder::LOCK;

use crate::error::{Error, Result};

/// Bytes of an owner's description.
const LONGEST: u64 = 4096;

/// The id of the process that works on a run's folder; none where none does. It may be any process: this one's child, one of a studio
/// that has ended, or one that was started by hand.
pub(super) fn owner(folder: &Path) -> Option<u32> {
    let path = folder.join(LOCK);
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        // Given back with the file: nobody works on it.
        Ok(()) => None,
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            Read::by_ref(&mut file).take(LONGEST).read_to_string(&mut text).ok()?;
            text.strip_prefix("process ")?.split_whitespace().next()?.parse().ok()
        }
        Err(TryLockError::Error(_)) => None,
    }
}

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

#[cfg(test)]
mod tests {
    use maskwright_train::owned_folder::OwnedFolder;

    use super::*;

    #[test]
    fn the_owner_is_who_has_locked_it() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("run");
        assert_eq!(owner(&folder), None);
        let owned = OwnedFolder::take(&folder).expect("free");
        assert_eq!(owner(&folder), Some(std::process::id()));
        std::fs::write(folder.join("kept"), "").expect("written");
        drop(owned);
        assert_eq!(owner(&folder), None);
        // A lock file that a killed process left.
        std::fs::write(folder.join(LOCK), "process 1 (x)").expect("written");
        assert_eq!(owner(&folder), None);
    }
}
