//! Bytes of files: whole, in part, and the bytes of their names.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Files above this many bytes are not read: no image or mask is as large.
pub const LARGEST_FILE: u64 = 1 << 31;

/// Files of settings above this are not read.
pub(crate) const LARGEST_SETTINGS: u64 = 16 << 20;

/// Opens a file to be read; a folder too, of which reading then says what it is.
///
/// # Errors
///
/// What cannot be opened, and what is no file: a pipe or a terminal is waited for without end, a device may have none.
pub fn open_file(path: &Path) -> std::io::Result<File> {
    expect_file(path)?;
    File::open(path)
}

/// As [`open_file`]; but a pipe that the process was started with is opened: `/dev/stdin`, or what a shell makes of `<(command)`. It
/// can be read once.
///
/// # Errors
///
/// As [`open_file`].
pub fn open_file_or_given_pipe(path: &Path) -> std::io::Result<File> {
    if is_given_pipe(path) { File::open(path) } else { open_file(path) }
}

fn is_given_pipe(path: &Path) -> bool {
    let given = path == Path::new("/dev/stdin") || path.starts_with("/dev/fd");
    given && std::fs::metadata(path).is_ok_and(|found| special(found.file_type()) == Some(PIPE))
}

/// All bytes of a file, however many it has.
///
/// # Errors
///
/// As [`open_file`].
pub fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses what is neither file nor folder, before it is opened: opening a pipe already waits. Links are followed.
pub(crate) fn expect_file(path: &Path) -> std::io::Result<()> {
    match special(std::fs::metadata(path)?.file_type()) {
        None => Ok(()),
        Some(found) => {
            let message = format!("expected a file, found {found}");
            Err(std::io::Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// What [`special`] calls a pipe.
const PIPE: &str = "a named pipe";

/// What something is called that is neither file nor folder.
fn special(kind: std::fs::FileType) -> Option<&'static str> {
    if kind.is_file() || kind.is_dir() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some(PIPE);
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    Some("something else")
}

/// The text of a file of at most `most` bytes.
pub(crate) fn read_text(path: &Path, most: u64) -> std::io::Result<String> {
    text_of(open_file(path)?, most)
}

/// The text of a file of settings, of at most 16 MiB, or of [a pipe](open_file_or_given_pipe).
///
/// # Errors
///
/// What cannot be read, is no file or pipe, is no UTF-8 or longer.
pub fn read_settings(path: &Path) -> std::io::Result<String> {
    text_of(open_file_or_given_pipe(path)?, LARGEST_SETTINGS)
}

fn text_of(file: File, most: u64) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    // One byte more tells that it is longer.
    file.take(most + 1).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 <= most;
    match String::from_utf8(bytes) {
        Ok(text) if whole => Ok(text),
        // Said first: an image, say, is longer than any file of settings. At the limit a character may have been cut.
        Err(error) if whole || error.utf8_error().error_len().is_some() => {
            let from = error.utf8_error().valid_up_to();
            let message = format!("expected text in UTF-8, found other bytes from byte {from} on");
            Err(std::io::Error::new(ErrorKind::InvalidData, message))
        }
        _ => {
            let message = format!("it is longer than {most} bytes");
            Err(std::io::Error::new(ErrorKind::FileTooLarge, message))
        }
    }
}

/// Replaces the content of `bytes` with that of a file, as [`Source::image`](super::Source::image)
/// hands it out.
///
/// # Errors
///
/// [`Error::Read`]: a file that cannot be read, or of more than 2^31 bytes; what is no file, such as a named pipe.
pub fn read_file(path: &Path, bytes: &mut Vec<u8>) -> Result<()> {
    bytes.clear();
    let read = |bytes: &mut Vec<u8>| {
        let file = open_file(path)?;
        let len = file.metadata()?.len();
        if len > LARGEST_FILE {
            let message = format!("{len} bytes are more than the limit of {LARGEST_FILE} bytes");
            return Err(std::io::Error::new(ErrorKind::FileTooLarge, message));
        }
        // The file may grow while it is read.
        file.take(LARGEST_FILE).read_to_end(bytes)
    };
    match read(bytes) {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Read { file: path.into(), source }),
    }
}

/// Replaces the content of `bytes` with `len` bytes of a file from byte `at` on.
pub(crate) fn read_part(path: &Path, at: u64, len: u64, bytes: &mut Vec<u8>) -> Result<()> {
    bytes.clear();
    let read = |bytes: &mut Vec<u8>| {
        let file = open_file(path)?;
        let there = file.metadata()?.len();
        if at.saturating_add(len) > there || len > LARGEST_FILE {
            let message = format!(
                "it changed since it was indexed: {len} bytes were at byte {at}, it has {there} now"
            );
            return Err(std::io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        bytes.resize(len as usize, 0);
        read_exact_at(&file, bytes, at)
    };
    read(bytes).map_err(|source| Error::Read { file: path.into(), source })
}

/// Fills `bytes` from byte `at` of a file on, without moving the file's own position.
pub(crate) fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
    }
    #[cfg(windows)]
    {
        let (mut done, mut at) = (0, at);
        while done < bytes.len() {
            let read = std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], at)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            done += read;
            at += read as u64;
        }
        Ok(())
    }
}

/// What went wrong while a folder was walked through: names the file or folder that it is about.
pub(crate) fn walk_error(folder: &Path, error: walkdir::Error) -> Error {
    let file = error.path().unwrap_or(folder).into();
    let reason = error.to_string();
    // A link that leads back into itself is no error of the system's.
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other(reason));
    Error::Read { file, source }
}

/// The bytes of a name.
pub(crate) fn os_bytes(name: &OsStr) -> &[u8] {
    name.as_encoded_bytes()
}

/// The path of [`os_bytes`].
pub(crate) fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    let mut path = PathBuf::new();
    push_bytes(&mut path, bytes);
    path
}

/// Joins a path of [`os_bytes`] to `path`.
pub(crate) fn push_bytes(path: &mut PathBuf, bytes: &[u8]) {
    #[cfg(unix)]
    path.push(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
    #[cfg(not(unix))]
    path.push(&*String::from_utf8_lossy(bytes));
}

/// Lengthens the last name of `path` by [`os_bytes`].
pub(crate) fn append_bytes(path: &mut PathBuf, bytes: &[u8]) {
    #[cfg(unix)]
    path.as_mut_os_string().push(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
    #[cfg(not(unix))]
    path.as_mut_os_string().push(&*String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_by_its_place_and_what_is_too_long_by_the_limit() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("data.toml");
        let read = |bytes: &[u8], most| {
            std::fs::write(&file, bytes).expect("written");
            read_text(&file, most).map_err(|error| error.to_string())
        };
        assert_eq!(read("für".as_bytes(), 4), Ok("für".into()));
        let longer = Err("it is longer than 2 bytes".into());
        // The limit falls into a character.
        assert_eq!(read("für".as_bytes(), 2), longer);
        let other =
            |at| Err(format!("expected text in UTF-8, found other bytes from byte {at} on"));
        assert_eq!(read(b"ab\xff\xd8 and so on", 5), other(2));
        assert_eq!(read(&"für".as_bytes()[..2], 4), other(1), "a character is cut at the end");
    }
}
