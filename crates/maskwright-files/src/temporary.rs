//! Temporary names, who holds them, and those that nobody holds.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// How all temporary names begin.
const PREFIX: &str = ".maskwright-";
/// How those begin that are locked by whoever makes the file or folder. Others belong to the owner of the folder that they lie in.
const HELD: &str = ".maskwright-held-";
const SUFFIX: &str = ".part";

/// Whether a file or folder has a temporary name: whoever made it died before it was whole, unless it works still.
pub fn is_temporary(name: &OsStr) -> bool {
    named(name, PREFIX)
}

/// Removes what processes that were killed left in a folder under the temporary names of this crate. What is being made, here or by
/// another process, stays. So does what cannot be removed, and on file systems without locks everything.
///
/// It lists the folder: to be called before work, not before each of many files.
pub fn remove_abandoned(folder: &Path) {
    let Ok(listing) = std::fs::read_dir(folder) else { return };
    for entry in listing.flatten() {
        if named(&entry.file_name(), HELD) {
            // What stays is in nobody's way.
            let _ = remove_unheld(&entry.path());
        }
    }
}

fn named(name: &OsStr, prefix: &str) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(prefix.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

fn remove_unheld(path: &Path) -> io::Result<()> {
    let kind = path.symlink_metadata()?.file_type();
    // A pipe of such a name is nobody's of ours, and opening it would wait.
    if !kind.is_file() && !kind.is_dir() {
        return Ok(());
    }
    let part = File::open(path)?;
    if part.try_lock().is_err() || !is_at(&part, path) {
        return Ok(());
    }
    if kind.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

/// A file of a temporary name, held as long as it is open. It is as readable as any file that a program makes.
pub(crate) fn file_in(folder: &Path) -> io::Result<NamedTempFile> {
    make_in(folder, |path| {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        if hold(&file, path) { Ok(file) } else { Err(ANOTHER_NAME.into()) }
    })
}

/// A folder of a temporary name, and the open folder that holds the name: none where folders cannot be opened.
pub(crate) fn folder_in(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let made = make_in(folder, |path| {
        std::fs::create_dir(path)?;
        match File::open(path) {
            Ok(part) if hold(&part, path) => Ok(Some(part)),
            Err(error) if error.kind() != ErrorKind::NotFound => Ok(None),
            _ => Err(ANOTHER_NAME.into()),
        }
    })?;
    let (held, path) = made.into_parts();
    Ok((path.keep().map_err(|failed| failed.error)?, held))
}

/// With an error of this kind [`make_in`] is asked for another name.
const ANOTHER_NAME: ErrorKind = ErrorKind::AlreadyExists;

/// What `make` makes at a name that was free. Its errors are the system's, without the name, which tells nobody anything.
fn make_in<T>(
    folder: &Path,
    make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<NamedTempFile<T>> {
    Builder::new().prefix(HELD).suffix(SUFFIX).make_in(folder, make)
}

/// Locks what was just made. False if another process took it for abandoned in the moment before, and removes it.
fn hold(part: &File, path: &Path) -> bool {
    match part.try_lock() {
        Ok(()) => is_at(part, path),
        Err(TryLockError::WouldBlock) => false,
        // Where there are no locks nobody takes it for abandoned.
        Err(TryLockError::Error(_)) => true,
    }
}

/// Whether an open file or folder is still what its path leads to.
#[cfg(unix)]
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place =
        |data: io::Result<std::fs::Metadata>| data.ok().map(|data| (data.dev(), data.ino()));
    place(file.metadata()).is_some_and(|ours| place(std::fs::metadata(path)) == Some(ours))
}

/// Whether an open file or folder is still what its path leads to.
#[cfg(not(unix))]
pub fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{NewFolder, write_with};

    fn names(folder: &Path) -> Vec<String> {
        let listing = fs::read_dir(folder).expect("listed");
        let mut names: Vec<String> = listing
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    #[test]
    fn what_nobody_holds_goes_and_what_is_being_made_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at(".maskwright-held-a1.part/deep")).expect("made");
        fs::write(at(".maskwright-held-a1.part/deep/half"), "half").expect("written");
        fs::write(at(".maskwright-held-b2.part"), "half").expect("written");
        // Another's, the user's, and a link.
        fs::write(at(".maskwright-c3.part"), "owned").expect("written");
        fs::write(at("held.part"), "mine").expect("written");
        fs::create_dir(at("elsewhere")).expect("made");
        fs::write(at("elsewhere/kept"), "kept").expect("written");
        std::os::unix::fs::symlink(at("elsewhere"), at(".maskwright-held-d4.part"))
            .expect("linked");

        let folder = NewFolder::beside(&at("new")).expect("begun");
        fs::write(folder.path().join("first"), "1").expect("written");
        write_with(
            &at("file"),
            |error| error,
            |out| {
                remove_abandoned(place.path());
                let left = names(place.path());
                let held = left.iter().filter(|name| name.starts_with(HELD)).count();
                // The link, the new folder and the new file.
                assert_eq!((held, left.len()), (3, 6), "{left:?}");
                io::Write::write_all(out, b"whole")
            },
        )
        .expect("written");
        folder.publish().expect("renamed");
        remove_abandoned(place.path());
        let left = [".maskwright-c3.part", ".maskwright-held-d4.part"];
        assert_eq!(
            names(place.path()),
            [&left[..], &["elsewhere", "file", "held.part", "new"]].concat()
        );
        assert_eq!(fs::read(at("elsewhere/kept")).expect("read"), b"kept");
        assert_eq!(fs::read(at("new/first")).expect("read"), b"1");
    }

    /// Whoever removes and whoever makes may meet at any moment.
    #[test]
    fn many_at_once_lose_nothing() {
        let place = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for worker in 0..6 {
                let place = place.path();
                scope.spawn(move || {
                    for round in 0..100 {
                        let name = format!("{worker}-{round}");
                        let folder = NewFolder::beside(&place.join(&name)).expect("begun");
                        fs::write(folder.path().join("file"), &name).expect("written");
                        folder.publish().expect("renamed");
                        crate::write_atomically(&place.join(name + ".txt"), b"text")
                            .expect("written");
                    }
                });
            }
        });
        assert_eq!(names(place.path()).len(), 1200);
        for name in names(place.path()).iter().filter(|name| !name.ends_with(".txt")) {
            assert_eq!(
                fs::read_to_string(place.path().join(name).join("file")).expect("read"),
                *name
            );
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_of_such_a_name_is_not_waited_for() {
        let place = tempfile::tempdir().expect("a folder");
        let pipe = place.path().join(".maskwright-held-e5.part");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        remove_abandoned(place.path());
        assert!(pipe.symlink_metadata().is_ok());
    }
}
