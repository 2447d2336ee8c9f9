//! Where indexes are kept, and when one is made anew.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Index, IndexWriter};
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
    if let Some(path) = &cached {
        if let Some(index) = Index::open(path, &text) {
            return Ok(index);
        }
        if let Some(_lock) = lock(path) {
            // Another process may have made it while this one waited.
            return match Index::open(path, &text) {
                Some(index) => Ok(index),
                None => replace(path, &text, build),
            };
        }
    }
    let path = std::env::temp_dir().join("maskwright index");
    let file =
        tempfile::tempfile().map_err(|source| Error::Write { file: path.clone(), source })?;
    write(file, &path, &text, build)
}

/// Waits until no other process makes the index of this path; released when it is dropped, or when
/// the process ends in any way. None where the folder cannot be written or its file system has no locks.
fn lock(path: &Path) -> Option<File> {
    std::fs::create_dir_all(path.parent()?).ok()?;
    let lock = File::create(path.with_extension("lock")).ok()?;
    lock.lock().ok()?;
    Some(lock)
}

/// Makes the index beside its place and renames it. What a killed process left there is overwritten.
fn replace(
    path: &Path,
    text: &str,
    build: impl FnOnce(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>,
) -> Result<Index> {
    let partial = path.with_extension("partial");
    let unwritable = |source| Error::Write { file: partial.clone(), source };
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&partial)
        .map_err(unwritable)?;
    let made = write(file, path, text, build)
        .and_then(|index| std::fs::rename(&partial, path).map(|()| index).map_err(unwritable));
    if made.is_err() {
        // The error is the news; a file that cannot be removed is overwritten next time.
        let _ = std::fs::remove_file(&partial);
    }
    made
}

fn write(
    file: File,
    path: &Path,
    fingerprint: &str,
    build: impl FnOnce(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>,
) -> Result<Index> {
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
mod tests {
    use super::super::{Image, Names, Span};
    use super::*;

    fn print(setting: &str) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.setting("test of this process", (std::process::id(), setting));
        print
    }

    fn build(images: u64) -> impl FnOnce(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)> {
        move |writer| {
            for image in 0..images {
                let span = Span { file: 0, len: 9, at: image };
                let stem = format!("image {image}");
                writer.image(&Image {
                    names: Names { stem: stem.as_bytes(), image: b".jpg", notes: b".json" },
                    image: span,
                    notes: span,
                    size: (3, 4),
                    objects: 1 + (image % 4) as u32,
                    records: 1 + image % 4,
                })?;
            }
            Ok((
                vec!["a b.tar".into()],
                vec![LeftOut { what: "x".into(), count: 2, first: "y".into() }],
            ))
        }
    }

    #[test]
    fn every_record_is_found_in_its_image() {
        // More images than the sparse table's step, and a number of records for each image of its own.
        for images in [1, 2, 1023, 1024, 1025, 5000] {
            let index = open_or_build("s", &print(&format!("{images}")), build(images)).unwrap();
            let mut record = 0;
            for image in 0..images {
                for nth in 0..1 + image % 4 {
                    let (entry, found) = index.locate(record).unwrap();
                    assert_eq!((entry.image.at, found), (image, nth), "record {record}");
                    record += 1;
                }
            }
            assert_eq!(index.records(), record);
            let (entry, _) = index.locate(record - 1).unwrap();
            let file = index.names(&entry, |names| names.image_file()).unwrap();
            assert_eq!(file, format!("image {}.jpg", images - 1).as_bytes());
            // Whatever folder the process that reads it runs in.
            assert_eq!(index.file(0), std::path::absolute("a b.tar").unwrap());
            assert_eq!(index.left_out()[0].to_string(), "2 x (first: y)");
        }
    }

    #[test]
    fn an_index_is_made_once() {
        let never = |_: &mut IndexWriter| panic!("made again");
        open_or_build("once", &print("once"), build(3)).unwrap();
        assert_eq!(open_or_build("once", &print("once"), never).unwrap().images(), 3);
        // A build that fails leaves nothing behind, and the next one works.
        let fail = |_: &mut IndexWriter| {
            Err(Error::Read { file: "gone".into(), source: std::io::Error::other("gone") })
        };
        assert!(open_or_build("fails", &print("fails"), fail).is_err());
        assert_eq!(open_or_build("fails", &print("fails"), build(2)).unwrap().images(), 2);
    }

    #[test]
    fn processes_that_start_together_make_one() {
        let made = std::sync::atomic::AtomicUsize::new(0);
        // The one that makes the index goes on when the others have asked for it, too.
        let (sender, receiver) = std::sync::mpsc::channel();
        let asked = std::sync::Mutex::new(receiver);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (sender, made, asked) = (sender.clone(), &made, &asked);
                scope.spawn(move || {
                    sender.send(()).unwrap();
                    let count = |writer: &mut IndexWriter| {
                        made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        let asked = asked.lock().unwrap();
                        (0..4).for_each(|_| asked.recv().unwrap());
                        build(5)(writer)
                    };
                    let index = open_or_build("together", &print("together"), count).unwrap();
                    assert_eq!(index.images(), 5);
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn damaged_indexes_are_made_again() {
        let print = print("damaged");
        let path = folder().unwrap().join(print.file_name("damaged"));
        open_or_build("damaged", &print, build(4)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for (at, byte) in [(0, b'X'), (8, 0xff), (15, 0xff), (16, 0x01), (whole.len() - 1, b'?')] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(open_or_build("damaged", &print, build(4)).unwrap().images(), 4);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(open_or_build("damaged", &print, build(4)).unwrap().images(), 4);
    }
}
