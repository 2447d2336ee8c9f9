//! Answers and their headers.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// What pages of the studio may load: their own files, and pictures that they make.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a run's report may do, which has its script and its pictures inside and says by their sums which these are: nothing here.
const REPORT_POLICY: &str = "sandbox allow-scripts; frame-ancestors 'self'";

/// What is sent.
pub(crate) enum Body {
    Bytes(Vec<u8>),
    Static(&'static [u8]),
    /// Events, until whoever sends them ends.
    Events(Receiver<Arc<str>>),
}

/// An answer.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: Body,
    /// Headers beside those that every answer has.
    pub(crate) headers: Vec<(&'static str, String)>,
    policy: &'static str,
}

impl Response {
    /// An answer of some type.
    pub(crate) fn new(status: u16, kind: &'static str, body: Body) -> Self {
        Self { status, kind, body, headers: Vec::new(), policy: POLICY }
    }

    /// A document.
    pub(crate) fn json(status: u16, document: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(document).unwrap_or_default();
        Self::new(status, "application/json", Body::Bytes(bytes))
    }

    /// A picture that stays what it is while its key does.
    pub(crate) fn jpeg(bytes: Vec<u8>, key: &str) -> Self {
        Self::new(200, "image/jpeg", Body::Bytes(bytes)).tagged(key)
    }

    /// A page that is sealed off from the studio.
    pub(crate) fn report(bytes: Vec<u8>) -> Self {
        Self {
            policy: REPORT_POLICY,
            ..Self::new(200, "text/html; charset=utf-8", Body::Bytes(bytes))
        }
    }

    /// With an ETag, which browsers ask by whether they have it already.
    pub(crate) fn tagged(mut self, key: &str) -> Self {
        self.headers.push(("ETag", format!("\"{key}\"")));
        self
    }

    /// With a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same without its content, if `known` is what the browser has.
    pub(crate) fn unless_known(self, known: Option<&str>) -> Self {
        let tag = self.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, tag)| tag);
        let same = tag.zip(known).is_some_and(|(tag, known)| {
            known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
        });
        match same && self.status == 200 {
            true => Self { status: 304, body: Body::Static(b""), ..self },
            false => self,
        }
    }

    /// Writes the head; of a body whose length is known, that too.
    pub(crate) fn write(&self, to: &mut impl Write, keep_alive: bool) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nX-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\nContent-Security-Policy: {}\r\n\
             Cache-Control: {}\r\n",
            self.status,
            reason(self.status),
            self.kind,
            self.policy,
            if self.headers.iter().any(|(name, _)| *name == "ETag") {
                "no-cache"
            } else {
                "no-store"
            },
        );
        for (name, value) in &self.headers {
            // A line break would begin another header.
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let bytes: &[u8] = match &self.body {
            Body::Bytes(bytes) => bytes,
            Body::Static(bytes) => bytes,
            Body::Events(_) => {
                head.push_str("Connection: close\r\nX-Accel-Buffering: no\r\n\r\n");
                to.write_all(head.as_bytes())?;
                return to.flush();
            }
        };
        let connection = if keep_alive { "keep-alive" } else { "close" };
        head.push_str(&format!(
            "Content-Length: {}\r\nConnection: {connection}\r\n\r\n",
            bytes.len()
        ));
        to.write_all(head.as_bytes())?;
        to.write_all(bytes)?;
        to.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}

/// What a text or a file is called by: the first half of its SHA-256, in hexadecimal digits.
pub(crate) fn key_of(parts: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    sum.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The title of a problem of this status.
pub(crate) fn title(status: u16) -> &'static str {
    reason(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response) -> String {
        let mut bytes = Vec::new();
        response.write(&mut bytes, true).expect("written");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_value_begins_no_other_header() {
        let text = written(&Response::json(200, &1).with("Location", "/a\r\nSet-Cookie: x"));
        assert!(text.contains("Location: /aSet-Cookie: x\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n1"), "{text}");
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let picture = || Response::jpeg(vec![1, 2], "k");
        assert_eq!(picture().unless_known(Some("\"j\", W/\"k\"")).status, 304);
        assert_eq!(picture().unless_known(Some("\"kk\"")).status, 200);
        assert!(written(&picture()).contains("Cache-Control: no-cache\r\n"));
    }

    #[test]
    fn keys_differ_by_where_their_parts_end() {
        assert_ne!(key_of(&[b"ab", b"c"]), key_of(&[b"a", b"bc"]));
    }
}
