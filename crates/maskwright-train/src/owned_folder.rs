//! One process owns an output folder.
//!
//! [`OwnedFolder::take`] creates the folder where it is missing, and locks the file `.maskwright-lock` in it. The
//! lock belongs to the process: it ends with it, however it ends, so a folder is never blocked by a run that is
//! no more. Reading needs no lock.
//!
//! ```
//! use maskwright_train::Error;
//! use maskwright_train::owned_folder::OwnedFolder;
//!
//! # let temporary = tempfile::tempdir()?;
//! # let output = temporary.path().join("run");
//! let owned = OwnedFolder::take(&output)?;
//! let error = OwnedFolder::take(&output).expect_err("it is taken");
//! assert!(matches!(error, Error::OutputInUse { .. }));
//! drop(owned);
//! assert!(!output.exists(), "nothing was written into it");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use maskwright_files::{is_at, is_temporary};

use crate::error::{Error, Result};

/// The file that is locked. It holds the owner's process id and command line.
pub const LOCK: &str = ".maskwright-lock";

/// Bytes of an owner's description that are read back at most.
const LONGEST: u64 = 4096;

/// A folder that no other process of this kind writes into while this value lives.
///
/// Dropped, it removes its lock, and those folders again that it created and nobody put anything into.
#[derive(Debug)]
pub struct OwnedFolder {
    path: PathBuf,
    /// The locked file; none on file systems that have no locks.
    lock: Option<File>,
    /// Folders that were created for this, the deepest first.
    made: Vec<PathBuf>,
}

impl OwnedFolder {
    /// Creates the folder and its parents where they are missing, locks it, and removes temporary files that a
    /// killed owner left in it.
    ///
    /// # Errors
    /// [`Error::OutputInUse`] if another process owns the folder, [`Error::Io`].
    pub fn take(path: &Path) -> Result<Self> {
        let mut owned = Self { path: path.to_path_buf(), lock: None, made: Vec::new() };
        let missing = path.ancestors().take_while(|folder| {
            !folder.as_os_str().is_empty() && std::fs::symlink_metadata(folder).is_err()
        });
        owned.made = missing.map(Path::to_path_buf).collect();
        owned.lock = lock(path)?;
        owned.remove_leftovers()?;
        Ok(owned)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Files and folders under temporary names: whoever made them died before they were whole.
    fn remove_leftovers(&self) -> Result<()> {
        let listing = std::fs::read_dir(&self.path).map_err(Error::io(&self.path, "read"))?;
        for entry in listing {
            let path = entry.map_err(Error::io(&self.path, "read"))?.path();
            if is_temporary(path.file_name().unwrap_or_default()) {
                crate::files::remove(&path)?;
            }
        }
        Ok(())
    }
}

impl Drop for OwnedFolder {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            // Removed while it is locked: who opened it before sees that it is gone, and makes a new one.
            let _ = std::fs::remove_file(self.path.join(LOCK));
            drop(lock);
        }
        for folder in &self.made {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

fn lock(folder: &Path) -> Result<Option<File>> {
    let path = folder.join(LOCK);
    let failed = |error| Error::io(&path, "lock")(error);
    loop {
        crate::files::create_folder(folder)?;
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = match opened {
            Ok(file) => file,
            // Whoever was refused before us took its empty folder away again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::OutputInUse { folder: folder.into(), owner: owner(&mut file) });
            }
            // Some network file systems have no locks; a run on one of them goes on without.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                let _ = std::fs::remove_file(&path);
                return Ok(None);
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // The former owner may have removed the file between our opening and locking it.
        if is_at(&file, &path) {
            file.set_len(0).and_then(|()| write!(file, "{}", this_process())).map_err(failed)?;
            return Ok(Some(file));
        }
    }
}

/// Returns the id of the process that owns a folder; `None` where none does, or where that cannot be told.
pub fn owner_of(folder: &Path) -> Option<u32> {
    let mut file = File::open(folder.join(LOCK)).ok()?;
    match file.try_lock_shared() {
        // It is given back with the file: nobody owns the folder.
        Ok(()) | Err(TryLockError::Error(_)) => None,
        Err(TryLockError::WouldBlock) => {
            owner(&mut file).strip_prefix("process ")?.split_whitespace().next()?.parse().ok()
        }
    }
}

/// What the lock's owner wrote into it.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(LONGEST).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".into(),
    }
}

/// This process, for people: its id and its command line.
fn this_process() -> String {
    let command: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    format!("process {} ({})", std::process::id(), command.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let folder = place.path().join("a/run");
        let owned = OwnedFolder::take(&folder).expect("free");
        let Err(Error::OutputInUse { owner, .. }) = OwnedFolder::take(&folder) else {
            panic!("two owners");
        };
        assert!(owner.starts_with(&format!("process {} (", std::process::id())), "{owner}");
        drop(owned);
        assert!(!place.path().join("a").exists(), "folders that were made for nothing are gone");
    }

    #[test]
    fn the_owner_is_who_has_locked_it() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("run");
        assert_eq!(owner_of(&folder), None);
        let owned = OwnedFolder::take(&folder).expect("free");
        assert_eq!(owner_of(&folder), Some(std::process::id()));
        std::fs::write(folder.join("kept"), "").expect("written");
        drop(owned);
        assert_eq!(owner_of(&folder), None);
        // A lock file that a killed process left.
        std::fs::write(folder.join(LOCK), "process 1 (x)").expect("written");
        assert_eq!(owner_of(&folder), None);
    }

    #[test]
    fn a_lock_that_a_dead_process_left_is_taken_over_and_its_parts_go() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let part = place.path().join(".maskwright-a1.part");
        std::fs::create_dir(&part).expect("made");
        std::fs::write(part.join("weights.safetensors"), "half").expect("written");
        std::fs::write(place.path().join(".maskwright-b2.part"), "half").expect("written");
        std::fs::write(place.path().join("notes.part"), "mine").expect("written");
        std::fs::write(place.path().join(LOCK), "process 1 (gone)").expect("written");
        drop(OwnedFolder::take(place.path()).expect("the lock's owner is dead"));
        let left: Vec<_> = std::fs::read_dir(place.path())
            .expect("listed")
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["notes.part"]);
    }

    #[test]
    fn of_many_that_take_a_folder_at_once_one_has_it() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let folder = place.path().join("run");
        for _ in 0..20 {
            let start = std::sync::Barrier::new(8);
            let owners = std::sync::atomic::AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        start.wait();
                        let owned = OwnedFolder::take(&folder);
                        if owned.is_ok() {
                            owners.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        }
                        start.wait();
                        drop(owned);
                    });
                }
            });
            assert_eq!(owners.into_inner(), 1);
        }
    }
}
