//! Files and folders that are either whole or not there.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `bytes` to a temporary file beside `path`, makes sure of them on the disk and
/// renames it to `path`. On any failure `path` is as it was and no partial file stays.
///
/// Of a symbolic link the file that it leads to is written, and the link stays. What is no regular file, such as
/// `/dev/null` or a named pipe, cannot be replaced as a whole and is written into.
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
    if is_stream(path).map_err(&named)? {
        let mut stream = OpenOptions::new().write(true).open(path).map_err(&named)?;
        let mut out = BufWriter::with_capacity(1 << 20, &mut stream);
        write(&mut out)?;
        return out.flush().map_err(&named);
    }
    let path = &behind_links(path).map_err(&named)?;
    // Made here: a result is as readable as the user's other files, and an error does not name the temporary one.
    let make = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".maskwright-").suffix(".part");
    let mut temporary = builder.make_in(folder_of(path), make).map_err(&named)?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary.as_file_mut());
    write(&mut out)?;
    out.flush().map_err(&named)?;
    drop(out);
    temporary.as_file().sync_all().map_err(&named)?;
    temporary.persist(path).map_err(|error| named(error.error))?;
    Ok(())
}

/// Whether a file or folder has a temporary name: whoever made it died before it was whole, unless it works still.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".maskwright-") && name.ends_with(b".part")
}

/// Links that are followed from a name before they are taken for a circle, as Linux does.
const LINKS: usize = 40;

/// The path that a chain of symbolic links leads to, whether there is something or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        if !path.is_symlink() {
            return Ok(path);
        }
        path = folder_of(&path).join(std::fs::read_link(&path)?);
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Whether there is something that is neither a regular file nor a folder: a device, a pipe, a socket.
fn is_stream(path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(!found.is_file() && !found.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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
        let error = error.to_string().replace(&folder.path().display().to_string(), "FOLDER");
        assert_eq!(error, "FOLDER/kept: no storage space");
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
        // The reason alone.
        let refused =
            |name: &str| write_atomically(&folder.path().join(name), b"").expect_err("refused");
        for error in [refused("none/file"), refused("kept/file")] {
            let code = error.raw_os_error().expect("the system's");
            assert_eq!(error.to_string(), io::Error::from_raw_os_error(code).to_string());
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_what_they_lead_to_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, at(name)).expect("linked");
        };
        std::fs::create_dir(at("deep")).expect("made");
        link("deep/file", "first");
        link("first", "second");
        for text in [b"new", b"old"] {
            write_atomically(&at("second"), text).expect("written");
            assert_eq!(std::fs::read(at("deep/file")).expect("read"), text);
        }
        assert_eq!(std::fs::read_link(at("first")).expect("a link"), Path::new("deep/file"));
        assert!(at("second").is_symlink());
        link("circle", "circle");
        let error = write_atomically(&at("circle"), b"").expect_err("refused");
        assert!(error.to_string().contains("links"), "{error}");
        assert_eq!(std::fs::read_dir(at("deep")).expect("listed").count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_are_written_into_and_stay() {
        use std::os::unix::fs::FileTypeExt;

        write_atomically(Path::new("/dev/null"), b"gone").expect("written");
        let kind = std::fs::metadata("/dev/null").expect("there").file_type();
        assert!(kind.is_char_device());
        let error = write_atomically(Path::new("/dev/full"), b"more").expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
