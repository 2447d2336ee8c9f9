//! Work without the GIL that Ctrl-C ends soon.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use maskwright_image::mask::many;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::to_python;

/// How long Python waits before it looks for signals.
const TICK: Duration = Duration::from_millis(50);

/// Nanoseconds of work between two looks for signals.
const PIECE: usize = 50_000_000;

/// How many items that take so many nanoseconds are done between two looks for signals.
pub(crate) fn piece(nanoseconds: usize) -> usize {
    (PIECE / nanoseconds.max(1)).clamp(4, 1 << 16)
}

/// Applies `work` to every item on all threads, without the GIL; between pieces of the list signals are looked for. An
/// item takes about so many `nanoseconds`.
pub(crate) fn in_pieces<T: Sync, R: Send>(
    py: Python<'_>,
    items: &[T],
    nanoseconds: usize,
    work: impl Fn(&T) -> maskwright_image::Result<R> + Sync + Send,
) -> PyResult<Vec<R>> {
    let mut done = Vec::with_capacity(items.len());
    for items in items.chunks(piece(nanoseconds)) {
        for result in py.detach(|| many::each(items, nanoseconds, &work)) {
            let index = done.len();
            done.push(result.map_err(|error| to_python(error.at(index)))?);
        }
        py.check_signals()?;
    }
    Ok(done)
}

/// Does one piece of work on a thread of its own. Where a signal's handler raises, as that of Ctrl-C does, its exception comes out at
/// once, and the thread ends when its work does, of which nobody hears any more.
pub(crate) fn on_thread<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (send, mut receive) = mpsc::channel();
    let working = thread::Builder::new().name("maskwright".into()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = send.send(work());
    });
    let working = working
        .map_err(|error| PyRuntimeError::new_err(format!("cannot start a thread: {error}")))?;
    loop {
        let (waited, back) = py.detach(move || (receive.recv_timeout(TICK), receive));
        receive = back;
        match waited {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // Only a bug ends the thread without a result; it is Python's to tell.
    match working.join() {
        Err(panic) => std::panic::resume_unwind(panic),
        Ok(()) => Err(PyRuntimeError::new_err("a thread ended without a result")),
    }
}
