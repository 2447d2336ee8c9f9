//! Where indexes are kept, and when one is made anew.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Index, IndexNote, IndexWriter, Kept, OpenContext};
use crate::error::{Error, Result};
use crate::source::LeftOut;
use crate::source::hash::fnv1a;

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

    /// Adds something that was found beside the sources.
    pub(crate) fn found(&mut self, what: &str, value: impl std::fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.state, "{what} = {value:?}");
    }

    /// Adds many files of one folder by their names, sizes and times, in the order in which they come: files that are
    /// written over in place, which no change of their folder tells.
    pub(crate) fn files<'a>(
        &mut self,
        files: impl Iterator<Item = (&'a [u8], &'a std::fs::Metadata)>,
    ) {
        let (mut count, mut text) = (0, Vec::new());
        for (name, data) in files {
            count += 1;
            text.extend_from_slice(name);
            // Writing to a list of bytes cannot fail.
            let _ = writeln!(text, "{} {:?}", data.len(), data.modified().ok());
            let hash = fnv1a(&text);
            text.clear();
            text.extend_from_slice(&hash.to_le_bytes());
        }
        let _ = writeln!(self.state, "{count} files, {:016x}", fnv1a(&text));
    }

    /// Adds files, of which there may be many, in their order: a checksum of their paths, and one of their sizes and
    /// times of last change. `write` makes a path that of the file of a number below `count`. A file that is not there
    /// counts as such.
    pub(crate) fn paths(
        &mut self,
        count: usize,
        write: impl Fn(usize, &mut PathBuf) -> Result<()>,
    ) -> Result<()> {
        let (mut paths, mut states, mut line) = (0, 0, Vec::new());
        let mut path = PathBuf::new();
        let mut chain = |sum: &mut u64, text: &[u8]| {
            line.clear();
            line.extend_from_slice(&sum.to_le_bytes());
            line.extend_from_slice(text);
            *sum = fnv1a(&line);
        };
        for number in 0..count {
            write(number, &mut path)?;
            let absolute = std::path::absolute(&path)
                .map_err(|source| Error::Read { file: path.clone(), source })?;
            chain(&mut paths, absolute.as_os_str().as_encoded_bytes());
            let data = std::fs::metadata(&path).ok();
            let state = data.map(|data| (data.len(), data.modified().ok()));
            chain(&mut states, format!("{state:?}").as_bytes());
        }
        self.setting("files", format_args!("{paths:016x}"));
        let _ = writeln!(self.state, "files {states:016x}");
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
        // The name need only differ: the whole text is compared as well.
        let hash = fnv1a(self.identity.as_bytes());
        format!("{readable}-{hash:016x}.index")
    }
}

/// Fills an index, and returns the files that spans are numbered by, and what it left out.
type Build<'a> = &'a dyn Fn(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>;

/// The index of a set: the cached one if it still holds, else `build` writes one.
///
/// Where no cache can be written, the index lives in a file without a name until the program ends, and `build` may have
/// been called twice. It returns the files that spans are numbered by, and what it left out.
pub(crate) fn open_or_build(
    set: &str,
    fingerprint: &Fingerprint,
    context: &OpenContext<'_>,
    build: impl Fn(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>,
) -> Result<Index> {
    open_or_build_in(folder().filter(|_| context.keeps()), set, fingerprint, context, &build)
}

/// As [`open_or_build`], in a folder; none keeps nothing.
fn open_or_build_in(
    folder: Option<PathBuf>,
    set: &str,
    fingerprint: &Fingerprint,
    context: &OpenContext<'_>,
    build: Build<'_>,
) -> Result<Index> {
    let text = fingerprint.text();
    if let Some(path) = folder.map(|folder| folder.join(fingerprint.file_name(set))) {
        if let Kept::Whole(index) = Index::open(&path, &text) {
            return Ok(index);
        }
        match kept(&path, set, &text, context, build) {
            // What is wrong with the sources is the news; the cache alone is none to stop for.
            Err(Error::Write { file, source }) => {
                let reason = source.to_string();
                context.note(IndexNote::NotKept { set: set.into(), file, reason });
            }
            made => return made,
        }
    }
    let path = std::env::temp_dir().join("maskwright index");
    let file =
        tempfile::tempfile().map_err(|source| Error::Write { file: path.clone(), source })?;
    write(file, &path, &text, build)
}

/// Makes the index in the cache, unless another process does so first.
fn kept(
    path: &Path,
    set: &str,
    text: &str,
    context: &OpenContext<'_>,
    build: Build<'_>,
) -> Result<Index> {
    let _lock = lock(path)?;
    // Another process may have made it while this one waited.
    match Index::open(path, text) {
        Kept::Whole(index) => return Ok(index),
        Kept::Damaged => context.note(IndexNote::Damaged { set: set.into(), file: path.into() }),
        Kept::Other => {}
    }
    replace(path, text, build)
}

/// Waits until no other process makes the index of this path; released when it is dropped, or when
/// the process ends in any way. Fails where the folder cannot be written or its file system has no locks.
fn lock(path: &Path) -> Result<File> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .map_err(|source| Error::Write { file: folder.into(), source })?;
    let file = path.with_extension("lock");
    let locked = File::create(&file).and_then(|lock| lock.lock().map(|()| lock));
    locked.map_err(|source| Error::Write { file, source })
}

/// Makes the index beside its place and renames it. What a killed process left there is overwritten.
fn replace(path: &Path, text: &str, build: Build<'_>) -> Result<Index> {
    let partial = path.with_extension("partial");
    let unwritable = |source| Error::Write { file: partial.clone(), source };
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&partial)
        .map_err(unwritable)?;
    let made = write(file, path, text, build).and_then(|index| {
        // Whole on the disk before it has its name.
        index.sync().and_then(|()| std::fs::rename(&partial, path)).map_err(unwritable)?;
        Ok(index)
    });
    if made.is_err() {
        // The error is the news; a file that cannot be removed is overwritten next time.
        let _ = std::fs::remove_file(&partial);
    }
    made
}

fn write(file: File, path: &Path, fingerprint: &str, build: Build<'_>) -> Result<Index> {
    let mut writer = IndexWriter::new(file, path)?;
    let (files, left_out) = build(&mut writer)?;
    // A later process may run in another folder.
    let absolute = |file: &PathBuf| {
        std::path::absolute(file).map_err(|source| Error::Read { file: file.clone(), source })
    };
    let files: Vec<PathBuf> = files.iter().map(absolute).collect::<Result<_>>()?;
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

#[cfg(test)]
mod tests;
