//! Checks a data set before a run is spent on it.
//!
//! Several threads open every record and decode it in full, once. What is wrong or odd becomes a
//! [`Finding`] with a stable name, a severity, the records that it concerns and, if there is one, the
//! line of the data file that fixes it. No file is changed, and no pixels are kept.
//!
//! | what | where |
//! |---|---|
//! | what can be found | [`Check`] |
//! | the sets at a path | [`recognise`] |
//! | a set that is opened in spite of its mistakes | [`Subject`] |
//! | the examination | [`examine`] |
//! | one record, for work that goes on with it | [`RecordInspector`] |
//! | a finding's pictures, for a report | [`Looker`] |
//!
//! ```no_run
//! use maskwright_data::source::OpenContext;
//! use maskwright_doctor::{Contents, examine, recognise};
//!
//! let Contents { subjects, settings, .. } = recognise("photos".as_ref(), &OpenContext::default())?;
//! let diagnosis = examine(&subjects, &settings, &mut |_| true)?;
//! for finding in diagnosis.sets.iter().flat_map(|set| &set.findings) {
//!     println!("{} {}: {}", finding.severity.name(), finding.name, finding.count);
//! }
//! # Ok::<(), maskwright_doctor::Error>(())
//! ```

#![forbid(unsafe_code)]

mod claims;
mod diagnosis;
mod differ;
mod duplicates;
mod edges;
mod error;
mod finding;
mod fingerprint;
mod fix;
mod grey_levels;
mod histogram;
mod inspect;
mod issue;
mod jitter;
mod look;
mod loose;
mod recognise;
mod record;
mod run;
mod shape;
mod similar;
mod sizes;
mod subject;
mod tally;
mod values;

pub use diagnosis::{Diagnosis, SetDiagnosis};
pub use error::{Error, Result};
pub use finding::{Check, Finding, Instance, Like, Severity};
pub use histogram::Histogram;
pub use look::{Look, Looker};
pub use recognise::{Contents, recognise};
pub use record::{RecordInspector, Remark};
pub use run::{Progress, Settings, examine};
pub use subject::{Role, Subject};
