//! Requests to an MLflow server, and what comes back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use super::server::{Credentials, Server};

/// The longest message of a server that is repeated.
const LONGEST: usize = 300;

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer, or none for now: another try may work.
    Passing(String),
    /// The server understood and refused: another try would be refused, too.
    Refused {
        /// MLflow's name for the reason; empty where the answer is not MLflow's.
        code: String,
        message: String,
    },
}

/// What MLflow says when it refuses.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

/// A server's REST interface.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    server: Server,
    authorization: Option<String>,
}

impl Client {
    /// `answer` is the longest time for one request.
    pub(super) fn new(server: Server, credentials: Option<&Credentials>, answer: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(answer))
            .http_status_as_error(false)
            .user_agent(concat!("maskwright/", env!("CARGO_PKG_VERSION")))
            .build();
        let authorization = credentials.map(Credentials::header);
        Self { agent: config.into(), server, authorization }
    }

    /// Calls what reads, with one parameter.
    pub(super) fn get(&self, call: &str, (key, value): (&str, &str)) -> Result<Value, Failure> {
        let mut request = self.agent.get(self.server.call(call)).query(key, value);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        answer(request.call())
    }

    /// Calls what writes.
    pub(super) fn post(&self, call: &str, body: &impl Serialize) -> Result<Value, Failure> {
        let mut request = self.agent.post(self.server.call(call));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        answer(request.send_json(body))
    }
}

fn answer(response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value, Failure> {
    let mut response = response.map_err(|error| Failure::Passing(error.to_string()))?;
    let status = response.status();
    let body = response.body_mut().read_to_vec();
    let body = body.map_err(|error| Failure::Passing(error.to_string()))?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| Failure::Refused {
            code: String::new(),
            message: "the answer is no JSON: no MLflow server".into(),
        });
    }
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    let mut said: String = refusal.message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = said.char_indices().nth(LONGEST) {
        said.truncate(end);
        said.push_str(" ...");
    }
    let message = match said.is_empty() {
        true => format!("status {status}"),
        false => format!("status {status}: {said}"),
    };
    // Too many requests, and a server that is not well.
    if status.as_u16() == 429 || status.is_server_error() {
        return Err(Failure::Passing(message));
    }
    Err(Failure::Refused { code: refusal.error_code, message })
}
