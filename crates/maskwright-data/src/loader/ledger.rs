//! The list of records that were refused, or used though they are damaged.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use maskwright_image::shown;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::build::{Damaged, Place, Refusal};
use crate::error::{Cause, Error, Result};
use crate::random::SampleKey;
use crate::record::Record;
use crate::source::{Mix, read_whole};

/// A record that was refused, or used though it is damaged: one line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Whether a validation refused or used it; such a record does not count towards the budget of training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub validation: bool,
    /// Epoch in which it was refused, or used first.
    pub epoch: u64,
    /// Place in the order of the epoch that it was meant for, its own or that of a record it should replace.
    pub position: u64,
    /// Number of the record over all sets, as in [`SampleKey::record`](crate::random::SampleKey::record).
    pub record: u64,
    /// Name of its set.
    pub set: String,
    /// Number of the record in its set.
    pub index: u64,
    /// Name of the record in its set.
    pub name: String,
    /// The file to look at.
    pub file: PathBuf,
    /// The reason in a word: `unreadable`, `image`, `size_mismatch`, `damaged` or `empty_mask`.
    pub reason: String,
    /// The reason in a sentence.
    pub message: String,
    /// Whether the record was used all the same. Such records have one entry however often they are used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub used: bool,
}

/// The set, where a validation refused the record; epoch, position and record.
type Identity = (Option<String>, u64, u64, u64);

/// How lines begin. A line cut short by a kill is told from a foreign file by it.
const BEGINNINGS: [&[u8]; 2] = [b"{\"epoch\":", b"{\"validation\":"];

impl LedgerEntry {
    /// The entry of a record, with nothing of what is wrong with it.
    fn of(record: Record, index: usize, key: SampleKey, place: Place) -> LedgerEntry {
        LedgerEntry {
            validation: false,
            epoch: place.epoch,
            position: place.position,
            record: key.record,
            set: record.set.to_string(),
            index: index as u64,
            name: record.name,
            file: PathBuf::new(),
            reason: String::new(),
            message: String::new(),
            used: false,
        }
    }

    /// What tells it from other entries of a run, however often a part of the run is done again.
    fn identity(&self) -> Identity {
        let set = self.validation.then(|| self.set.clone());
        (set, self.epoch, self.position, self.record)
    }
}

/// Collects refusals and damaged records in the order of the batches and writes them down.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<LedgerEntry>,
    /// Where the first entry of each refused record is, by set and number in the set.
    records: HashMap<(usize, u64), usize>,
    /// Records that were used though they are damaged, by set and number in the set.
    damaged: HashSet<(usize, u64)>,
    /// What the file held when it was opened.
    former: HashSet<Identity>,
    file: Option<(PathBuf, File)>,
    /// What is wrong with the file, or why it could not be written, if nobody was told yet.
    failure: Option<Error>,
    /// Whether the last line could not be written, or half of it.
    broken: bool,
}

impl Ledger {
    /// A ledger that continues a file, if there is one to continue. Records that are in the file count.
    ///
    /// A run that is killed while it writes may leave half a line: that is cut off, since the resumed run
    /// meets the record again. Other lines that are damaged are passed over, and the first is told.
    pub(super) fn open(path: Option<&Path>, mix: &Mix) -> Result<Ledger> {
        let mut ledger = Ledger::default();
        let Some(path) = path else {
            return Ok(ledger);
        };
        let unwritable = |source| Error::Write { file: path.into(), source };
        let unreadable = |source| Error::Read { file: path.into(), source };
        let text = match read_whole(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(unreadable)?,
        };
        let mut file =
            OpenOptions::new().create(true).append(true).open(path).map_err(unwritable)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let begins =
            |line: &[u8]| BEGINNINGS.iter().any(|b| b.starts_with(line) || line.starts_with(b));
        let cut_short =
            |line: &[u8]| begins(line) && serde_json::from_slice::<IgnoredAny>(line).is_err();
        for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let read = ledger.read_line(path, at + 1, line, mix);
            // The last line may have been cut short by a kill, any by a full disk: its record is met again.
            if let Err(error) = read
                && !line.is_empty()
                && !cut_short(line)
            {
                ledger.failure.get_or_insert(error);
            }
        }
        // Nothing of it is a ledger's: it is another file, and stays as it is.
        if ledger.entries.is_empty()
            && let Some(error) = ledger.failure.take()
        {
            return Err(error);
        }
        let rest = &text[whole..];
        if !rest.is_empty() {
            match cut_short(rest) {
                true => file.set_len(whole as u64).map_err(unwritable)?,
                false => file.write_all(b"\n").map_err(unwritable)?,
            }
        }
        ledger.file = Some((path.to_path_buf(), file));
        Ok(ledger)
    }

    fn read_line(&mut self, file: &Path, line: usize, text: &[u8], mix: &Mix) -> Result<()> {
        let entry: LedgerEntry = serde_json::from_slice(text).map_err(|error| Error::Ledger {
            file: file.into(),
            line,
            message: error.to_string(),
        })?;
        // Records of sets that are not in this run do not count.
        let set = mix.sets().iter().position(|set| set.name() == entry.set);
        match set.filter(|_| !entry.validation) {
            Some(set) if entry.used => drop(self.damaged.insert((set, entry.index))),
            Some(set) => drop(self.records.entry((set, entry.index)).or_insert(self.entries.len())),
            None => {}
        }
        if !entry.used || entry.validation {
            self.former.insert(entry.identity());
        }
        self.entries.push(entry);
        Ok(())
    }

    /// All entries so far, those that the file held before them.
    pub(super) fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// How many different records were refused.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// How many different records were refused for which reason, the commonest first.
    pub(super) fn causes(&self) -> Vec<Cause> {
        let mut causes: Vec<Cause> = Vec::new();
        let mut firsts: Vec<usize> = self.records.values().copied().collect();
        firsts.sort_unstable();
        for entry in firsts.into_iter().map(|at| &self.entries[at]) {
            match causes.iter_mut().find(|cause| cause.reason == entry.reason) {
                Some(cause) => cause.records += 1,
                None => causes.push(Cause {
                    reason: entry.reason.clone(),
                    records: 1,
                    example: entry.file.clone(),
                }),
            }
        }
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.records));
        causes
    }

    /// Adds a refusal, unless it is known from before a resume. A line is written at once and whole, so that
    /// an interrupted run has it.
    pub(super) fn add(&mut self, mix: &Mix, refusal: &Refusal) -> Result<()> {
        let (key, place) = (refusal.key, refusal.place);
        if self.former.contains(&(None, place.epoch, place.position, key.record)) {
            return Ok(());
        }
        let (set, index) = mix.locate(key)?;
        let record = mix.sets()[set].record(index)?;
        let file = refusal.error.file().unwrap_or(&record.image).to_path_buf();
        let entry = LedgerEntry {
            file,
            reason: refusal.error.reason().into(),
            message: refusal.error.to_string(),
            ..LedgerEntry::of(record, index, key, place)
        };
        self.write(&entry);
        self.records.entry((set, index as u64)).or_insert(self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// Adds a record that was used though it is damaged, unless it has an entry.
    pub(super) fn add_used(&mut self, mix: &Mix, damaged: &Damaged) -> Result<()> {
        let (set, index) = mix.locate(damaged.key)?;
        if !self.damaged.insert((set, index as u64)) {
            return Ok(());
        }
        let record = mix.sets()[set].record(index)?;
        let file = if damaged.mask { record.mask.clone() } else { record.image.clone() };
        let entry = LedgerEntry {
            reason: "damaged".into(),
            message: format!(
                "record {}: {}: {}; it is used as it is",
                shown(&record.to_string()),
                crate::error::path(&file),
                damaged.warning
            ),
            used: true,
            file,
            ..LedgerEntry::of(record, index, damaged.key, damaged.place)
        };
        self.write(&entry);
        self.entries.push(entry);
        Ok(())
    }

    /// Adds what a validation refused, or used though it is damaged, unless it is known, from before a resume too; returns
    /// whether it was not. A damaged record has one entry however often it is used.
    pub(super) fn add_validation(&mut self, entry: LedgerEntry) -> bool {
        let set = Some(entry.set.clone());
        let same = |(of, _, _, record): &Identity| *of == set && *record == entry.record;
        let known = entry.used && self.former.iter().any(same);
        if known || !self.former.insert(entry.identity()) {
            return false;
        }
        self.write(&entry);
        self.entries.push(entry);
        true
    }

    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Appends a line to the file, if there is one. A full disk costs the line, not the run.
    fn write(&mut self, entry: &LedgerEntry) {
        let Some((path, file)) = &mut self.file else {
            return;
        };
        // A path that is no Unicode text cannot be written as JSON; its readable form can.
        let readable =
            LedgerEntry { file: entry.file.to_string_lossy().into_owned().into(), ..entry.clone() };
        let mut line = serde_json::to_string(&readable).expect("plain numbers and text");
        line.push('\n');
        if self.broken {
            line.insert(0, '\n');
        }
        let written = file.write_all(line.as_bytes());
        self.broken = written.is_err();
        if let Err(source) = written {
            self.failure = Some(Error::Write { file: path.clone(), source });
        }
    }
}
