//! The doctor's findings, and its fixes of the data file.

mod edit;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use maskwright_data::source::{DataFile, OpenContext};
use maskwright_doctor::{Diagnosis, SetDiagnosis, Settings, Subject, examine};
use maskwright_files::write_atomically;

use crate::api::{DoctorPhase, DoctorState, Event, Finding, Fix, Severity};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::http::events::Events;
use crate::key::key_of;
use crate::locks::lock;
use edit::Edit;

/// How often windows are told how far it is.
const TELL: Duration = Duration::from_millis(300);

/// What the doctor found.
pub(crate) struct Doctor {
    state: Mutex<Known>,
    ends: AtomicBool,
    events: Arc<Events>,
}

struct Known {
    state: DoctorState,
    /// The numbers of all records that were listed, by finding.
    records: BTreeMap<String, HashSet<usize>>,
    fixes: BTreeMap<String, Edit>,
}

fn nothing() -> Known {
    let state = DoctorState {
        state: DoctorPhase::None,
        done: 0,
        total: 0,
        findings: Vec::new(),
        error: None,
    };
    Known { state, records: BTreeMap::new(), fixes: BTreeMap::new() }
}

impl Doctor {
    pub(crate) fn new(events: Arc<Events>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(nothing()), ends: AtomicBool::new(false), events })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.state)
    }

    /// How far it is, and what it found.
    pub(crate) fn state(&self) -> DoctorState {
        self.known().state.clone()
    }

    /// The records that a finding lists.
    pub(crate) fn records(&self, finding: &str) -> HashSet<usize> {
        self.known().records.get(finding).cloned().unwrap_or_default()
    }

    /// Begins an examination, unless one is under way.
    ///
    /// # Errors
    /// [`Error::Setting`] for photographs without masks, [`Error::Threads`].
    pub(crate) fn start(self: &Arc<Self>, set: Arc<DataSet>) -> Result<DoctorState> {
        let Some(data) = set.data.clone() else {
            return Err(Error::setting("the data", "sets with masks", "photographs without masks"));
        };
        {
            let mut known = self.known();
            if known.state.state == DoctorPhase::Running {
                return Ok(known.state.clone());
            }
            *known = nothing();
            (known.state.state, known.state.total) = (DoctorPhase::Running, set.len());
        }
        let doctor = self.clone();
        std::thread::Builder::new()
            .name("doctor".into())
            .spawn(move || doctor.examine(&data, &set))
            .map_err(|source| Error::Threads { source })?;
        Ok(self.state())
    }

    fn examine(&self, data: &DataFile, set: &DataSet) {
        let subjects = Subject::of_data(data, &OpenContext::default());
        let mut settings = Settings::of(data);
        // One core is left for who clicks meanwhile.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        settings.workers = (cores - 1).max(1);
        let mut told = Instant::now();
        let found = examine(&subjects, &settings, &mut |progress| {
            if told.elapsed() > TELL {
                told = Instant::now();
                let mut known = self.known();
                (known.state.done, known.state.total) = (progress.done, progress.total);
                drop(known);
                self.tell();
            }
            !self.ends.load(Ordering::SeqCst)
        });
        {
            let mut known = self.known();
            match found {
                Ok(diagnosis) => {
                    known.take(&diagnosis, set);
                    known.state.state = DoctorPhase::Ready;
                    known.state.done = known.state.total;
                }
                Err(error) => {
                    known.state.state = DoctorPhase::Failed;
                    known.state.error = Some(error.to_string());
                }
            }
        }
        self.tell();
    }

    fn tell(&self) {
        let DoctorState { state, done, total, .. } = self.state();
        self.events.tell(&Event::Doctor { done, total, state });
    }

    /// Writes a fix into the data file: all of it or, on any failure, nothing.
    ///
    /// # Errors
    /// [`Error::Missing`] for another fix, [`Error::Busy`] where the file was changed meanwhile, [`Error::Io`].
    pub(crate) fn fix(&self, id: &str) -> Result<()> {
        let fix = self.known().fixes.get(id).cloned();
        let Some(edit) = fix else {
            return Err(Error::missing(format!("fix {id}"), "one of the findings"));
        };
        edit.write(|path, text| write_atomically(path, text.as_bytes()))?;
        *self.known() = nothing();
        self.tell();
        Ok(())
    }

    /// Ends an examination.
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::SeqCst);
    }
}

impl Known {
    fn take(&mut self, diagnosis: &Diagnosis, set: &DataSet) {
        let text = set.file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let file = set.file.as_deref().zip(text.as_deref());
        for own in &diagnosis.sets {
            for finding in &own.findings {
                self.add(own, finding, set, file);
            }
        }
    }

    fn add(
        &mut self,
        own: &SetDiagnosis,
        finding: &maskwright_doctor::Finding,
        set: &DataSet,
        file: Option<(&Path, &str)>,
    ) {
        let code = finding.name.name().to_owned();
        let mut records: Vec<usize> =
            finding.listed.iter().filter_map(|one| set.number(&own.name, &one.name)).collect();
        records.sort_unstable();
        records.dedup();
        self.records.entry(code.clone()).or_default().extend(&records);
        let edit = finding.fix.as_deref().zip(file).and_then(|(line, (path, text))| {
            Edit::of(path, text, own.list.name(), &own.name, line)
        });
        let fix = edit.map(|edit| {
            let id = key_of(&[own.name.as_bytes(), code.as_bytes(), edit.diff.as_bytes()]);
            let fix = Fix { id: id.clone(), text: edit.line.clone(), diff: edit.diff.clone() };
            self.fixes.insert(id, edit);
            fix
        });
        let mut text = format!(
            "{}: {} ({} of {} records)",
            own.name, finding.explanation, finding.records, own.records
        );
        if let (None, Some(line)) = (&fix, &finding.fix) {
            text += &format!("; the line of a data file that settles it: {line}");
        }
        if let Some(advice) = &finding.advice {
            text += &format!("; {advice}");
        }
        let severity = match finding.severity {
            maskwright_doctor::Severity::Error => Severity::Error,
            maskwright_doctor::Severity::Warning => Severity::Warning,
            maskwright_doctor::Severity::Note => Severity::Note,
        };
        self.state.findings.push(Finding { code, severity, text, records, fix });
    }
}
