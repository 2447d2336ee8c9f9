//! Errors as `application/problem+json` (RFC 9457), with the fields that the command's JSON has.

use serde::Serialize;

use crate::api::Corrections;
use crate::error::Error;
use crate::http::response::title;
use crate::http::{Body, Response};
use crate::runs::Blame;

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    /// What was saved meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a Corrections>,
}

/// The answer that tells of an error.
pub(crate) fn of(error: &Error, detail: &str, blame: &Blame) -> Response {
    let current = match error {
        Error::Conflict { current, .. } => Some(&**current),
        _ => None,
    };
    let code = match error {
        Error::Conflict { .. } => "conflict",
        Error::Busy { .. } => "busy",
        Error::NoModel { .. } => "no_model",
        Error::Missing { .. } => "missing",
        _ if error.status() == 507 => "disk_full",
        _ => &blame.code,
    };
    answer(&Problem {
        kind: "about:blank",
        title: title(error.status()),
        status: error.status(),
        detail,
        code,
        file: blame.file.as_deref(),
        expected: blame.expected.as_deref(),
        found: blame.found.as_deref(),
        current,
    })
}

/// The answer to a request that is refused as a whole.
pub(crate) fn refused(status: u16, detail: &str) -> Response {
    answer(&Problem {
        kind: "about:blank",
        title: title(status),
        status,
        detail,
        code: "request",
        file: None,
        expected: None,
        found: None,
        current: None,
    })
}

fn answer(problem: &Problem<'_>) -> Response {
    let bytes = serde_json::to_vec(problem).unwrap_or_default();
    Response::new(problem.status, "application/problem+json", Body::Bytes(bytes))
}
