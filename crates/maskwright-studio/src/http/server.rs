//! The socket, its connections and their limits.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};

/// Connections at once; a browser opens six for each window.
const CONNECTIONS: usize = 128;
/// Ports after the one asked for that are tried.
const PORTS: u16 = 20;
/// Bytes of a request line with its headers.
const HEAD: usize = 16 << 10;
/// Headers of a request.
const HEADERS: usize = 64;
/// How long a connection may be quiet, and how long a head may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Memory for the stack of a thread that answers, which is taken as it is used.
const STACK: usize = 8 << 20;
/// How long the end waits for answers that are being written.
const FAREWELL: Duration = Duration::from_millis(1200);
/// What is said to a connection too many.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\
    Content-Length: 30\r\nConnection: close\r\n\r\ntoo many connections are open\n";

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
    /// Dropped or told, it ends.
    ends: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Running {
    /// Begins to answer by `routes`. One thread waits for all sockets; what answers has threads of its own.
    ///
    /// # Errors
    /// [`Error::Threads`], [`Error::Listen`].
    pub(crate) fn start(listener: TcpListener, routes: Router) -> Result<Self> {
        let listen = |source| Error::Listen { address: "the socket".into(), source };
        listener.set_nonblocking(true).map_err(listen)?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(CONNECTIONS)
            .thread_stack_size(STACK)
            .thread_name("answer")
            .build()
            .map_err(|source| Error::Threads { source })?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(listen)?
        };
        let (ends, ended) = oneshot::channel();
        let serving = std::thread::Builder::new()
            .name("studio".into())
            .spawn(move || serve(runtime, listener, &routes, ended))
            .map_err(|source| Error::Threads { source })?;
        Ok(Self { ends: Some(ends), serving: Some(serving) })
    }

    /// Stops listening and lets answers under way be written for a moment. Streams have to be ended before.
    pub(crate) fn stop(&mut self) {
        drop(self.ends.take());
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(
    runtime: Runtime,
    listener: tokio::net::TcpListener,
    routes: &Router,
    mut ended: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(HEAD)
            .max_headers(HEADERS);
        loop {
            let accepted = tokio::select! {
                _ = &mut ended => break,
                accepted = listener.accept() => accepted,
            };
            // Out of file descriptors, or gone again: others may come.
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Ok(place) = connections.clone().try_acquire_owned() else {
                tokio::spawn(send_away(stream));
                continue;
            };
            // Answers are small, and are waited for.
            let _ = stream.set_nodelay(true);
            let service = TowerToHyperService::new(routes.clone());
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                let _place = place;
                // What is wrong with a connection ends it, and is nobody else's matter.
                let _ = connection.await;
            });
        }
        drop(listener);
        let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    });
    // What still computes is not waited for.
    runtime.shutdown_background();
}

/// Tells a connection that there are too many.
async fn send_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(CROWDED).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_millis(100), told).await;
}
