//! Requests as the page sends them, each over a connection of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the studio listens.
pub(super) struct Client {
    port: u16,
}

/// Events as they come; dropped as by a window that is closed.
pub(super) struct Events(BufReader<TcpStream>);

impl Client {
    pub(super) fn new(port: u16) -> Self {
        Self { port }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<TcpStream, String> {
        let failed = |error: std::io::Error| format!("{method} {path}: {error}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let writes = match method {
            "GET" => "",
            _ => {
                "X-Maskwright: 1\r\nX-Maskwright-Client: soak\r\nContent-Type: application/json\r\n"
            }
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{writes}Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(failed)?;
        Ok(stream)
    }

    /// The body of an answer, whose status has to be a good one or among `also`.
    pub(super) fn bytes(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        also: &[u16],
    ) -> Result<(u16, Vec<u8>), String> {
        let mut stream = self.send(method, path, body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(|error| format!("{method} {path}: {error}"))?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or_else(|| format!("{method} {path}: no answer"))?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        let status = status.ok_or_else(|| format!("{method} {path}: {head}"))?;
        let body = answer.split_off(end + 4);
        if !(200..300).contains(&status) && !also.contains(&status) {
            let said = String::from_utf8_lossy(&body).into_owned();
            return Err(format!("{method} {path}: status {status}: {said}"));
        }
        Ok((status, body))
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        let (_, body) = self.bytes("GET", path, None, &[])?;
        serde_json::from_slice(&body).map_err(|error| format!("GET {path}: {error}"))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let (_, body) = self.bytes("POST", path, Some(body), &[])?;
        serde_json::from_slice(&body).map_err(|error| format!("POST {path}: {error}"))
    }

    /// A window that listens.
    pub(super) fn events(&self) -> Result<Events, String> {
        let mut lines = BufReader::new(self.send("GET", "/api/events?client=soak", None)?);
        let mut line = String::new();
        while !line.starts_with(": maskwright") {
            line.clear();
            let read = lines.read_line(&mut line).map_err(|error| format!("events: {error}"))?;
            if read == 0 {
                return Err("events: the stream ended".into());
            }
        }
        Ok(Events(lines))
    }
}

impl Events {
    /// Reads until an event of this type comes.
    pub(super) fn until(&mut self, what: &str) -> Result<(), String> {
        let wanted = format!("\"type\":\"{what}\"");
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).map_err(|error| format!("{what}: {error}"))?;
            if read == 0 {
                return Err(format!("{what}: the stream ended"));
            }
            if line.contains(&wanted) {
                return Ok(());
            }
        }
    }
}
