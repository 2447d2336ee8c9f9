//! Reading a request, within limits of size and time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Bytes of a request line with its headers.
const MAX_HEAD: usize = 16 << 10;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a body: many objects of a large image.
const MAX_BODY: usize = 64 << 20;
/// How long a head or a body may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(60);
/// How often a connection that waits looks whether the server ends.
const TICK: Duration = Duration::from_millis(200);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    /// Anything else, which no address takes.
    Other,
}

impl Method {
    /// Whether it changes something.
    pub(crate) fn writes(self) -> bool {
        self != Self::Get
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The parts of the path, unescaped; none of them is empty or leads elsewhere.
    pub(crate) path: Vec<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum NoRequest {
    /// The connection ended, or nothing came.
    Ended,
    /// What came is refused with this status.
    Refused(u16, &'static str),
}

impl From<io::Error> for NoRequest {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// A connection, and what was read of its next request already.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, ahead: Vec::new() })
    }

    /// The next request; `ends` is asked while none comes.
    pub(crate) fn next(
        &mut self,
        ends: &dyn Fn() -> bool,
    ) -> std::result::Result<Request, NoRequest> {
        let head = self.head(ends)?;
        let (mut request, length) = parse(&head)?;
        if length > MAX_BODY {
            return Err(NoRequest::Refused(413, "the body is longer than 64 MiB"));
        }
        let expects = request.header("expect").is_some();
        if expects && self.ahead.len() < length {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let until = Instant::now() + PATIENCE;
        while self.ahead.len() < length {
            self.more(until, ends)?;
        }
        request.body = self.ahead.drain(..length).collect();
        Ok(request)
    }

    /// The bytes up to the empty line, which is among them.
    fn head(&mut self, ends: &dyn Fn() -> bool) -> std::result::Result<Vec<u8>, NoRequest> {
        let (idle, mut until) = (Instant::now() + IDLE, None);
        let mut seen = 0;
        loop {
            let from = seen.min(self.ahead.len()).saturating_sub(3);
            if let Some(at) = self.ahead[from..].windows(4).position(|four| four == b"\r\n\r\n") {
                let end = from + at + 4;
                return match end <= MAX_HEAD {
                    true => Ok(self.ahead.drain(..end).collect()),
                    false => Err(NoRequest::Refused(431, "the headers are longer than 16 KiB")),
                };
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(NoRequest::Refused(431, "the headers are longer than 16 KiB"));
            }
            seen = self.ahead.len();
            if seen > 0 {
                until.get_or_insert(Instant::now() + PATIENCE);
            }
            self.more(until.unwrap_or(idle), ends)?;
        }
    }

    /// Reads what is still on its way, for a moment: a connection that is closed before may lose the answer.
    pub(crate) fn hear_out(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = self.stream.set_read_timeout(Some(TICK));
        let (until, mut bytes) = (Instant::now() + 5 * TICK, [0; 16 << 10]);
        while Instant::now() < until && self.stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
    }

    /// Waits for more bytes.
    fn more(
        &mut self,
        until: Instant,
        ends: &dyn Fn() -> bool,
    ) -> std::result::Result<(), NoRequest> {
        let mut bytes = [0; 16 << 10];
        loop {
            self.stream.set_read_timeout(Some(TICK))?;
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(NoRequest::Ended),
                Ok(count) => {
                    self.ahead.extend_from_slice(&bytes[..count]);
                    return Ok(());
                }
                Err(error) if is_timeout(&error) => {
                    if ends() || Instant::now() > until {
                        return Err(match self.ahead.is_empty() {
                            true => NoRequest::Ended,
                            false => NoRequest::Refused(408, "the request took too long"),
                        });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether nothing came in time; systems call it by two names.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A request without its body, and how long that is.
fn parse(head: &[u8]) -> std::result::Result<(Request, usize), NoRequest> {
    let refused = |why| NoRequest::Refused(400, why);
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(NoRequest::Refused(431, "there are more than 64 headers"));
        }
        _ => return Err(refused("this is no HTTP request")),
    }
    let method = match parsed.method {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        _ => Method::Other,
    };
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, Vec<u8>)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
        .collect();
    let path = parts(path).ok_or_else(|| refused("the path leads nowhere"))?;
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((unescaped(key, true)?, unescaped(value, true)?))
    });
    let query: Option<Vec<_>> = query.collect();
    let query = query.ok_or_else(|| refused("the query is not UTF-8"))?;
    let keeps = parsed.version == Some(1);
    let mut request = Request { method, path, query, headers, body: Vec::new(), keep_alive: keeps };
    if request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        request.keep_alive = false;
    }
    if request.all("transfer-encoding").next().is_some() {
        return Err(NoRequest::Refused(501, "bodies come with a Content-Length"));
    }
    let lengths: Vec<&[u8]> = request.all("content-length").collect();
    let length = match lengths[..] {
        [] => 0,
        [length] if length.iter().all(u8::is_ascii_digit) => {
            let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
            length.ok_or_else(|| refused("Content-Length is no number"))?
        }
        _ => return Err(refused("Content-Length is no number")),
    };
    Ok((request, length))
}

/// The parts of a path; none if it could lead anywhere else.
fn parts(path: &str) -> Option<Vec<String>> {
    let parts = path.strip_prefix('/')?.split('/').filter(|part| !part.is_empty());
    let part = |part: &str| {
        let part = unescaped(part, false)?;
        let harmless = !part.contains(['/', '\\', '\0']) && part != "." && part != "..";
        harmless.then_some(part)
    };
    parts.map(part).collect()
}

/// A text without its escapes.
fn unescaped(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                (16 * high + low) as u8
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Request {
    /// All values of a header, whose name is in small letters.
    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let own = self.headers.iter().filter(|(known, _)| known == name);
        own.map(|(_, value)| &**value).collect::<Vec<_>>().into_iter()
    }

    /// A header that comes once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let first = values.next()?;
        if values.next().is_some() {
            return None;
        }
        std::str::from_utf8(first).ok().map(str::trim)
    }

    /// Whether a header is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// A value of the query that is not empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// A value of the query.
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

    /// The body.
    ///
    /// # Errors
    /// [`Error::Setting`] for one that is not what it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::setting("the request", "JSON of its type", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> (u16, &'static str) {
        match parse(head.as_bytes()) {
            Err(NoRequest::Refused(status, why)) => (status, why),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_read() {
        let head = "PUT /api/records/7/a%20b?text=x%2By+z&min=1 HTTP/1.1\r\nHost: here\r\n\
                    Content-Length: 12\r\nX-Maskwright: 1\r\n\r\n";
        let (request, length) = parse(head.as_bytes()).expect("a request");
        assert_eq!((request.method, length), (Method::Put, 12));
        assert_eq!(request.path, ["api", "records", "7", "a b"]);
        assert_eq!(request.text("text"), Some("x+y z"));
        assert_eq!(request.value("min", "a number").expect("one"), Some(1.0));
        assert!(request.value::<usize>("text", "a number").is_err());
        assert_eq!(request.header("host"), Some("here"));
        assert!(request.keep_alive);
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for path in ["/../x", "/a/%2e%2e/b", "/a%2Fb", "/a%5cb", "/a%00", "x", "/%ff", "/%4"] {
            let (status, why) = refused(&format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n"));
            assert_eq!((status, why), (400, "the path leads nowhere"), "{path}");
        }
    }

    #[test]
    fn a_request_has_one_end() {
        let head = |headers: &str| format!("POST / HTTP/1.1\r\nHost: here\r\n{headers}\r\n");
        let chunked = head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n");
        assert_eq!(refused(&chunked).0, 501);
        for lengths in ["3\r\nContent-Length: 3", "+3", "3, 3", "-1", "99999999999999999999", "0x3"]
        {
            assert_eq!(
                refused(&head(&format!("Content-Length: {lengths}\r\n"))).0,
                400,
                "{lengths}"
            );
        }
        assert_eq!(refused("GET / HTTP/1.1\r\nHost here\r\n\r\n").0, 400);
        assert_eq!(refused(&head(&"A: b\r\n".repeat(70))).0, 431);
    }
}
