//! Files and folders that are either whole or not there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` to a temporary file beside `path`, makes sure of them on the disk and
/// renames it to `path`. On any failure `path` is as it was and no partial file stays.
///
/// # Errors
/// The system's reason, which does not name the file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |error| error, |out| out.write_all(bytes))
}

/// As [`write_atomically`], the content written by `write`; `named` makes the caller's error of the
/// system's.
///
/// # Errors
/// What `write` says, and the system's reasons through `named`.
pub fn write_with<E>(
    path: &Path,
    named: impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    // Said of the folder itself, an error does not name the temporary file.
    std::fs::metadata(folder_of(path)).map_err(&named)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".maskwright-").suffix(".part");
    // Temporary files are private; a result is as readable as the user's other files.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder_of(path)).map_err(&named)?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary.as_file_mut());
    write(&mut out)?;
    out.flush().map_err(&named)?;
    drop(out);
    temporary.as_file().sync_all().map_err(&named)?;
    temporary.persist(path).map_err(|error| named(error.error))?;
    Ok(())
}

/// [`write_with`] for this crate's errors, which name the file.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
) -> Result<()> {
    write_with(path, |source| Error::Io { path: path.to_owned(), source }, write)
}

/// The folder that a path lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("kept");
        write_atomically(&path, b"old").expect("written");
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = write_whole(&path, |out| {
            let io = |source| Error::Io { path: path.clone(), source };
            out.write_all(b"half").map_err(io)?;
            Err(io(full()))
        })
        .expect_err("refused");
        assert!(error.to_string().contains("kept"), "{error}");
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
