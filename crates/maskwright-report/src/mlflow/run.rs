//! The run on the server: found again or made, and its parameters.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Client, Failure};
use super::{Ending, now};
use crate::error::{Error, Result};

/// Parameters in one request, at most.
const PARAMETERS: usize = 100;

/// The content of `mlflow.json`: the MLflow run that a run is logged to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The server's address.
    pub(super) server: String,
    /// The experiment's name.
    pub(super) experiment: String,
    /// The run's number, as the server gave it.
    pub(super) run_id: String,
}

impl Begun {
    /// Reads the file; `None` if it is not there.
    pub(super) fn read(file: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(file, "read")(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| Error::Setting {
            key: file.display().to_string(),
            expected: "the MLflow run that this run is logged to".into(),
            found: error.to_string(),
        })
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).expect("plain text always serialises");
        text.push(b'\n');
        crate::files::write_atomically(file, &text)
    }
}

/// What is logged, before it has a number.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) experiment: String,
    pub(super) name: String,
    /// Where the run lies, for people.
    pub(super) folder: String,
    /// Names and values.
    pub(super) settings: Vec<(String, String)>,
    /// The run that this one goes on with.
    pub(super) before: Option<Begun>,
    /// Where its number is kept.
    pub(super) file: PathBuf,
}

impl Run {
    /// Takes up the run that was there before: false if the server does not have it any more.
    pub(super) fn take_up(
        &self,
        client: &Client,
        before: &Begun,
    ) -> std::result::Result<bool, Failure> {
        let body = json!({ "run_id": before.run_id, "status": "RUNNING" });
        match client.post("runs/update", &body) {
            Ok(_) => Ok(true),
            // Removed for good, or put among what is removed.
            Err(Failure::Refused { code, .. })
                if ["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"]
                    .contains(&code.as_str()) =>
            {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Makes a run, and the experiment if it is not there; returns the run's number.
    pub(super) fn make(&self, client: &Client) -> std::result::Result<String, Failure> {
        let experiment = match self.find_experiment(client)? {
            Some(id) => id,
            None => self.make_experiment(client)?,
        };
        let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
        let body = json!({
            "experiment_id": experiment,
            "run_name": self.name,
            "start_time": now(),
            "tags": [
                tag("mlflow.runName", &self.name),
                tag("mlflow.source.name", "maskwright train"),
                tag("maskwright.version", env!("CARGO_PKG_VERSION")),
                tag("maskwright.folder", &self.folder),
            ],
        });
        text(&client.post("runs/create", &body)?, "/run/info/run_id")
    }

    fn find_experiment(&self, client: &Client) -> std::result::Result<Option<String>, Failure> {
        let name = ("experiment_name", self.experiment.as_str());
        match client.get("experiments/get-by-name", name) {
            Ok(answer) => text(&answer, "/experiment/experiment_id").map(Some),
            Err(Failure::Refused { code, .. }) if code == "RESOURCE_DOES_NOT_EXIST" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn make_experiment(&self, client: &Client) -> std::result::Result<String, Failure> {
        match client.post("experiments/create", &json!({ "name": self.experiment })) {
            Ok(answer) => text(&answer, "/experiment_id"),
            // Another run was faster.
            Err(Failure::Refused { code, message }) if code == "RESOURCE_ALREADY_EXISTS" => {
                self.find_experiment(client)?.ok_or(Failure::Refused { code, message })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Sends the settings as parameters; returns how many were refused. A parameter never changes on the server, so what a
    /// resumed run has changed is among them.
    pub(super) fn send_settings(
        &self,
        client: &Client,
        run: &str,
    ) -> std::result::Result<usize, Failure> {
        let mut refused = 0;
        for some in self.settings.chunks(PARAMETERS) {
            let parameters: Vec<Value> =
                some.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
            match client.post("runs/log-batch", &json!({ "run_id": run, "params": parameters })) {
                Ok(_) => {}
                // One that is refused takes the others with it.
                Err(Failure::Refused { .. }) => {
                    for (key, value) in some {
                        let body = json!({ "run_id": run, "key": key, "value": value });
                        match client.post("runs/log-parameter", &body) {
                            Ok(_) => {}
                            Err(Failure::Refused { .. }) => refused += 1,
                            Err(failure) => return Err(failure),
                        }
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(refused)
    }

    /// Tells how the run ended.
    pub(super) fn end(
        client: &Client,
        run: &str,
        ending: Ending,
    ) -> std::result::Result<(), Failure> {
        let body = json!({ "run_id": run, "status": ending.status(), "end_time": now() });
        client.post("runs/update", &body).map(drop)
    }
}

/// A text in an answer.
fn text(answer: &Value, place: &str) -> std::result::Result<String, Failure> {
    let found = answer.pointer(place).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Failure::Refused {
        code: String::new(),
        message: format!("the answer has no {place}: no MLflow server"),
    })
}
