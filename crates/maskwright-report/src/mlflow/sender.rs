//! The thread that sends what waits, and what it tells the run.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, Failure};
use super::run::{Begun, Run};
use super::{Ending, Metric, Patience};

/// Numbers in one request, at most.
const METRICS: usize = 1000;

/// What the thread and the run know of each other.
#[derive(Debug)]
pub(super) struct Shared {
    server: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    notes: Vec<String>,
    warned: bool,
    given: usize,
    sent: usize,
    /// How the run ended, and until when what is left may be sent.
    closing: Option<(Ending, Instant)>,
    over: bool,
}

impl Shared {
    pub(super) fn new(server: String) -> Self {
        Self { server, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts numbers that are to be sent.
    pub(super) fn given(&self, count: usize) {
        self.state().given += count;
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notes)
    }

    /// A remark on how much was not sent, if anything was not.
    pub(super) fn loss(&self) -> Option<String> {
        let State { given, sent, .. } = *self.state();
        let lost = given - sent;
        (lost > 0).then(|| {
            format!(
                "MLflow at {}: {lost} of {given} values were not sent; metrics.jsonl has them all",
                self.server
            )
        })
    }

    /// Says how the run ended; what is left may be sent for `farewell`.
    pub(super) fn close(&self, ending: Ending, farewell: Duration) {
        self.state().closing = Some((ending, Instant::now() + farewell));
        self.changed.notify_all();
    }

    /// Waits until everything is sent, or until that may take no longer.
    pub(super) fn wait(&self) {
        let mut state = self.state();
        while !state.over {
            let deadline = state.closing.map_or_else(Instant::now, |(_, deadline)| deadline);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits before another try, less long where the run ends. False if there is no more time.
    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.state();
        let open = state.closing.is_none();
        loop {
            let (now, closing) = (Instant::now(), state.closing.map(|(_, deadline)| deadline));
            // A run that ends gives what is left one more try at once.
            if now >= until || (open && closing.is_some()) {
                return closing.is_none_or(|deadline| now < deadline);
            }
            let until = closing.map_or(until, |deadline| deadline.min(until));
            if now >= until {
                return false;
            }
            let waited = self.changed.wait_timeout(state, until - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn note(&self, text: String) {
        let text = format!("MLflow at {}: {text}", self.server);
        self.state().notes.push(text);
    }

    /// Notes the first failure; those after it are counted by what they lose.
    fn warn(&self, why: &str) {
        if !std::mem::replace(&mut self.state().warned, true) {
            self.note(format!("{why}; the run goes on, and what is logged waits"));
        }
    }

    fn add_sent(&self, count: usize) {
        self.state().sent += count;
    }

    fn ending(&self) -> Option<Ending> {
        self.state().closing.map(|(ending, _)| ending)
    }
}

/// Why the thread ends early.
struct GaveUp;

/// What the thread works on.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) run: Run,
    pub(super) queue: Receiver<Vec<Metric>>,
    pub(super) shared: Arc<Shared>,
    pub(super) patience: Patience,
}

impl Sender {
    /// Sends until the run is over.
    pub(super) fn run(self) {
        // Why it gave up has been said, and what was lost is counted.
        let _ = self.send();
        self.shared.state().over = true;
        self.shared.changed.notify_all();
    }

    fn send(&self) -> Result<(), GaveUp> {
        let run = self.begin()?;
        while let Ok(mut metrics) = self.queue.recv() {
            while metrics.len() < METRICS
                && let Ok(more) = self.queue.try_recv()
            {
                metrics.extend(more);
            }
            for some in metrics.chunks(METRICS) {
                let body = json!({ "run_id": run, "metrics": some });
                match self.persist(|client| client.post("runs/log-batch", &body))? {
                    Ok(_) => self.shared.add_sent(some.len()),
                    Err(why) => self.shared.warn(&why),
                }
            }
        }
        if let Some(ending) = self.shared.ending()
            && let Err(why) = self.persist(|client| Run::end(client, &run, ending))?
        {
            self.shared.warn(&why);
        }
        Ok(())
    }

    /// The number of the run on the server.
    fn begin(&self) -> Result<String, GaveUp> {
        let run = &self.run;
        let mut found = None;
        if let Some(before) = &run.before {
            match self.persist(|client| run.take_up(client, before))? {
                Ok(true) => found = Some(before.run_id.clone()),
                Ok(false) => self.shared.note(format!(
                    "run {} is not there any more; a new one is begun",
                    before.run_id
                )),
                Err(why) => return Err(self.give_up(&why)),
            }
        }
        let goes_on = found.is_some();
        let id = match found {
            Some(id) => id,
            None => self.persist(|client| run.make(client))?.map_err(|why| self.give_up(&why))?,
        };
        if !goes_on {
            let (server, experiment) = (self.shared.server.clone(), run.experiment.clone());
            let begun = Begun { server, experiment, run_id: id.clone() };
            if let Err(error) = begun.write(&run.file) {
                self.shared.note(format!("{error}; a resumed run will begin another one there"));
            }
        }
        match self.persist(|client| run.send_settings(client, &id))? {
            // A resumed run keeps the parameters that it began with.
            Ok(refused) if refused > 0 && !goes_on => {
                self.shared.note(format!("{refused} settings were refused as parameters"));
            }
            Ok(_) => {}
            Err(why) => self.shared.warn(&why),
        }
        Ok(id)
    }

    /// Says that nothing will be logged.
    fn give_up(&self, why: &str) -> GaveUp {
        self.shared.state().warned = true;
        self.shared.note(format!("{why}; nothing is logged there, and the run goes on"));
        GaveUp
    }

    /// Calls until there is an answer. The inner error is a refusal.
    fn persist<T>(
        &self,
        call: impl Fn(&Client) -> Result<T, Failure>,
    ) -> Result<Result<T, String>, GaveUp> {
        let mut pause = self.patience.pause;
        loop {
            match call(&self.client) {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Failure::Refused { message, .. }) => return Ok(Err(message)),
                Err(Failure::Passing(why)) => self.shared.warn(&why),
            }
            if !self.shared.pause(pause) {
                return Err(GaveUp);
            }
            pause = (2 * pause).min(self.patience.longest_pause);
        }
    }
}
