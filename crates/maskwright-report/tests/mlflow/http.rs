//! A small HTTP server that answers MLflow's calls as a test says, one connection per request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What a server was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// What is behind `/api/2.0/mlflow/`.
    pub(crate) call: String,
    /// What is behind the question mark.
    pub(crate) query: String,
    /// The header `Authorization`.
    pub(crate) authorization: String,
    /// The body; null if there was none.
    pub(crate) body: Value,
}

/// What it answers.
pub(crate) enum Answer {
    /// A status and a body.
    Text(u16, &'static str),
    /// A status and a document.
    Json(u16, Value),
    /// The connection ends without an answer.
    Nothing,
    /// The connection stays open, and nothing comes.
    Never,
}

impl Answer {
    pub(crate) fn json(status: u16, document: Value) -> Self {
        Self::Json(status, document)
    }
}

/// A server that goes with the test.
pub(crate) struct HttpServer {
    name: String,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    ends: Arc<AtomicBool>,
}

impl HttpServer {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (requests, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (seen, over) = (Arc::clone(&requests), Arc::clone(&ends));
        std::thread::spawn(move || {
            // Connections that are never answered stay open.
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Some(request) = read(&stream) else { continue };
                let answer = answer(&request);
                seen.lock().expect("a list").push(request);
                match answer {
                    Answer::Text(status, text) => write(&stream, status, text),
                    Answer::Json(status, document) => write(&stream, status, &document.to_string()),
                    Answer::Nothing => {}
                    Answer::Never => open.push(stream),
                }
            }
        });
        Self { name: format!("http://{address}"), address, requests, ends }
    }

    pub(crate) fn address(&self) -> &str {
        &self.name
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("a list").clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread, which closes the port.
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?.strip_prefix("/api/2.0/mlflow/")?.to_owned();
    let (call, query) = target.split_once('?').unwrap_or((&target, ""));
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Request { call: call.to_owned(), query: query.to_owned(), authorization, body })
}

fn write(mut stream: &TcpStream, status: u16, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes());
}
