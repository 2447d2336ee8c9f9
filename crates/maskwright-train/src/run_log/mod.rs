//! `metrics.jsonl`: one JSON object per line, appended while a run trains.
//!
//! Lines are of six kinds, told apart by `kind`: `"before"` (the validation of the model as it came), `"step"` (a summary of the last few
//! training steps), `"skipped"` (a step that changed nothing, since its loss or its gradient was no number), `"epoch"`
//! (the epoch's training loss and the validation metrics), `"loader"` (what the loader did, and whether training waits
//! for it) and `"times"` (where the time of the epoch went). Each begins with the `time` at which it was written (UTC, RFC 3339). A line is written and
//! flushed whole, so that a run killed at any moment leaves a file that reads to its last whole line. Lines that are
//! damaged are passed over and counted: a log is no reason to lose a run.

mod entry;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use maskwright_data::source::read_whole;

use crate::error::{Error, Result};
pub use crate::not_finite::NotFinite;
use crate::times::now;
pub use entry::{
    BeforeEntry, Entry, EpochEntry, LoaderEntry, LoaderStages, SkippedEntry, StepEntry, TimesEntry,
    WarnedRecords,
};

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    file: File,
    /// Whether the last line could not be written, or half of it.
    broken: bool,
    /// Whether it has the validation before the first step.
    has_before: bool,
}

impl RunLog {
    /// Creates the file; an existing one is emptied.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(Error::io(path, "create"))?;
        Ok(Self { path: path.to_path_buf(), file, broken: false, has_before: false })
    }

    /// Opens the file to continue after `global_step` in `epoch`: later lines, the end of that epoch, and a last line
    /// cut short by a kill, are dropped, since the resumed run writes them again. Also returns remarks on lines that
    /// are lost.
    pub fn resume(path: &Path, global_step: usize, epoch: usize) -> Result<(Self, Vec<String>)> {
        let mut notes = Vec::new();
        let log = match read(path) {
            Ok(log) => log,
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                notes.push(format!("{} is not there; the log begins anew", path.display()));
                Log::default()
            }
            Err(error) => return Err(error),
        };
        notes.extend(log.note(path));
        let mut text = String::new();
        let entries = log.entries.iter().zip(&log.times);
        for (entry, time) in entries.filter(|(entry, _)| entry.is_before(global_step, epoch)) {
            text.push_str(&timed_line(entry, time.as_deref()));
        }
        crate::files::write_atomically(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::io(path, "open"))?;
        let has_before = log.entries.iter().any(|entry| matches!(entry, Entry::Before(_)));
        Ok((Self { path: path.to_path_buf(), file, broken: false, has_before }, notes))
    }

    /// Whether it has the validation before the first step.
    pub(crate) fn has_before(&self) -> bool {
        self.has_before
    }

    /// Appends a line. After a failure the next line begins anew, whatever was written of this one.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        let mut text = timed_line(entry, Some(&now()));
        if self.broken {
            text.insert(0, '\n');
        }
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.flush());
        self.broken = written.is_err();
        written.map_err(Error::io(&self.path, "write"))
    }
}

/// What a `metrics.jsonl` holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// The lines that read as what they should be, in order.
    pub entries: Vec<Entry>,
    /// The time at which each of them was written, as it stands there; none in files from before it was kept.
    pub times: Vec<Option<String>>,
    /// Other whole lines: their numbers, from 1, and what is wrong with them.
    pub damaged: Vec<(usize, String)>,
}

impl Log {
    /// A remark on damaged lines, if there are any.
    pub fn note(&self, path: &Path) -> Option<String> {
        let (line, reason) = self.damaged.first()?;
        let count = match self.damaged.len() {
            1 => "1 damaged line is".to_owned(),
            count => format!("{count} damaged lines are"),
        };
        Some(format!("{}: {count} passed over (line {line}: {reason})", path.display()))
    }
}

/// What a line begins with that has its time.
const TIME: &str = r#"{"time":""#;

fn timed_line(entry: &Entry, time: Option<&str>) -> String {
    let text = line(entry);
    match time {
        Some(time) => format!("{TIME}{time}\",{}", &text[1..]),
        None => text,
    }
}

/// A line without its time, and the time.
fn without_time(line: &[u8]) -> (std::borrow::Cow<'_, [u8]>, Option<String>) {
    let parts = || {
        let rest = line.strip_prefix(TIME.as_bytes())?;
        let end = rest.iter().position(|&byte| byte == b'"')?;
        let entry = rest[end..].strip_prefix(b"\",")?;
        let time = std::str::from_utf8(&rest[..end]).ok().filter(|time| !time.contains('\\'))?;
        Some(([b"{", entry].concat(), time.to_owned()))
    };
    match parts() {
        Some((entry, time)) => (entry.into(), Some(time)),
        None => (line.into(), None),
    }
}

pub(crate) fn line(entry: &Entry) -> String {
    let mut text = serde_json::to_string(entry).expect("plain numbers and text always serialise");
    text.push('\n');
    text
}

/// Reads a `metrics.jsonl`; a last line without its newline is left out.
///
/// # Errors
/// [`Error::Io`].
pub fn read(path: &Path) -> Result<Log> {
    read_whole(path).map(|bytes| parse(&bytes)).map_err(Error::io(path, "read"))
}

/// Reads the content of a `metrics.jsonl`.
pub(crate) fn parse(bytes: &[u8]) -> Log {
    let mut log = Log::default();
    let whole = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    for (number, line) in whole.enumerate().filter(|(_, line)| line.len() > 1) {
        let (line, time) = without_time(line);
        match serde_json::from_slice(&line) {
            Ok(entry) => {
                log.entries.push(entry);
                log.times.push(time);
            }
            Err(error) => {
                // The parser saw a single line.
                let reason = error.to_string().replace(" at line 1 column", " at column");
                log.damaged.push((number + 1, reason));
            }
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::LossValues;

    fn step(global_step: usize) -> Entry {
        Entry::Step(StepEntry {
            epoch: 0,
            step: global_step,
            global_step,
            loss: LossValues {
                total: 1.5,
                terms: [("bce".to_owned(), 0.5), ("dice".to_owned(), 1.0)].into(),
            },
            learning_rate: 1e-3,
            images_per_second: 3.0,
        })
    }

    #[test]
    fn resume_drops_later_and_half_lines() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        let mut log = RunLog::create(&path).expect("created");
        for global_step in [10, 20, 30] {
            log.append(&step(global_step)).expect("appended");
        }
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend_from_slice(b"{\"kind\":\"step\",\"epo");
        std::fs::write(&path, bytes).expect("written");

        let (mut log, notes) = RunLog::resume(&path, 20, 0).expect("resumed");
        assert_eq!(notes, [] as [&str; 0]);
        log.append(&step(25)).expect("appended");
        let log = read(&path).expect("reads");
        assert_eq!(log.entries, [step(10), step(20), step(25)]);
        assert!(log.times.iter().all(|time| time.as_ref().is_some_and(|time| time.ends_with('Z'))));
    }

    #[test]
    fn lines_keep_the_time_at_which_they_were_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        let old = line(&step(10));
        let new = timed_line(&step(20), Some("2026-11-29T13:06:20.125Z"));
        assert!(new.starts_with(r#"{"time":"2026-11-29T13:06:20.125Z","kind":"step","#), "{new}");
        std::fs::write(&path, format!("{old}{new}")).expect("written");
        RunLog::resume(&path, 20, 0).expect("resumed");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), format!("{old}{new}"));
        let log = read(&path).expect("reads");
        assert_eq!(log.entries, [step(10), step(20)]);
        assert_eq!(log.times, [None, Some("2026-11-29T13:06:20.125Z".to_owned())]);
        // What is no time of ours is damage, and no panic.
        for odd in [
            &b"{\"time\":\""[..],
            b"{\"time\":\"\",",
            b"{\"time\":\"x\",\n",
            b"{\"time\":3,\"kind\":\"step\"}\n",
        ] {
            assert_eq!(parse(odd).entries, []);
        }
    }

    #[test]
    fn the_end_of_the_epoch_under_way_is_written_again() {
        let epoch = |epoch| {
            Entry::Epoch(EpochEntry {
                epoch,
                global_step: 10 * (epoch + 1),
                loss: LossValues::default(),
                learning_rate: 1e-3,
                seconds: 1.0,
                validation: Vec::new(),
                average_validation: Vec::new(),
                clicks: Vec::new(),
                average_clicks: Vec::new(),
            })
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        let mut log = RunLog::create(&path).expect("created");
        for entry in [step(10), epoch(0), step(20), epoch(1)] {
            log.append(&entry).expect("appended");
        }
        // The state of step 20 was saved before the validation of epoch 1.
        RunLog::resume(&path, 20, 1).expect("resumed");
        assert_eq!(read(&path).expect("reads").entries, [step(10), epoch(0), step(20)]);
    }

    #[test]
    fn terms_lie_beside_the_loss_by_name() {
        let text = line(&step(10));
        assert!(text.contains(r#""loss":1.5,"bce":0.5,"dice":1.0,"learning_rate""#), "{text}");
        let with_iou = text.replace(r#""dice":1.0"#, r#""dice":1.0,"iou":0.25"#);
        let Entry::Step(entry) = serde_json::from_str(&with_iou).expect("a step") else {
            panic!("another kind");
        };
        assert_eq!((entry.loss.term("iou"), entry.loss.term("focal")), (Some(0.25), None));
    }

    #[test]
    fn a_loss_that_is_no_number_is_left_out() {
        let entry = SkippedEntry {
            epoch: 0,
            step: 3,
            global_step: 3,
            what: NotFinite::Loss,
            loss: None,
            records: vec!["leaves/a".into()],
        };
        let text = line(&Entry::Skipped(entry.clone()));
        insta::assert_snapshot!(text, @r#"{"kind":"skipped","epoch":0,"step":3,"global_step":3,"what":"loss","records":["leaves/a"]}"#);
        assert_eq!(parse(text.as_bytes()).entries, [Entry::Skipped(entry)]);
    }

    #[test]
    fn damaged_lines_are_passed_over_and_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        let (first, second) = (line(&step(10)), line(&step(20)));
        let bytes = [first.as_bytes(), b"{}\n\xff\xfe\n", second.as_bytes()].concat();
        std::fs::write(&path, bytes).expect("written");
        let (_, notes) = RunLog::resume(&path, 20, 0).expect("resumed");
        let folder_name = format!("{}/", folder.path().display());
        insta::assert_snapshot!(notes.join("\n").replace(&folder_name, ""), @"metrics.jsonl: 2 damaged lines are passed over (line 2: missing field `kind` at column 2)");
        assert_eq!(read(&path).expect("reads").entries, [step(10), step(20)]);
        assert_eq!(read(&path).expect("reads").damaged, []);
    }

    #[test]
    fn a_log_that_is_gone_begins_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.jsonl");
        let (mut log, notes) = RunLog::resume(&path, 20, 0).expect("resumed");
        let folder_name = format!("{}/", folder.path().display());
        insta::assert_snapshot!(notes.join("\n").replace(&folder_name, ""), @"metrics.jsonl is not there; the log begins anew");
        log.append(&step(25)).expect("appended");
        assert_eq!(read(&path).expect("reads").entries, [step(25)]);
    }
}
