//! Files, written or replaced as a whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::temporary::file_in;

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
    let mut temporary = file_in(folder_of(path)).map_err(&named)?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary.as_file_mut());
    write(&mut out)?;
    out.flush().map_err(&named)?;
    drop(out);
    temporary.as_file().sync_all().map_err(&named)?;
    temporary.persist(path).map_err(|error| named(error.error))?;
    Ok(())
}

/// Writes a file as [`write_atomically`] does, but where there is none: what is there stays. Returns whether it was written.
///
/// # Errors
/// The system's reason, which does not name the file.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut temporary = file_in(folder_of(path))?;
    temporary.as_file_mut().write_all(bytes)?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(failed) => Err(failed.error),
    }
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

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
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
        let named = |error: io::Error| format!("kept: {error}");
        let error = write_with(&path, named, |out| {
            out.write_all(b"half").map_err(named)?;
            Err(named(full()))
        })
        .expect_err("refused");
        assert_eq!(error, "kept: no storage space");
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

    #[test]
    fn a_new_file_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("kept");
        assert!(write_new(&path, b"first").expect("written"));
        assert!(!write_new(&path, b"second").expect("looked"));
        assert_eq!(std::fs::read(&path).expect("read"), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
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
