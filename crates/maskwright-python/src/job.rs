//! Long work on a thread of its own, which tells Python how far it is, asks it whether to go on, and can be stopped.
//!
//! Python waits for the next event in short pieces, so that Ctrl-C works; what it does with events is in
//! `python/maskwright/_jobs.py`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use maskwright::blame::Code;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde::Serialize;

use crate::error::Raised;

/// The shortest time between two words on how far the work is.
const PACE: Duration = Duration::from_millis(100);
/// How long the work waits for an answer before it looks whether it was stopped.
const TICK: Duration = Duration::from_millis(20);

/// Something that Python hears.
struct Event {
    kind: &'static str,
    json: String,
    /// Whether the work waits for an answer.
    waits: bool,
}

/// The work's side.
pub(crate) struct Reporter {
    events: Sender<Event>,
    answers: Mutex<Receiver<bool>>,
    stop: Arc<AtomicBool>,
    may_end: Arc<AtomicBool>,
    told: Mutex<Option<Instant>>,
}

/// How far the work is.
#[derive(Serialize)]
pub(crate) struct Progress<'a> {
    /// What is done.
    pub(crate) what: &'a str,
    /// How much of it.
    pub(crate) done: u64,
    /// Of how much; none where only the end will tell.
    pub(crate) total: Option<u64>,
    /// What else there is to say.
    pub(crate) note: String,
}

impl Reporter {
    /// Whether the work should stop.
    pub(crate) fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Says whether from now on nothing is lost if the process ends. True at first.
    pub(crate) fn may_end(&self, may: bool) {
        self.may_end.store(may, Ordering::SeqCst);
    }

    /// Tells how far the work is, unless that was told a moment ago.
    pub(crate) fn progress(&self, progress: &Progress<'_>) {
        let mut told = locked(&self.told);
        let over = progress.total == Some(progress.done);
        if !over && told.is_some_and(|at| at.elapsed() < PACE) {
            return;
        }
        *told = Some(Instant::now());
        self.send("progress", progress, false);
    }

    /// Tells something.
    pub(crate) fn tell(&self, kind: &'static str, value: &impl Serialize) {
        self.send(kind, value, false);
    }

    /// Tells something, and waits until Python has dealt with it; where it does not want to go on, the work should stop.
    pub(crate) fn ask(&self, kind: &'static str, value: &impl Serialize) {
        self.send(kind, value, true);
        let answers = locked(&self.answers);
        while !self.should_stop() {
            match answers.recv_timeout(TICK) {
                Ok(true) => return,
                Ok(false) | Err(RecvTimeoutError::Disconnected) => {
                    self.stop.store(true, Ordering::SeqCst);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn send(&self, kind: &'static str, value: &impl Serialize, waits: bool) {
        // What is told is made of numbers and text, and nobody may be listening any more.
        if let Ok(json) = serde_json::to_string(value) {
            let _ = self.events.send(Event { kind, json, waits });
        }
    }
}

/// Work on a thread of its own.
#[pyclass(frozen)]
pub(crate) struct Job {
    events: Mutex<Receiver<Event>>,
    answers: Sender<bool>,
    stop: Arc<AtomicBool>,
    may_end: Arc<AtomicBool>,
    working: Mutex<Option<Working>>,
}

/// A thread, and the JSON that it leaves.
type Working = JoinHandle<Result<String, Raised>>;

impl Job {
    /// Starts work that leaves a value.
    pub(crate) fn start<T: Serialize>(
        work: impl FnOnce(Arc<Reporter>) -> Result<T, Raised> + Send + 'static,
    ) -> PyResult<Job> {
        let (send_event, events) = mpsc::channel();
        let (answers, receive_answer) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let may_end = Arc::new(AtomicBool::new(true));
        let reporter = Reporter {
            events: send_event,
            answers: Mutex::new(receive_answer),
            stop: Arc::clone(&stop),
            may_end: Arc::clone(&may_end),
            told: Mutex::new(None),
        };
        let run = move || {
            let value = work(Arc::new(reporter))?;
            serde_json::to_string(&value).map_err(|error| Raised::new(Code::Other, error))
        };
        let working = thread::Builder::new().name("maskwright job".into()).spawn(run);
        let working = working
            .map_err(|error| PyRuntimeError::new_err(format!("cannot start a thread: {error}")))?;
        let (events, working) = (Mutex::new(events), Mutex::new(Some(working)));
        Ok(Job { events, answers, stop, may_end, working })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

#[pymethods]
impl Job {
    /// The next event within so many milliseconds: its kind, its JSON, and whether an answer is waited for; none if there is none.
    fn wait(&self, py: Python<'_>, milliseconds: u64) -> Option<(&'static str, String, bool)> {
        let event = py
            .detach(|| locked(&self.events).recv_timeout(Duration::from_millis(milliseconds)).ok());
        event.map(|event| (event.kind, event.json, event.waits))
    }

    /// Answers the event that waits: whether the work shall go on.
    fn answer(&self, go_on: bool) {
        // The work may be over.
        let _ = self.answers.send(go_on);
    }

    /// Asks the work to stop, with its state saved where it has one.
    fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether nothing would be lost if the process ended now.
    fn may_end(&self) -> bool {
        self.may_end.load(Ordering::SeqCst)
    }

    /// Whether the work is over; events of it may be left.
    fn is_over(&self) -> bool {
        locked(&self.working).as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The JSON of what the work left, once; raises what went wrong. Waits until the work is over.
    fn result(&self, py: Python<'_>) -> PyResult<String> {
        let working = locked(&self.working).take();
        let working =
            working.ok_or_else(|| PyRuntimeError::new_err("the result was taken already"))?;
        match py.detach(|| working.join()) {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
