//! Answers and their headers.

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use tower_http::set_header::SetResponseHeaderLayer;

use super::Response;

/// What pages of the studio may load: their own files, and pictures that they make.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a run's report may do, which has its script and its pictures inside and says by their sums which these are: nothing here.
const REPORT_POLICY: &str = "sandbox allow-scripts; frame-ancestors 'self'";

/// Headers that every answer has, unless it has its own.
const HEADERS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (CACHE_CONTROL, "no-store"),
];

/// Routes whose answers have the headers that every answer has.
pub(crate) fn with_headers(routes: Router) -> Router {
    HEADERS.into_iter().fold(routes, |routes, (name, value)| {
        let value = HeaderValue::from_static(value);
        routes.layer(SetResponseHeaderLayer::if_not_present(name, value))
    })
}

/// Bytes of some type.
pub(crate) fn bytes(kind: &'static str, bytes: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, kind)], bytes.into()).into_response()
}

/// A document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    (status, axum::Json(document)).into_response()
}

/// A document that says what was asked for.
pub(crate) fn good(document: &impl Serialize) -> Response {
    json(StatusCode::OK, document)
}

/// A page that is sealed off from the studio.
pub(crate) fn report(page: Vec<u8>) -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, REPORT_POLICY)];
    (policy, bytes("text/html; charset=utf-8", page)).into_response()
}

/// With an ETag, which browsers ask by whether they have it already: the content stays what it is while its key does.
pub(crate) fn tagged(mut answer: Response, key: &str) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{key}\"")) {
        answer.headers_mut().insert(ETAG, tag);
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    answer
}

/// The same without its content, if that is what the browser has.
pub(crate) fn unless_known(mut answer: Response, asked: &HeaderMap) -> Response {
    let known = asked.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let same = tag.zip(known).is_some_and(|(tag, known)| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    });
    if same && answer.status() == StatusCode::OK {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = Body::empty();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_sent_again() {
        let picture = || tagged(bytes("image/jpeg", vec![1, 2]), "k");
        let asked = |known: &'static str| {
            HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(known))])
        };
        assert_eq!(unless_known(picture(), &asked("\"j\", W/\"k\"")).status(), 304);
        assert_eq!(unless_known(picture(), &asked("\"kk\"")).status(), 200);
        assert_eq!(unless_known(picture(), &HeaderMap::new()).status(), 200);
        assert_eq!(picture().headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(unless_known(good(&1), &asked("\"k\"")).status(), 200);
    }
}
