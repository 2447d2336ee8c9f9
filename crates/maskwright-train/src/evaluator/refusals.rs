//! Records that an evaluation cannot use, or uses though they are damaged.

use std::path::PathBuf;

use maskwright_data::sample::EvalSample;
use maskwright_image::decode::Warning;
use serde::{Deserialize, Serialize};

use super::config::EvalConfig;
use super::sets::EvalSet;
use crate::error::{Error, Result};

/// A record that could not be used and was left out of an evaluation, or that was used though it is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRecord {
    /// The set's name.
    pub set: String,
    /// The record's number in the set.
    pub record: usize,
    /// The record's name.
    pub name: String,
    /// The file to look at.
    pub file: PathBuf,
    /// The reason in a word, as in [`LedgerEntry::reason`](maskwright_data::loader::LedgerEntry::reason).
    pub reason: String,
    /// The reason in a sentence.
    pub message: String,
}

impl RefusedRecord {
    /// A record that is used though a file of it is damaged; none where none is.
    pub(super) fn damaged(set: &EvalSet, sample: &EvalSample) -> Option<Self> {
        let at = sample.warnings.iter().position(Warning::is_damage)?;
        let record = set.source.record(sample.record).ok()?;
        let file = if at < sample.mask_warnings { &record.mask } else { &record.image };
        let (name, shown) = (format!("{}/{}", set.name, sample.name), file.display());
        Some(Self {
            set: set.name.clone(),
            record: sample.record,
            name: sample.name.clone(),
            reason: "damaged".into(),
            message: format!(
                "record {name}: {shown}: {}; it is used as it is",
                sample.warnings[at]
            ),
            file: file.clone(),
        })
    }
}

/// Collects the records that are refused, as long as these are not too many.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// How many records there are to evaluate.
    records: usize,
    /// How many may be refused.
    budget: usize,
    pub(super) list: Vec<RefusedRecord>,
}

impl Refusals {
    /// None yet, of the records of these sets.
    pub(super) fn new(sets: &[EvalSet], config: &EvalConfig) -> Self {
        let records: usize = sets.iter().map(|set| config.records(set)).sum();
        Self { records, budget: config.on_refusal.allowed(records), list: Vec::new() }
    }

    /// Adds one.
    ///
    /// # Errors
    /// The refusal itself where none may be refused, [`Error::ValidationBudget`] where these are too many.
    pub(super) fn add(
        &mut self,
        set: &EvalSet,
        record: usize,
        error: maskwright_data::Error,
    ) -> Result<()> {
        if self.budget == 0 {
            return Err(error.into());
        }
        let known = set.source.record(record);
        let (name, image) =
            known.map_or_else(|_| Default::default(), |record| (record.name, record.image));
        self.list.push(RefusedRecord {
            set: set.name.clone(),
            record,
            name,
            file: error.file().map_or(image, Into::into),
            reason: error.reason().into(),
            message: error.to_string(),
        });
        if self.list.len() > self.budget {
            return Err(Error::ValidationBudget {
                refused: self.list.len(),
                budget: self.budget,
                records: self.records,
                last: Box::new(error),
            });
        }
        Ok(())
    }
}
