//! What an examination found, for machines and for pages.

use serde::Serialize;

use crate::finding::{Check, Finding, Severity};
use crate::histogram::Histogram;
use crate::subject::Role;

/// What an examination found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Whether every record was looked at; not if it was stopped.
    pub complete: bool,
    /// The sets, in the order given.
    pub sets: Vec<SetDiagnosis>,
}

/// What was found on one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetDiagnosis {
    /// What the set is for.
    pub list: Role,
    /// Its name.
    pub name: String,
    /// How many records it has.
    pub records: u64,
    /// How many of them were looked at.
    pub checked: u64,
    /// How many of those training could use.
    pub usable: u64,
    /// Objects of the records looked at.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// The lines of the data file that settle the errors and warnings, all at once.
    pub lines: Vec<String>,
    /// How sizes are distributed.
    pub histograms: Vec<Histogram>,
}

impl Diagnosis {
    /// How many findings there are of a severity, over all sets.
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.sets.iter().flat_map(|set| &set.findings);
        findings.filter(|finding| finding.severity == severity).count()
    }

    /// Whether there is nothing that training would refuse.
    pub fn is_fit(&self) -> bool {
        self.count(Severity::Error) == 0
    }
}

impl SetDiagnosis {
    /// The finding of a check, if it found something.
    pub fn find(&self, check: Check) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.name == check)
    }
}
