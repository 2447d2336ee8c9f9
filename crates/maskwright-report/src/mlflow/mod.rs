//! A run's log on an MLflow server, over its REST interface.
//!
//! `metrics.jsonl` stays the source; this sends the same numbers elsewhere, under the names that [`event_log`](crate::event_log) has,
//! with the settings as parameters. A thread of its own sends them, from a queue that is bounded: a server that is slow, does
//! not answer or refuses something never delays a run or ends it. What it missed is counted.
//!
//! The number of the MLflow run is kept in the run's folder ([`MLFLOW`](maskwright_train::run_files::MLFLOW)): a run that is
//! resumed goes on in the same one.
//!
//! ```no_run
//! use maskwright_report::mlflow::{Connection, Ending, MlflowLog};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let config: maskwright_train::TrainConfig = todo!();
//! # let entry: maskwright_train::run_log::StepEntry = todo!();
//! let connection = Connection::new("http://127.0.0.1:5000".parse()?);
//! let log = MlflowLog::begin(connection, &config, false)?;
//! log.step(&entry);
//! for note in log.finish(Ending::Finished) {
//!     eprintln!("{note}");
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod names;
mod run;
mod sender;
mod server;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maskwright_train::TrainConfig;
use maskwright_train::run_files::MLFLOW;
use maskwright_train::run_log::{BeforeEntry, EpochEntry, StepEntry};
use maskwright_train::runs::settings;
use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::scalars;
use client::Client;
use run::Begun;
use sender::{Sender, Shared};
pub use server::{Credentials, Server};

/// Where a run is logged to, and how long an answer may take.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The server.
    pub server: Server,
    /// The name of the experiment, which is made if it is not there.
    pub experiment: String,
    /// Who is logging, where the server asks.
    pub credentials: Option<Credentials>,
    /// How long to wait for what.
    pub patience: Patience,
}

impl Connection {
    /// The experiment `maskwright` of a server that does not ask who it is.
    pub fn new(server: Server) -> Self {
        let experiment = "maskwright".to_owned();
        Self { server, experiment, credentials: None, patience: Patience::default() }
    }
}

/// How long to wait for a server. A run waits for nothing but [`farewell`](Self::farewell).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The longest time for the answer to one request.
    pub answer: Duration,
    /// The time between the first two tries of a request; it doubles from try to try.
    pub pause: Duration,
    /// The longest time between two tries.
    pub longest_pause: Duration,
    /// The longest time at the end of a run for what is still to be sent.
    pub farewell: Duration,
    /// The number of lines of the log that may wait; those that come then are lost.
    pub waiting: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            farewell: Duration::from_secs(5),
            waiting: 10_000,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It did all its epochs.
    Finished,
    /// It was stopped, and can go on.
    Stopped,
    /// It met an error.
    Failed,
}

impl Ending {
    /// The name that MLflow has for it.
    fn status(self) -> &'static str {
        match self {
            Self::Finished => "FINISHED",
            Self::Stopped => "KILLED",
            Self::Failed => "FAILED",
        }
    }
}

/// A number at a step, as `runs/log-batch` takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Metric {
    key: String,
    #[serde(serialize_with = "number")]
    value: f64,
    /// Milliseconds since 1970.
    timestamp: u64,
    step: usize,
}

/// JSON has no NaN and nothing infinite; MLflow reads the names.
fn number<S: Serializer>(value: &f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match value {
        value if value.is_finite() => serializer.serialize_f64(*value),
        value if value.is_nan() => serializer.serialize_str("NaN"),
        value if *value > 0.0 => serializer.serialize_str("Infinity"),
        _ => serializer.serialize_str("-Infinity"),
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// A log that is being sent to a server.
#[derive(Debug)]
pub struct MlflowLog {
    queue: SyncSender<Vec<Metric>>,
    shared: Arc<Shared>,
    farewell: Duration,
}

impl MlflowLog {
    /// Begins to log the run of these settings, whose folder is there. With `resumed` it goes on in the MLflow run that the
    /// folder names, if that is on the same server. Returns before the server has answered.
    ///
    /// # Errors
    /// Settings that TOML cannot hold, a file in the folder that cannot be read, and a thread that cannot be started.
    pub fn begin(connection: Connection, config: &TrainConfig, resumed: bool) -> Result<Self> {
        let Connection { server, experiment, credentials, patience } = connection;
        let file = config.output.join(MLFLOW);
        let before = if resumed { Begun::read(&file)? } else { None };
        let before = before.filter(|begun| begun.server == server.to_string());
        let folder = std::path::absolute(&config.output).unwrap_or_else(|_| config.output.clone());
        let named = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let (queue, waiting) = sync_channel(patience.waiting);
        let shared = Arc::new(Shared::new(server.to_string()));
        let run = run::Run {
            experiment,
            name: named.unwrap_or_else(|| folder.display().to_string()),
            folder: folder.display().to_string(),
            settings: settings(config)?.into_iter().map(names::parameter).collect(),
            before,
            file: file.clone(),
        };
        let sender = Sender {
            client: Client::new(server, credentials.as_ref(), patience.answer),
            run,
            queue: waiting,
            shared: Arc::clone(&shared),
            patience,
        };
        let started = std::thread::Builder::new().name("mlflow".into());
        started.spawn(move || sender.run()).map_err(Error::io(&file, "start a thread for"))?;
        Ok(Self { queue, shared, farewell: patience.farewell })
    }

    /// Logs the losses and the speed of a step.
    pub fn step(&self, entry: &StepEntry) {
        self.send(scalars::of_step(entry), entry.global_step);
    }

    /// Logs the time that an epoch took.
    pub fn epoch(&self, entry: &EpochEntry) {
        self.send(scalars::of_epoch(entry), entry.global_step);
    }

    /// Logs the validation of the model as it came, at step 0.
    pub fn before(&self, entry: &BeforeEntry) {
        self.send(scalars::of_before(entry), 0);
    }

    /// Logs the validation of an epoch, that of averaged weights, too, and how many clicks it took.
    pub fn validated(&self, entry: &EpochEntry) {
        self.send(scalars::of_validation(entry), entry.global_step);
    }

    fn send(&self, scalars: Vec<(String, f64)>, step: usize) {
        let timestamp = now();
        let metric = |(name, value): (String, f64)| {
            let key = names::name(&name);
            Metric { key, value, timestamp, step }
        };
        let metrics: Vec<Metric> = scalars.into_iter().map(metric).collect();
        self.shared.given(metrics.len());
        // What finds no place is given and never sent: it is counted at the end.
        let _ = self.queue.try_send(metrics);
    }

    /// Returns the remarks that were made since the last call: the first failure to reach the server, a refusal.
    pub fn take_notes(&self) -> Vec<String> {
        self.shared.take_notes()
    }

    /// Waits for what is still to be sent, for at most [`Patience::farewell`], and tells the server how the run ended. Returns the
    /// last remarks: among them how much was lost, if anything was.
    pub fn finish(self, ending: Ending) -> Vec<String> {
        let Self { queue, shared, farewell } = self;
        shared.close(ending, farewell);
        drop(queue);
        shared.wait();
        let mut notes = shared.take_notes();
        notes.extend(shared.loss());
        notes
    }
}
