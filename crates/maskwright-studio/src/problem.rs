//! Errors as `application/problem+json` (RFC 9457), with the fields that the command's JSON has.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::api::Corrections;
use crate::error::Error;
use crate::http::{Response, answer};
use crate::runs::Program;

#[derive(Default, Serialize)]
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

/// The answer that tells of an error, in the program's words.
pub(crate) fn of(program: &dyn Program, error: &Error) -> Response {
    let (detail, blame) = (program.words(error), program.blame(error));
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
    told(Problem {
        status: error.status(),
        detail: &detail,
        code,
        file: blame.file.as_deref(),
        expected: blame.expected.as_deref(),
        found: blame.found.as_deref(),
        current,
        ..Problem::default()
    })
}

/// The answer to a request that is refused as a whole.
pub(crate) fn refused(status: u16, detail: &str) -> Response {
    told(Problem { status, detail, code: "request", ..Problem::default() })
}

fn told(mut problem: Problem<'_>) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem.kind = "about:blank";
    problem.title = status.canonical_reason().unwrap_or("Error");
    let mut told = answer::json(status, &problem);
    let kind = HeaderValue::from_static("application/problem+json");
    told.headers_mut().insert(CONTENT_TYPE, kind);
    told
}
