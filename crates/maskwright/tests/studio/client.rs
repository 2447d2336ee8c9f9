//! The program as a server, and requests over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Place, trained, works};

/// A data set of four photographs with masks, a model, and a studio that shows them.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) url: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {text}", self.status))
    }

    /// The answer, which has to be a good one.
    pub(crate) fn good(self) -> Value {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert!((200..300).contains(&self.status), "{} {text}", self.status);
        self.json()
    }
}

/// Photographs, their masks, and a model that was trained for a moment.
pub(crate) fn place_with_model() -> (Place, String) {
    let place = Place::new();
    let run = place.text("runs/first");
    let args = trained(&place, &run);
    works(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let checkpoint = place.text("runs/first/sam_hq_epoch_0.safetensors");
    (place, checkpoint)
}

impl Server {
    /// Starts a studio in a place, its folders there.
    pub(crate) fn start(place: &Place, data: &[&str], more: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maskwright"));
        Self::of(command.args(Self::args(place, data, more)), place)
    }

    pub(crate) fn args(place: &Place, data: &[&str], more: &[&str]) -> Vec<String> {
        let (runs, corrections) = (place.text("runs"), place.text("corrections"));
        let own = ["--runs", &runs, "--corrections", &corrections, "--no-open"];
        let port: &[&str] = if more.contains(&"--port") { &[] } else { &["--port", "0"] };
        let all = ["studio"].iter().chain(data).chain(&own).chain(port).chain(more);
        all.map(|arg| (*arg).to_owned()).collect()
    }

    /// Starts a command that becomes a studio.
    pub(crate) fn of(command: &mut Command, place: &Place) -> Server {
        command.env("XDG_CACHE_HOME", place.join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut printed = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let url = loop {
            let mut line = String::new();
            let read = out.read_line(&mut line).expect("a line");
            if let Some(url) = line.trim().strip_prefix("the studio is at ") {
                break url.to_owned();
            }
            printed += &line;
            if read == 0 {
                let mut said = String::new();
                let _ = child.stderr.take().expect("its words").read_to_string(&mut said);
                panic!("{printed}{said}");
            }
        };
        let port = url.split(':').nth(2).and_then(|rest| rest.split('/').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        Server { child, port, url }
    }

    /// Sends bytes as they are, and reads what is answered until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        raw(self.port, bytes)
    }

    /// A request with a body of JSON, as the page sends it, and with further headers.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value, headers: &str) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let writes = match method {
            "GET" => String::new(),
            _ => "X-Maskwright: 1\r\nContent-Type: application/json\r\n".into(),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{writes}{headers}\
             Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        self.raw(head.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null, "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body, "")
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, body, "")
    }

    /// Waits until an address says what is waited for.
    pub(crate) fn until(&self, path: &str, what: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let found = self.get(path).good();
            if what(&found) {
                return found;
            }
            assert!(Instant::now() < until, "{path}: {found}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the model is there.
    pub(crate) fn with_model(self) -> Server {
        self.until("/api/state", |state| !state["model"].is_null());
        self
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = format!("kill -s {name} {id}");
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("it starts");
        assert!(sent.success());
    }

    /// Waits until the server has ended, and returns its status and how long that took.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        let status = self.child.wait().expect("it ends");
        (status.code(), start.elapsed())
    }

    /// What it said on standard error; it has to have ended.
    pub(crate) fn said(&mut self) -> String {
        let _ = self.child.wait();
        let mut said = String::new();
        if let Some(mut words) = self.child.stderr.take() {
            words.read_to_string(&mut said).expect("text");
        }
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes to a port, and reads what is answered until the server closes.
pub(crate) fn raw(port: u16, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(180))).expect("set");
    // A server that refuses may close before all is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&answer)));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head, body: answer[end + 4..].to_vec() }
}

/// A square as the page sends it.
pub(crate) fn square(x: usize, y: usize, side: usize) -> Value {
    json!({ "x": x, "y": y, "width": side, "height": side, "runs": [0, side * side] })
}

/// An object as the page sends it.
pub(crate) fn object(name: &str, mask: &Value) -> Value {
    json!({ "name": name, "colour": "#33aa77", "mask": mask, "clicks": 1, "predicted_iou": 0.9 })
}

/// The files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in listing {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found.sort();
    found
}
