//! One record at a time, for work that goes on with what is fine.

use maskwright_image::decode::{DecodeBudget, Limits};

use crate::finding::{Check, Severity};
use crate::inspect::Inspector;
use crate::issue::Issue;
use crate::subject::Subject;

/// Something found on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The check.
    pub check: Check,
    /// How bad it is where training would use the record.
    pub severity: Severity,
    /// Whether it is about the image; otherwise it is about an object.
    pub image: bool,
    /// The number of the object in its record.
    pub nth: usize,
    /// What exactly was found.
    pub detail: String,
}

/// Looks at records one by one, with all checks of [`examine`](crate::examine) that need neither other records nor the settings
/// of a run: neither duplicates nor tiny objects are looked for. Each thread has its own.
#[derive(Debug)]
pub struct RecordInspector(Inspector);

impl RecordInspector {
    /// An inspector that keeps to these limits and takes memory for decoding of this budget.
    pub fn new(limits: Limits, budget: DecodeBudget) -> RecordInspector {
        RecordInspector(Inspector::new(limits, budget, None))
    }

    /// Decodes a record in full and says what is wrong or odd, in the order in which it was met. What cannot be read is a
    /// remark, too. None of a subject that could not be opened.
    pub fn look(&mut self, subject: &Subject, record: usize) -> Vec<Remark> {
        let Some(shown) = subject.shown() else { return Vec::new() };
        let found = self.0.inspect(&*shown.source, record, shown.claims.as_deref());
        let remark = |issue: Issue| Remark {
            check: issue.check,
            severity: issue.check.severity(),
            image: issue.image,
            nth: issue.nth,
            detail: issue.detail,
        };
        found.issues.into_iter().map(remark).collect()
    }
}
