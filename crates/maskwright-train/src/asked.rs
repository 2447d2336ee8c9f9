//! What a run is asked by a file in its folder, for those who cannot send it a signal: on systems that have none, or from another machine
//! that shares the folder.
//!
//! ```
//! use maskwright_train::asked::{Asked, ask, asked, withdraw};
//!
//! # let run = tempfile::tempdir()?;
//! ask(run.path(), Asked::Pause)?;
//! assert_eq!(asked(run.path()), Some(Asked::Pause));
//! withdraw(run.path())?;
//! assert_eq!(asked(run.path()), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use maskwright_files::write_atomically;
use strum::{EnumString, IntoStaticStr};

use crate::error::{Error, Result};

/// The file: it has one word.
pub const FILE: &str = "asked";
/// Bytes of it that are read.
const LONGEST: u64 = 64;

/// What a run is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Asked {
    /// To save its state and end, as Ctrl-C does.
    Stop,
    /// To stand still after the current step, with all that it holds in memory, until the file is gone.
    Pause,
}

/// Asks the run of a folder.
///
/// # Errors
/// [`Error::Io`].
pub fn ask(run: &Path, what: Asked) -> Result<()> {
    let file = run.join(FILE);
    let word: &str = what.into();
    write_atomically(&file, format!("{word}\n").as_bytes()).map_err(Error::io(&file, "write"))
}

/// What the run of a folder is asked; none for a file of other words.
pub fn asked(run: &Path) -> Option<Asked> {
    let mut text = String::new();
    File::open(run.join(FILE)).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Asks nothing any more.
///
/// # Errors
/// [`Error::Io`].
pub fn withdraw(run: &Path) -> Result<()> {
    let file = run.join(FILE);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(&file, "remove")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_people_write_them() {
        let run = tempfile::tempdir().expect("a folder");
        for (text, expected) in [
            ("stop", Some(Asked::Stop)),
            (" pause\r\n", Some(Asked::Pause)),
            ("halt", None),
            ("", None),
        ] {
            std::fs::write(run.path().join(FILE), text).expect("written");
            assert_eq!(asked(run.path()), expected, "{text:?}");
        }
        ask(run.path(), Asked::Stop).expect("asked");
        assert_eq!(asked(run.path()), Some(Asked::Stop));
        withdraw(run.path()).expect("withdrawn");
        withdraw(run.path()).expect("not there");
    }
}
