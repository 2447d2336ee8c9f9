//! The parts of a request: numbers and names of its path, its query, its body, each refused with a problem that says what was expected.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Response;
use crate::error::{Error, Result};
use crate::problem;

/// Bytes of a body: many objects of a large image.
pub(crate) const LARGEST: usize = 64 << 20;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The limit of bodies, as a layer of routes.
pub(crate) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(LARGEST)
}

/// The parts of the path that are not the same for all: numbers, names.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> std::result::Result<Self, Response> {
        let found = Path::from_request_parts(parts, state).await;
        found.map(|Path(found)| Self(found)).map_err(|_| {
            problem::refused(404, "expected numbers and names of the lists in the address")
        })
    }
}

/// The query: what an address asks for beside its path.
#[derive(Debug, Default)]
pub(crate) struct Asked(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Response> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(_) => Err(problem::refused(400, "the query is not one")),
        }
    }
}

impl Asked {
    /// A value that is not empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// Refuses what nobody would look at: a misspelt filter is none.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(crate) fn only(&self, known: &[&str]) -> Result<()> {
        match self.0.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(Error::setting("the query", known.join(", "), key)),
            None => Ok(()),
        }
    }

    /// A value.
    ///
    /// # Errors
    /// [`Error::Setting`] for one that is not what it should be.
    pub(crate) fn value<T: std::str::FromStr>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<Option<T>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Error::setting(key, expected, text))
    }
}

/// A body, with the window that it is from. It is parsed where it is used, which no socket waits for.
pub(crate) struct Sent {
    bytes: Bytes,
    /// The window's name, at most 100 characters.
    pub(crate) client: String,
}

/// The header that names the window.
const CLIENT: &str = "x-maskwright-client";

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Response> {
        let client = request.headers().get(CLIENT).and_then(|name| name.to_str().ok());
        let client = client.unwrap_or_default().chars().take(100).collect();
        match tokio::time::timeout(PATIENCE, Bytes::from_request(request, state)).await {
            Ok(Ok(bytes)) => Ok(Self { bytes, client }),
            Ok(Err(rejection)) => {
                let why = match rejection.status().as_u16() {
                    413 => "the body is longer than 64 MiB",
                    _ => "the body cannot be read",
                };
                Err(problem::refused(rejection.status().as_u16(), why))
            }
            Err(_) => Err(problem::refused(408, "the body took too long")),
        }
    }
}

impl Sent {
    /// What was sent.
    ///
    /// # Errors
    /// [`Error::Setting`] for one that is not what it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| Error::setting("the request", "JSON of its type", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read() {
        let uri = "/api/records?text=x%2By+z&min=1&empty=".parse().expect("an address");
        let Query(pairs) = Query::try_from_uri(&uri).expect("a query");
        let asked = Asked(pairs);
        assert_eq!(asked.text("text"), Some("x+y z"));
        assert_eq!(asked.text("empty"), None);
        assert_eq!(asked.value("min", "a number").expect("one"), Some(1.0));
        let error = asked.value::<usize>("text", "a number").expect_err("no number");
        assert_eq!(error.to_string(), "text: expected a number, found x+y z");
    }
}
