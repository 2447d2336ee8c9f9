//! What is done in an output folder, so that the same call goes on where it stopped.
//!
//! Each image that is finished becomes a line of `unfinished.jsonl`, after its own files are on the disk. When all are,
//! `results.jsonl` takes the lines in the order of the images, under a temporary name until it is whole. A line that was cut off by
//! the end of the process is not there. `.maskwright-settings.json` says what the folder was begun with.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::begun::difference;
use crate::error::{Error, Result};
use crate::files::write_atomically;

/// The lines of all images, in their order.
pub const RESULTS: &str = "results.jsonl";
/// The lines of those that are finished.
const LOG: &str = "unfinished.jsonl";
/// What the folder was begun with.
const SETTINGS: &str = ".maskwright-settings.json";

/// What became of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All was done.
    Ok,
    /// All was done, and something was odd.
    Warned,
    /// Some prompts were answered and others could not be; each of those has its reason.
    Partly,
    /// Nothing could be done; a reason says why.
    Refused,
}

impl Outcome {
    /// Whether nothing was left out.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Ok | Self::Warned)
    }
}

/// What every line has.
#[derive(Deserialize)]
struct Head {
    image: String,
    status: Outcome,
    mask_files: Option<String>,
}

/// A line, by its place.
#[derive(Debug, Clone)]
struct Line {
    /// Whether it is among the results, and not among those that are unfinished.
    in_results: bool,
    at: u64,
    length: usize,
    whole: bool,
    /// What the files of its prompts' masks held.
    mask_files: Option<String>,
}

/// The lines of an output folder.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    log: File,
    end: u64,
    lines: HashMap<String, Line>,
    finished: Arc<AtomicUsize>,
}

impl Journal {
    /// Opens the journal of a folder that this process owns, which is begun with these settings.
    ///
    /// # Errors
    /// [`Error::OtherSettings`] names the first that is not what the folder was begun with; [`Error::Io`], and [`Error::Content`] for
    /// lines that are none.
    pub fn open(folder: &Path, settings: &Value) -> Result<Journal> {
        let [results, log, begun] = [RESULTS, LOG, SETTINGS].map(|name| folder.join(name));
        if begun.exists() {
            agree(folder, &begun, settings)?;
        } else {
            // What bears these names says nothing of this work.
            remove(&results)?;
            remove(&log)?;
            let text = serde_json::to_vec_pretty(settings)
                .map_err(|error| Error::io(&begun, "write")(error.into()))?;
            write_atomically(&begun, &text)?;
        }
        let mut lines = HashMap::new();
        if results.exists() {
            read_lines(&results, true, &mut lines)?;
        }
        let end = if log.exists() { read_lines(&log, false, &mut lines)? } else { 0 };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&log)
            .map_err(Error::io(&log, "write"))?;
        file.set_len(end)
            .and_then(|()| file.seek(SeekFrom::Start(end)))
            .map_err(Error::io(&log, "write"))?;
        let finished = Arc::default();
        Ok(Journal { folder: folder.to_path_buf(), log: file, end, lines, finished })
    }

    /// Whether a folder was begun.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(SETTINGS).exists()
    }

    /// Removes from a folder that was begun what was written into it: the files that `files` finds in the lines, these others, and
    /// the lines themselves. Nothing outside of the folder is touched, whatever the lines say.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget<R: DeserializeOwned>(
        folder: &Path,
        others: &[&str],
        files: impl Fn(R) -> Vec<String>,
    ) -> Result<()> {
        if !Self::is_in(folder) {
            return Ok(());
        }
        let mut names: Vec<PathBuf> = others.iter().map(PathBuf::from).collect();
        for path in [RESULTS, LOG].map(|name| folder.join(name)).iter().filter(|path| path.exists())
        {
            let file = File::open(path).map_err(Error::io(path, "read"))?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(Error::io(path, "read"))?;
                // A line that is none names no files.
                let found = serde_json::from_slice(&line).map(&files).unwrap_or_default();
                names.extend(found.into_iter().map(PathBuf::from).filter(|name| is_within(name)));
            }
        }
        // The lines first: a process that ends meanwhile leaves files without lines, never lines without files.
        for name in [RESULTS, LOG, SETTINGS] {
            remove(&folder.join(name))?;
        }
        for name in names {
            remove(&folder.join(&name))?;
            let above = name.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
            for above in above {
                // One that holds other files stays.
                if std::fs::remove_dir(folder.join(above)).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether an image is finished, whose prompts name files of masks with this content. One of which something was refused is
    /// tried again.
    pub fn is_done(&self, image: &str, mask_files: Option<&str>) -> bool {
        let line = self.lines.get(image);
        line.is_some_and(|line| line.whole && line.mask_files.as_deref() == mask_files)
    }

    /// How many images were finished since the journal was opened, of which nothing was refused; it counts on.
    pub fn finished(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.finished)
    }

    /// Whether an image has a line.
    pub fn has(&self, image: &str) -> bool {
        self.lines.contains_key(image)
    }

    /// Adds the line of an image, which says under `image` and `status` which it is and what became of it, and under `mask_files`,
    /// where it is there, what files of masks held.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn add(
        &mut self,
        (image, status): (&str, Outcome),
        mask_files: Option<&str>,
        row: &impl Serialize,
    ) -> Result<()> {
        let path = self.folder.join(LOG);
        let mut bytes =
            serde_json::to_vec(row).map_err(|error| Error::io(&path, "write")(error.into()))?;
        bytes.push(b'\n');
        self.log.write_all(&bytes).map_err(Error::io(&path, "write"))?;
        let (at, length) = (self.end, bytes.len());
        self.end += length as u64;
        let mask_files = mask_files.map(str::to_owned);
        let line = Line { in_results: false, at, length, whole: status.is_whole(), mask_files };
        self.lines.insert(image.to_owned(), line);
        self.finished.fetch_add(usize::from(status.is_whole()), Ordering::SeqCst);
        Ok(())
    }

    /// Writes the lines of these images, all of which are there, in this order, as the results.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish<'a>(mut self, images: impl Iterator<Item = &'a str>) -> Result<()> {
        let [results, log] = [RESULTS, LOG].map(|name| self.folder.join(name));
        let mut before = File::open(&results).ok();
        let mut line_of = |image: &str| -> std::io::Result<Vec<u8>> {
            let none = || std::io::Error::other(format!("no line of {image}"));
            let line = self.lines.get(image).ok_or_else(none)?;
            let file =
                if line.in_results { before.as_mut().ok_or_else(none)? } else { &mut self.log };
            file.seek(SeekFrom::Start(line.at))?;
            let mut bytes = vec![0; line.length];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        let failed = |source| Error::Io { file: results.clone(), action: "write", source };
        maskwright_files::write_with(&results, failed, |out| {
            for image in images {
                line_of(image).and_then(|bytes| out.write_all(&bytes)).map_err(failed)?;
            }
            Ok(())
        })?;
        std::fs::remove_file(&log).map_err(Error::io(&log, "remove"))
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(path, "remove")(error))
        }
        _ => Ok(()),
    }
}

/// Whether a name stays within the folder that it starts from.
fn is_within(name: &Path) -> bool {
    let mut parts = name.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Reads the lines of a file, and says where the last whole one ends.
fn read_lines(path: &Path, in_results: bool, lines: &mut HashMap<String, Line>) -> Result<u64> {
    let mut file = BufReader::new(File::open(path).map_err(Error::io(path, "read"))?);
    let (mut at, mut bytes) = (0, Vec::new());
    loop {
        bytes.clear();
        file.read_until(b'\n', &mut bytes).map_err(Error::io(path, "read"))?;
        if bytes.last() != Some(&b'\n') {
            return Ok(at);
        }
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| Error::Content {
            file: path.to_path_buf(),
            expected: format!("the result of an image at byte {at}"),
            found: error.to_string(),
        })?;
        let Head { image, status, mask_files } = head;
        let length = bytes.len();
        lines.insert(image, Line { in_results, at, length, whole: status.is_whole(), mask_files });
        at += length as u64;
    }
}

/// Compares what a folder was begun with.
fn agree(folder: &Path, path: &Path, settings: &Value) -> Result<()> {
    let text = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let begun: Value = serde_json::from_slice(&text).map_err(|error| Error::Content {
        file: path.to_path_buf(),
        expected: "what the folder was begun with".into(),
        found: error.to_string(),
    })?;
    let words = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match difference(&begun, settings) {
        None => Ok(()),
        Some((key, expected, found)) => Err(Error::OtherSettings {
            folder: folder.to_path_buf(),
            key,
            expected: words(&expected),
            found: words(&found),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_kept_and_one_that_was_cut_off_is_not_there() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        let settings = json!({"kind": "sam", "prompts": "1"});
        let add = |journal: &mut Journal, image: &str, status: Outcome| {
            let row = json!({"image": image, "status": status});
            journal.add((image, status), None, &row).expect("written");
        };
        let mut journal = Journal::open(folder, &settings).expect("opened");
        add(&mut journal, "b", Outcome::Ok);
        add(&mut journal, "c", Outcome::Refused);
        drop(journal);
        let log = folder.join(LOG);
        let whole = std::fs::read_to_string(&log).expect("read");
        std::fs::write(&log, whole + "{\"image\":\"a\",\"sta").expect("written");
        let mut journal = Journal::open(folder, &settings).expect("opened");
        assert_eq!(["a", "b", "c"].map(|image| journal.is_done(image, None)), [false, true, false]);
        add(&mut journal, "a", Outcome::Warned);
        add(&mut journal, "c", Outcome::Ok);
        journal.finish(["a", "b", "c"].into_iter()).expect("finished");
        let lines = std::fs::read_to_string(folder.join(RESULTS)).expect("read");
        insta::assert_snapshot!(lines, @r#"
            {"image":"a","status":"warned"}
            {"image":"b","status":"ok"}
            {"image":"c","status":"ok"}
            "#);
        assert!(!log.exists());
        // All is done, and is written once more the same.
        let journal = Journal::open(folder, &settings).expect("opened");
        assert!(["a", "b", "c"].iter().all(|image| journal.is_done(image, None)));
        journal.finish(["a", "b", "c"].into_iter()).expect("finished");
        assert_eq!(std::fs::read_to_string(folder.join(RESULTS)).expect("read"), lines);

        let other = json!({"kind": "hq", "prompts": "1"});
        let error = Journal::open(folder, &other).expect_err("refused").to_string();
        let error = error.replace(&folder.display().to_string(), "DIR");
        assert_eq!(error, "DIR: kind: expected what the folder was begun with, sam, found hq");
        Journal::forget(folder, &[], |_: Value| Vec::new()).expect("forgotten");
        let journal = Journal::open(folder, &other).expect("begun anew");
        assert!(!journal.is_done("a", None));
    }

    #[test]
    fn an_image_is_done_again_if_its_files_of_masks_are_others() {
        let place = tempfile::tempdir().expect("a folder");
        let settings = json!({});
        let mut journal = Journal::open(place.path(), &settings).expect("opened");
        let row = json!({"image": "a", "status": "ok", "mask_files": "one"});
        journal.add(("a", Outcome::Ok), Some("one"), &row).expect("written");
        let row = json!({"image": "b", "status": "partly"});
        journal.add(("b", Outcome::Partly), None, &row).expect("written");
        drop(journal);
        let journal = Journal::open(place.path(), &settings).expect("opened");
        let done = [Some("one"), Some("two"), None].map(|files| journal.is_done("a", files));
        assert_eq!(done, [true, false, false]);
        assert!(journal.has("b") && !journal.is_done("b", None));
    }

    #[test]
    fn what_is_forgotten_goes_with_its_files_and_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let (outside, folder) = (place.path().join("outside.png"), place.path().join("out"));
        std::fs::create_dir_all(folder.join("sub/deep")).expect("made");
        std::fs::create_dir_all(folder.join("kept")).expect("made");
        let files = ["a.png", "sub/deep/b.png", "kept/c.png", "kept/own.txt", "results.json"];
        for file in files.map(|name| folder.join(name)).iter().chain([&outside]) {
            std::fs::write(file, "").expect("written");
        }
        let forget = || {
            let files = |row: Value| serde_json::from_value(row["files"].clone()).expect("names");
            Journal::forget(&folder, &["results.json"], files).expect("forgotten");
        };
        // It was not begun here.
        forget();
        assert!(folder.join("results.json").exists());
        let mut journal = Journal::open(&folder, &json!({})).expect("opened");
        let whole = outside.to_str().expect("UTF-8");
        let files = ["a.png", "sub/deep/b.png", "kept/c.png", "../outside.png", whole, "gone.png"];
        let row = json!({"image": "a", "status": "ok", "files": files});
        journal.add(("a", Outcome::Ok), None, &row).expect("written");
        drop(journal);
        forget();
        let left = std::fs::read_dir(&folder).expect("listed").flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["kept"]);
        assert!(folder.join("kept/own.txt").exists() && !folder.join("kept/c.png").exists());
        assert!(outside.exists());
    }
}
