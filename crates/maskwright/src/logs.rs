//! Where a run is logged to beside its folder's `metrics.jsonl`: an event file for TensorBoard, an MLflow server.
//!
//! What cannot be written or sent ends no run. It is said once, in the remarks that every call returns.

use std::str::FromStr;

use maskwright_report::event_log::EventLog;
use maskwright_report::mlflow::{Connection, Credentials, Ending, MlflowLog, Server};
use maskwright_report::{Error, run_report};
use maskwright_train::TrainConfig;
use maskwright_train::run_log::{BeforeEntry, EpochEntry, StepEntry};

/// A place to log to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogTo {
    /// An event file in the run's folder.
    Tensorboard,
    /// A server.
    Mlflow(Server),
}

impl FromStr for LogTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "tensorboard" => Ok(Self::Tensorboard),
            Some(("mlflow", uri)) => {
                uri.parse().map(Self::Mlflow).map_err(|error: Error| error.to_string())
            }
            _ => Err("expected tensorboard or mlflow:http://HOST:PORT".into()),
        }
    }
}

/// Whether the run's folder held a run before, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// It is replaced: its event files go.
    Replaced,
    /// It goes on.
    Resumed,
}

/// The logs of a run, beside `metrics.jsonl`.
pub(crate) struct Logs {
    /// The run, until its folder is there.
    config: Box<TrainConfig>,
    before: Before,
    to: Vec<LogTo>,
    events: Option<EventLog>,
    servers: Vec<MlflowLog>,
}

impl Logs {
    pub(crate) fn new(config: &TrainConfig, to: Vec<LogTo>, before: Before) -> Self {
        let config = Box::new(config.clone());
        Self { config, before, to, events: None, servers: Vec::new() }
    }

    /// Begins to log, now that the run's folder is there.
    pub(crate) fn begin(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        for to in std::mem::take(&mut self.to) {
            match to {
                LogTo::Tensorboard => notes.extend(self.event(|logs| {
                    let mut log = EventLog::create(&logs.config.output)?;
                    log.settings(&logs.config)?;
                    logs.events = Some(log);
                    Ok(())
                })),
                LogTo::Mlflow(server) => {
                    let resumed = self.before == Before::Resumed;
                    let connection = connection(server, |name| std::env::var(name).ok());
                    match MlflowLog::begin(connection, &self.config, resumed) {
                        Ok(log) => self.servers.push(log),
                        Err(error) => notes.push(format!("nothing is logged to MLflow: {error}")),
                    }
                }
            }
        }
        notes
    }

    /// Logs a step.
    pub(crate) fn step(&mut self, entry: &StepEntry) -> Vec<String> {
        self.servers.iter().for_each(|log| log.step(entry));
        self.event(|logs| logs.events.as_mut().map_or(Ok(()), |log| log.step(entry)))
    }

    /// Logs the validation of the model as it came.
    pub(crate) fn before(&mut self, entry: &BeforeEntry) -> Vec<String> {
        self.servers.iter().for_each(|log| log.before(entry));
        self.event(|logs| logs.events.as_mut().map_or(Ok(()), |log| log.before(entry)))
    }

    /// Logs the training of an epoch.
    pub(crate) fn epoch(&mut self, entry: &EpochEntry) -> Vec<String> {
        self.servers.iter().for_each(|log| log.epoch(entry));
        self.event(|logs| {
            let Some(log) = &mut logs.events else { return Ok(()) };
            if logs.before == Before::Replaced {
                log.remove_others()?;
                logs.before = Before::Nothing;
            }
            log.epoch(entry)
        })
    }

    /// Logs a validation, with pictures where they have a place.
    pub(crate) fn validated(&mut self, entry: &EpochEntry) -> Vec<String> {
        self.servers.iter().for_each(|log| log.validated(entry));
        self.event(|logs| {
            let Some(log) = &mut logs.events else { return Ok(()) };
            log.validated(entry)?;
            let galleries = run_report::last_predictions(&logs.config.output)?;
            log.galleries(&galleries, entry.global_step)
        })
    }

    /// Says how the run ended, where that is logged. Waits for a few seconds for a server that is slow.
    pub(crate) fn end(&mut self, ending: Ending) -> Vec<String> {
        self.servers.drain(..).flat_map(|log| log.finish(ending)).collect()
    }

    /// Writes events; where that fails, no more are written. Adds what servers have to say.
    fn event(&mut self, write: impl FnOnce(&mut Self) -> Result<(), Error>) -> Vec<String> {
        let mut notes: Vec<String> = self.servers.iter().flat_map(MlflowLog::take_notes).collect();
        if let Err(error) = write(self) {
            self.events = None;
            notes.push(format!("no more events are written: {error}"));
        }
        notes
    }
}

/// How to reach a server, by MLflow's variables of the environment.
fn connection(server: Server, variable: impl Fn(&str) -> Option<String>) -> Connection {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut connection = Connection::new(server);
    if let Some(name) = set("MLFLOW_EXPERIMENT_NAME") {
        connection.experiment = name;
    }
    let password = set("MLFLOW_TRACKING_USERNAME").map(|user| Credentials::Password {
        user,
        password: set("MLFLOW_TRACKING_PASSWORD").unwrap_or_default(),
    });
    connection.credentials = set("MLFLOW_TRACKING_TOKEN").map(Credentials::Token).or(password);
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        assert_eq!("tensorboard".parse(), Ok(LogTo::Tensorboard));
        let server = "http://localhost:5000".parse().expect("an address");
        assert_eq!("mlflow:http://localhost:5000/".parse(), Ok(LogTo::Mlflow(server)));
        let wrong = |text: &str| text.parse::<LogTo>().expect_err("refused");
        insta::assert_snapshot!(["wandb", "mlflow", "mlflow:runs"].map(wrong).join("\n"), @r#"
        expected tensorboard or mlflow:http://HOST:PORT
        expected tensorboard or mlflow:http://HOST:PORT
        the MLflow server: expected an address such as http://127.0.0.1:5000, found "runs"
        "#);
    }

    #[test]
    fn the_environment_says_who_is_logging_where() {
        let server: Server = "http://localhost:5000".parse().expect("an address");
        let of = |variables: &[(&str, &str)]| {
            let find =
                |name: &str| variables.iter().find(|one| one.0 == name).map(|one| one.1.to_owned());
            connection(server.clone(), find)
        };
        let none = of(&[("MLFLOW_EXPERIMENT_NAME", "")]);
        assert_eq!((none.experiment.as_str(), none.credentials), ("maskwright", None));
        let user = [("MLFLOW_TRACKING_USERNAME", "me"), ("MLFLOW_TRACKING_PASSWORD", "secret")];
        let password = Credentials::Password { user: "me".into(), password: "secret".into() };
        assert_eq!(of(&user).credentials, Some(password));
        let both =
            [user[0], ("MLFLOW_TRACKING_TOKEN", "abc"), ("MLFLOW_EXPERIMENT_NAME", "leaves")];
        let both = of(&both);
        assert_eq!(both.credentials, Some(Credentials::Token("abc".into())));
        assert_eq!(both.experiment, "leaves");
    }
}
