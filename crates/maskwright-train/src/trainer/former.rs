//! A run that another one replaces: it stays until the new one has saved something.
//!
//! Its files go into `.maskwright-moving`, which is renamed to `.maskwright-replaced` when all of them are there.
//! What lies in `moving` belongs back where it was. What lies in `replaced` is removed when the new run has a state or
//! a model; a new run that ends before that, however it ends, gives way to the former one.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files;
use crate::run_files::{BEGUN, RESUME, WEIGHTS, WHOLE, numbered, prefixed};

const MOVING: &str = ".maskwright-moving";
const REPLACED: &str = ".maskwright-replaced";

/// The files of a run that is being replaced.
#[derive(Debug)]
pub(super) struct Former {
    folder: PathBuf,
    files: Vec<PathBuf>,
    aside: bool,
}

impl Former {
    /// No run is replaced.
    pub(super) fn none(folder: &Path) -> Self {
        Self::of(folder, Vec::new())
    }

    /// These files of `folder` are to be replaced.
    pub(super) fn of(folder: &Path, files: Vec<PathBuf>) -> Self {
        Self { folder: folder.to_path_buf(), files, aside: false }
    }

    /// Puts the folder in order after a process that was killed while it replaced a run.
    pub(super) fn recover(folder: &Path) -> Result<()> {
        move_back(folder)?;
        if !folder.join(REPLACED).exists() {
            return Ok(());
        }
        let saved =
            !prefixed(folder, RESUME)?.is_empty() || !numbered(folder, WHOLE, WEIGHTS)?.is_empty();
        if saved { files::remove(&folder.join(REPLACED)) } else { restore(folder) }
    }

    /// Moves the files out of the new run's way.
    pub(super) fn set_aside(&mut self) -> Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let moving = self.folder.join(MOVING);
        files::create_folder(&moving)?;
        for file in std::mem::take(&mut self.files) {
            files::rename(&file, &moving.join(file.file_name().unwrap_or_default()))?;
        }
        files::rename(&moving, &self.folder.join(REPLACED))?;
        self.aside = true;
        Ok(())
    }

    /// Removes the files: the new run has something in their place.
    pub(super) fn remove(&mut self) -> Result<()> {
        if std::mem::take(&mut self.aside) {
            files::remove(&self.folder.join(REPLACED))?;
        }
        Ok(())
    }
}

impl Drop for Former {
    /// A new run that saved nothing gives way. What cannot be put back now is put back at the next start.
    fn drop(&mut self) {
        if self.aside {
            let _ = restore(&self.folder);
        } else {
            let _ = move_back(&self.folder);
        }
    }
}

/// Puts the former run back in the place of one that has saved nothing.
fn restore(folder: &Path) -> Result<()> {
    for name in BEGUN {
        let path = folder.join(name);
        if path.exists() {
            files::remove(&path)?;
        }
    }
    files::rename(&folder.join(REPLACED), &folder.join(MOVING))?;
    move_back(folder)
}

/// Moves what lies in [`MOVING`] to where it was.
fn move_back(folder: &Path) -> Result<()> {
    let moving = folder.join(MOVING);
    let listing = match std::fs::read_dir(&moving) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(&moving, "read")(error)),
    };
    for entry in listing {
        let entry = entry.map_err(Error::io(&moving, "read"))?;
        files::rename(&entry.path(), &folder.join(entry.file_name()))?;
    }
    std::fs::remove_dir(&moving).map_err(Error::io(&moving, "remove"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_files::{CONFIG, METRICS};

    /// A folder with a former run of two files, and notes that are no run's.
    fn folder() -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let weights = folder.path().join("sam_hq_epoch_1.safetensors");
        let config = folder.path().join(CONFIG);
        std::fs::write(&weights, "weights").expect("written");
        std::fs::write(&config, "former").expect("written");
        std::fs::write(folder.path().join("notes.txt"), "mine").expect("written");
        (folder, vec![config, weights])
    }

    /// Such a folder whose files were set aside.
    fn aside() -> (tempfile::TempDir, Former) {
        let (folder, files) = folder();
        let mut former = Former::of(folder.path(), files);
        former.set_aside().expect("moved");
        (folder, former)
    }

    fn listed(folder: &Path) -> Vec<String> {
        let listing = std::fs::read_dir(folder).expect("listed");
        let mut names: Vec<String> = listing
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    const FORMER: [&str; 3] = ["config.toml", "notes.txt", "sam_hq_epoch_1.safetensors"];

    #[test]
    fn a_run_that_saves_nothing_gives_way() {
        let (folder, former) = aside();
        assert_eq!(listed(folder.path()), [REPLACED, "notes.txt"]);
        std::fs::write(folder.path().join(CONFIG), "new").expect("written");
        std::fs::write(folder.path().join(METRICS), "").expect("written");
        drop(former);
        assert_eq!(listed(folder.path()), FORMER);
        assert_eq!(std::fs::read_to_string(folder.path().join(CONFIG)).expect("read"), "former");
    }

    #[test]
    fn a_run_that_saved_takes_the_place() {
        let (folder, mut former) = aside();
        std::fs::write(folder.path().join(CONFIG), "new").expect("written");
        former.remove().expect("removed");
        drop(former);
        assert_eq!(listed(folder.path()), ["config.toml", "notes.txt"]);
        assert_eq!(std::fs::read_to_string(folder.path().join(CONFIG)).expect("read"), "new");
    }

    #[test]
    fn whoever_was_killed_anywhere_leaves_one_whole_run() {
        // While files were moved aside: one is there, one is not.
        let (at, files) = folder();
        std::fs::create_dir(at.path().join(MOVING)).expect("made");
        std::fs::rename(&files[1], at.path().join(MOVING).join("sam_hq_epoch_1.safetensors"))
            .expect("moved");
        Former::recover(at.path()).expect("recovered");
        assert_eq!(listed(at.path()), FORMER);

        // After the new run had begun, before it saved.
        let (at, former) = aside();
        std::mem::forget(former);
        std::fs::write(at.path().join(CONFIG), "new").expect("written");
        Former::recover(at.path()).expect("recovered");
        assert_eq!(listed(at.path()), FORMER);

        // After it saved, before the former one was removed.
        let (at, former) = aside();
        std::mem::forget(former);
        std::fs::create_dir(at.path().join("resume-00000004")).expect("made");
        Former::recover(at.path()).expect("recovered");
        assert_eq!(listed(at.path()), ["notes.txt", "resume-00000004"]);
    }
}
