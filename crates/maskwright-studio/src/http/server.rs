//! The socket and its connections: a thread for each, and no more than there should be.

use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::request::{Connection, NoRequest, Request};
use super::response::{Body, Response};
use crate::error::{Error, Result};

/// Connections at once; a browser opens six for each window.
const CONNECTIONS: usize = 128;
/// Ports after the one asked for that are tried.
const PORTS: u16 = 20;
/// A quiet stream says that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Memory for the stack of a connection's thread, which is taken as it is used.
const STACK: usize = 8 << 20;
/// How long the end waits for answers that are being written.
const FAREWELL: Duration = Duration::from_millis(1200);

/// What answers requests.
pub(crate) trait Answer: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: &Request) -> Response;

    /// The answer to what is no request.
    fn refuse(&self, status: u16, why: &str) -> Response;

    /// Ends streams.
    fn end(&self);
}

/// Binds the port, or the next one that is free.
///
/// # Errors
/// [`Error::Listen`] where none of some is free, or the address is not this machine's.
pub(crate) fn bind(host: IpAddr, port: u16) -> Result<TcpListener> {
    let last = port.saturating_add(if port == 0 { 0 } else { PORTS });
    let mut failed = None;
    for port in port..=last {
        let address = SocketAddr::new(host, port);
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(source) => {
                let used = source.kind() == std::io::ErrorKind::AddrInUse;
                let error = Error::Listen { address: address.to_string(), source };
                if !used {
                    return Err(error);
                }
                failed.get_or_insert(error);
            }
        }
    }
    Err(failed.unwrap_or_else(|| Error::Listen {
        address: host.to_string(),
        source: std::io::ErrorKind::AddrInUse.into(),
    }))
}

/// A server that runs.
pub(crate) struct Running {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
    answers: Arc<dyn Answer>,
}

impl Running {
    /// Begins to answer.
    ///
    /// # Errors
    /// [`Error::Threads`], [`Error::Listen`].
    pub(crate) fn start(listener: TcpListener, answers: Arc<dyn Answer>) -> Result<Self> {
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address: "the socket".into(), source })?;
        let (ends, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let accepting = {
            let (ends, open, answers) = (ends.clone(), open.clone(), answers.clone());
            std::thread::Builder::new()
                .name("studio".into())
                .spawn(move || accept(&listener, &ends, &open, &answers))
                .map_err(|source| Error::Threads { source })?
        };
        Ok(Self { address, ends, open, accepting: Some(accepting), answers })
    }

    /// Stops listening, lets answers under way be written for a moment, and ends streams.
    pub(crate) fn stop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        self.answers.end();
        // The thread that waits for connections gets one.
        let mut own = self.address;
        if own.ip().is_unspecified() {
            own.set_ip(match own {
                SocketAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
                SocketAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            });
        }
        drop(TcpStream::connect_timeout(&own, Duration::from_millis(200)));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let until = Instant::now() + FAREWELL;
        while self.open.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.accepting.is_some() {
            self.stop();
        }
    }
}

/// A connection that is counted while it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn accept(
    listener: &TcpListener,
    ends: &Arc<AtomicBool>,
    open: &Arc<AtomicUsize>,
    answers: &Arc<dyn Answer>,
) {
    for stream in listener.incoming() {
        if ends.load(Ordering::SeqCst) {
            return;
        }
        // Out of file descriptors, or gone again: others may come.
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let before = open.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(open.clone());
        if before >= CONNECTIONS {
            let refused = answers.refuse(503, "too many connections are open");
            let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
            let _ = refused.write(&mut &stream, false);
            continue;
        }
        let (ends, answers) = (ends.clone(), answers.clone());
        let thread = std::thread::Builder::new().name("connection".into()).stack_size(STACK);
        // Without a thread the connection is closed.
        let _ = thread.spawn(move || {
            let _counted = counted;
            if let Ok(connection) = Connection::new(stream) {
                converse(connection, &ends, &*answers);
            }
        });
    }
}

/// Answers one request after the other.
fn converse(mut connection: Connection, ends: &AtomicBool, answers: &dyn Answer) {
    let ending = || ends.load(Ordering::SeqCst);
    loop {
        let request = match connection.next(&ending) {
            Ok(request) => request,
            Err(NoRequest::Ended) => return,
            Err(NoRequest::Refused(status, why)) => {
                let refused = answers.refuse(status, why);
                if refused.write(&mut connection.stream, false).is_ok() {
                    connection.hear_out();
                }
                return;
            }
        };
        // A panic is a bug; it ends one answer, and no other.
        let response = catch_unwind(AssertUnwindSafe(|| answers.answer(&request)))
            .unwrap_or_else(|_| answers.refuse(500, "a bug: the program's output says where"));
        let keeps = request.keep_alive && !ending();
        if response.write(&mut connection.stream, keeps).is_err() {
            return;
        }
        if let Body::Events(_) = response.body {
            stream_events(&mut connection.stream, response);
            return;
        }
        if !keeps {
            return;
        }
    }
}

/// Sends events until there are no more, or nobody listens.
fn stream_events(stream: &mut TcpStream, response: Response) {
    let Body::Events(events) = response.body else { return };
    loop {
        let sent = match events.recv_timeout(HEARTBEAT) {
            Ok(text) => stream.write_all(text.as_bytes()),
            Err(RecvTimeoutError::Timeout) => stream.write_all(b": still here\n\n"),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if sent.and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}
