//! Whom a request may come from.
//!
//! A page of a stranger can make a browser on this machine send requests here. It cannot choose their `Host`, unless its own name
//! leads here (DNS rebinding); then the `Host` is that name, and no name but `localhost` is taken. It cannot add a header of its own without
//! asking first, which nobody answers; so writes need one. Whoever sits at another machine needs the token.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;

use super::Response;
use super::asked::Asked;
use crate::key::key_of;

/// The cookie that holds the token.
const NAME: &str = "maskwright-studio";

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Guard {
    address: SocketAddr,
    /// What is asked for, where the address is not this machine's own.
    token: Option<String>,
}

/// What is said instead of an answer.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    Refuse(u16, &'static str),
    /// The token was in the address: it becomes a cookie.
    Enter,
}

impl Guard {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// The address to open.
    pub(crate) fn url(&self) -> String {
        match &self.token {
            Some(token) => format!("http://{}/?token={token}", self.address),
            None => format!("http://{}/", self.address),
        }
    }

    /// Whether a request may pass, by its head and what its query asks for.
    pub(crate) fn judge(&self, head: &Parts, asked: &Asked) -> Verdict {
        let Some(host) = header(head, &HOST).filter(|host| self.is_own(host)) else {
            return Verdict::Refuse(421, "the Host is not one that the studio listens on");
        };
        if head.headers.contains_key(ORIGIN) {
            let own = header(head, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
            if own.is_none_or(|origin| !origin.eq_ignore_ascii_case(host)) {
                return Verdict::Refuse(403, "the Origin is another one");
            }
        }
        let at_door = head.uri.path() == "/";
        let site = header(head, &HeaderName::from_static("sec-fetch-site"));
        if site.is_some_and(|site| site == "cross-site") && !at_door {
            return Verdict::Refuse(403, "the request comes from another site");
        }
        if let Some(token) = &self.token {
            let same = |given: &str| key_of(&[given.as_bytes()]) == key_of(&[token.as_bytes()]);
            if at_door && head.method == Method::GET && asked.text("token").is_some_and(same) {
                return Verdict::Enter;
            }
            if !cookie(head).is_some_and(same) {
                return Verdict::Refuse(401, "open the address that was printed, with its token");
            }
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            if header(head, &HeaderName::from_static("x-maskwright")) != Some("1") {
                return Verdict::Refuse(403, "writes need the header X-Maskwright: 1");
            }
            let kind = header(head, &CONTENT_TYPE).and_then(|kind| kind.split(';').next());
            if kind.is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
                return Verdict::Refuse(415, "writes are application/json");
            }
        }
        Verdict::Pass
    }

    /// The answer that makes the token a cookie and the address plain.
    pub(crate) fn enter(&self) -> Response {
        let token = self.token.as_deref().unwrap_or_default();
        let cookie = format!("{NAME}={token}; Path=/; HttpOnly; SameSite=Strict");
        (StatusCode::SEE_OTHER, [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie)]).into_response()
    }

    /// Whether a host is what the studio listens on: an address, never a name, for names can be made to lead here.
    fn is_own(&self, host: &str) -> bool {
        let port = self.address.port();
        let listens_on = self.address.ip();
        if let Ok(asked) = host.parse::<SocketAddr>() {
            let same = asked.ip() == listens_on || listens_on.is_unspecified();
            let loopback = asked.ip().is_loopback() && listens_on.is_loopback();
            return asked.port() == port && (same || loopback);
        }
        // Browsers leave 80 out.
        if port == 80
            && let Ok(asked) = host.parse::<IpAddr>()
        {
            return asked == listens_on || listens_on.is_unspecified();
        }
        let local = host.to_ascii_lowercase();
        let local = local.strip_prefix("localhost").unwrap_or("another");
        let is_local = local == format!(":{port}") || (port == 80 && local.is_empty());
        is_local && (listens_on.is_loopback() || listens_on.is_unspecified())
    }
}

/// A header that comes once and is text.
fn header<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next()?;
    match values.next() {
        Some(_) => None,
        None => first.to_str().ok().map(str::trim),
    }
}

/// The cookie of a request.
fn cookie(head: &Parts) -> Option<&str> {
    let cookies = header(head, &COOKIE)?.split(';');
    cookies
        .filter_map(|one| one.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_hosts() {
        let guard = Guard::new("127.0.0.1:7860".parse().expect("an address"), None);
        for host in ["127.0.0.1:7860", "localhost:7860", "LOCALHOST:7860", "[::1]:7860"] {
            assert!(guard.is_own(host), "{host}");
        }
        let strange = [
            "evil.example:7860",
            "localhost.evil.example:7860",
            "127.0.0.1",
            "127.0.0.1:80",
            "192.168.1.2:7860",
            "localhost:7860:1",
            "",
        ];
        for host in strange {
            assert!(!guard.is_own(host), "{host}");
        }
        let open = Guard::new("0.0.0.0:7860".parse().expect("an address"), Some("t".into()));
        assert!(open.is_own("192.168.1.2:7860") && open.is_own("localhost:7860"));
        assert!(!open.is_own("evil.example:7860") && !open.is_own("192.168.1.2:7861"));
        assert_eq!(open.url(), "http://0.0.0.0:7860/?token=t");
    }
}
