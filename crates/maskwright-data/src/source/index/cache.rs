//! Where indexes are kept, and when one is made anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Index, IndexWriter};
use crate::error::{Error, Result};
use crate::source::LeftOut;

/// Environment variable that names another folder for indexes; empty keeps none.
const VARIABLE: &str = "MASKWRIGHT_CACHE";

/// What an index is made from: the settings and every source with its size and time.
///
/// Two halves: the identity (paths and settings) names the cached file, the state (sizes and times) says
/// whether it still holds.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint {
    identity: String,
    state: String,
}

impl Fingerprint {
    /// Adds a setting.
    pub(crate) fn setting(&mut self, name: &str, value: impl std::fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.identity, "{name} = {value:?}");
    }

    /// Adds a file or folder: its path, size and time of last change. A folder changes when a file is
    /// added to it, removed or renamed.
    pub(crate) fn source(&mut self, path: &Path) -> Result<()> {
        let unreadable = |source| Error::Read { file: path.into(), source };
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let data = std::fs::metadata(path).map_err(unreadable)?;
        let time = data.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        let length = if data.is_dir() { 0 } else { data.len() };
        let _ = writeln!(self.identity, "source {absolute:?}");
        let _ = writeln!(self.state, "{length} bytes, changed {time:?}");
        Ok(())
    }

    fn text(&self) -> String {
        format!("{}{}", self.identity, self.state)
    }

    /// The name of the cached file.
    fn file_name(&self, set: &str) -> String {
        let readable: String = set
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
            .take(40)
            .collect();
        // 64-bit FNV-1a: the name need only differ, the whole text is compared as well.
        let hash = self.identity.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{readable}-{hash:016x}.index")
    }
}

/// The index of a set: the cached one if it still holds, else `build` writes one.
///
/// Where no cache can be written, the index lives in a file without a name until the program ends.
/// `build` returns the files that spans are numbered by, and what it left out.
pub(crate) fn open_or_build(
    set: &str,
    fingerprint: &Fingerprint,
    build: impl FnOnce(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>,
) -> Result<Index> {
    let text = fingerprint.text();
    let cached = folder().map(|folder| folder.join(fingerprint.file_name(set)));
    if let Some(path) = &cached
        && let Some(index) = Index::open(path, &text)
    {
        return Ok(index);
    }
    if let Some(path) = &cached
        && let Some(folder) = path.parent()
        && std::fs::create_dir_all(folder).is_ok()
        && let Ok(file) = tempfile::Builder::new().suffix(".partial").tempfile_in(folder)
    {
        let (file, partial) = file.into_parts();
        let index = write(file, path, &text, build)?;
        // Another process may have put the same index there; either is right.
        return match partial.persist(path) {
            Ok(()) => Ok(index),
            Err(failed) => Err(Error::Write { file: path.clone(), source: failed.error }),
        };
    }
    let path = std::env::temp_dir().join("maskwright index");
    let file =
        tempfile::tempfile().map_err(|source| Error::Write { file: path.clone(), source })?;
    write(file, &path, &text, build)
}

fn write(
    file: std::fs::File,
    path: &Path,
    fingerprint: &str,
    build: impl FnOnce(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>,
) -> Result<Index> {
    let mut writer = IndexWriter::new(file, path)?;
    let (files, left_out) = build(&mut writer)?;
    writer.finish(fingerprint, &files, &left_out)
}

/// The folder of indexes; none where the user wants none or has no cache folder.
fn folder() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(folder) if folder.is_empty() => None,
        Some(folder) => Some(PathBuf::from(folder)),
        None => dirs::cache_dir().map(|cache| cache.join("maskwright").join("index")),
    }
}
