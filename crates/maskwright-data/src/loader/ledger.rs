//! The list of refused records.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::build::Refusal;
use crate::error::{Error, Result};
use crate::source::Mix;

/// A refused record: one line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Epoch in which it was refused.
    pub epoch: u64,
    /// Batch of this rank that it was meant for.
    pub batch: u64,
    /// Number of the record over all sets.
    pub record: u64,
    /// Name of its set.
    pub set: String,
    /// Name of the record in its set.
    pub name: String,
    /// The file to look at.
    pub file: PathBuf,
    /// The reason in a word: `unreadable`, `image`, `size_mismatch` or `empty_mask`.
    pub reason: String,
    /// The reason in a sentence.
    pub message: String,
}

/// Collects refusals in the order of the batches and writes them down.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<LedgerEntry>,
    records: HashSet<u64>,
    file: Option<(PathBuf, File)>,
}

impl Ledger {
    /// A ledger that appends to a file, if there is one to append to.
    pub(super) fn open(path: Option<&Path>) -> Result<Ledger> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|source| Error::Write { file: path.into(), source })?;
            Ok((path.to_path_buf(), file))
        };
        Ok(Ledger { file: path.map(open).transpose()?, ..Ledger::default() })
    }

    /// All entries so far.
    pub(super) fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// How many different records were refused.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// Adds a refusal. A line is written at once and whole, so that an interrupted run has it.
    pub(super) fn add(
        &mut self,
        mix: &Mix,
        epoch: u64,
        batch: u64,
        refusal: &Refusal,
    ) -> Result<()> {
        let record = mix.record(refusal.record as usize)?;
        let entry = LedgerEntry {
            epoch,
            batch,
            record: refusal.record,
            set: record.set.to_string(),
            name: record.name,
            file: refusal.error.file().unwrap_or(&record.image).into(),
            reason: refusal.error.reason().into(),
            message: refusal.error.to_string(),
        };
        if let Some((path, file)) = &mut self.file {
            // A path that is no Unicode text cannot be written as JSON; its readable form can.
            let readable = LedgerEntry {
                file: entry.file.to_string_lossy().into_owned().into(),
                ..entry.clone()
            };
            let line = serde_json::to_string(&readable).map_err(std::io::Error::from);
            let written = line.and_then(|line| file.write_all((line + "\n").as_bytes()));
            written.map_err(|source| Error::Write { file: path.clone(), source })?;
        }
        self.records.insert(refusal.record);
        self.entries.push(entry);
        Ok(())
    }
}
