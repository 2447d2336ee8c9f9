//! Checks a data set before a run is spent on it.
//!
//! Every record is opened and decoded in full on several threads, once. What is wrong or odd becomes a
//! [`Finding`] with a stable name, a severity, the records it was found on, and where there is one the line of the
//! data file that settles it. Nothing is changed, and no pixel is kept.
//!
//! | what | where |
//! |---|---|
//! | what can be found | [`Check`] |
//! | a path made into sets | [`recognise`] |
//! | a set opened in spite of its mistakes | [`Subject`] |
//! | the examination | [`examine`] |
//! | a finding's pictures, for a report | [`Looker`] |
//!
//! ```no_run
//! use maskwright_data::doctor::{Settings, examine, recognise};
//!
//! let (subjects, settings) = recognise("photos".as_ref())?;
//! let diagnosis = examine(&subjects, &settings, &mut |_| true)?;
//! for finding in diagnosis.sets.iter().flat_map(|set| &set.findings) {
//!     println!("{} {}: {}", finding.severity.name(), finding.name, finding.count);
//! }
//! # Ok::<(), maskwright_data::Error>(())
//! ```

mod claims;
mod duplicates;
mod edges;
mod finding;
mod fingerprint;
mod fix;
mod histogram;
mod inspect;
mod issue;
mod jitter;
mod listing;
mod look;
mod loose;
mod partners;
mod recognise;
mod run;
mod shape;
mod similar;
mod subject;
mod tally;
mod values;

pub use finding::{Check, Finding, Instance, Like, Severity};
pub use histogram::Histogram;
pub use look::{Look, Looker};
pub use recognise::recognise;
pub use run::{Progress, Settings, examine};
pub use subject::{Role, Subject};

use serde::Serialize;

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
