//! A folder that appears as a whole.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::temporary::{folder_in, remove_abandoned};
use crate::write::folder_of;

/// A folder that is being filled under a temporary name. Dropped, it is removed with all that is in it.
#[derive(Debug)]
pub struct NewFolder {
    /// Nothing once it has its name.
    part: PathBuf,
    /// Holds the temporary name.
    _held: Option<File>,
    target: PathBuf,
}

impl NewFolder {
    /// Begins one, in the folder that `target` is to lie in, after removing what killed processes left there.
    ///
    /// # Errors
    /// The system's reason.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let folder = folder_of(target);
        remove_abandoned(folder);
        let (part, _held) = folder_in(folder)?;
        Ok(Self { part, _held, target: target.to_path_buf() })
    }

    /// Where it is filled.
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// The system's reason; [`ErrorKind::AlreadyExists`] if something has the name by now.
    pub fn publish(mut self) -> io::Result<()> {
        // On some systems a folder takes the place of an empty one.
        if self.target.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(&self.part, &self.target)?;
        self.part = PathBuf::new();
        Ok(())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // What cannot be removed is tried again by the next one.
        let _ = std::fs::remove_dir_all(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_whole_or_not_there() {
        let place = tempfile::tempdir().expect("a folder");
        let target = place.path().join("new");
        let count = || std::fs::read_dir(place.path()).expect("listed").count();
        let begun = NewFolder::beside(&target).expect("begun");
        std::fs::write(begun.path().join("a"), "a").expect("written");
        drop(begun);
        assert_eq!(count(), 0);
        // Somebody took the name.
        let begun = NewFolder::beside(&target).expect("begun");
        std::fs::create_dir(&target).expect("made");
        let error = begun.publish().expect_err("taken");
        assert_eq!((error.kind(), count()), (ErrorKind::AlreadyExists, 1));
        std::fs::remove_dir(&target).expect("removed");
        NewFolder::beside(&target).and_then(NewFolder::publish).expect("renamed");
        // The reason alone.
        let error = NewFolder::beside(&place.path().join("none/new")).expect_err("refused");
        let code = error.raw_os_error().expect("the system's");
        assert_eq!(error.to_string(), io::Error::from_raw_os_error(code).to_string());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let other = place.path().join("other");
            std::fs::create_dir(&other).expect("made");
            let mode = |path: &Path| path.metadata().expect("there").permissions().mode();
            assert_eq!(mode(&target), mode(&other));
        }
    }
}
