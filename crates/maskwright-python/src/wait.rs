//! Waiting that Ctrl-C ends.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use maskwright::blame::Code;
use maskwright_data::ordered::Waited;
use pyo3::prelude::*;

use crate::error::Raised;

/// How long nobody looks whether Ctrl-C was pressed.
const PIECE: Duration = Duration::from_millis(100);

/// Something with threads that one Python object owns.
///
/// It is used, and dropped, without the GIL, since its threads may need that to get on. In a process that was forked
/// from the one that made it there are no such threads: it is left alone there.
pub(crate) struct Owned<T: Send> {
    inner: Mutex<Option<T>>,
    process: u32,
    what: &'static str,
}

impl<T: Send> Owned<T> {
    pub(crate) fn new(inner: T, what: &'static str) -> Owned<T> {
        Owned { inner: Mutex::new(Some(inner)), process: std::process::id(), what }
    }

    /// Works with it.
    pub(crate) fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut T) -> R + Send,
    ) -> PyResult<R> {
        let here = std::process::id();
        if here != self.process {
            let message = format!(
                "{}: expected the process {} that started its threads, found process {here}, which was \
                 forked from it; make one there, or pickle this one and send it",
                self.what, self.process
            );
            return Err(Raised::new(Code::Other, message)
                .but(format!("process {}", self.process), format!("process {here}"))
                .into());
        }
        let done = py.detach(|| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.as_mut().map(work)
        });
        done.ok_or_else(|| Raised::new(Code::Other, format!("{}: it was closed", self.what)).into())
    }

    /// Asks again and again for what comes next, and looks in between whether Ctrl-C was pressed.
    pub(crate) fn next<R: Send>(
        &self,
        py: Python<'_>,
        mut ask: impl FnMut(&mut T, Duration) -> Waited<R> + Send,
    ) -> PyResult<Option<R>> {
        loop {
            match self.with(py, |inner| ask(inner, PIECE))? {
                Waited::Result(result) => return Ok(Some(result)),
                Waited::End => return Ok(None),
                Waited::NotYet => py.check_signals()?,
            }
        }
    }

    /// Ends its threads, and waits for what they are at.
    pub(crate) fn close(&self, py: Python<'_>) {
        if std::process::id() == self.process {
            py.detach(|| {
                let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
                drop(inner);
            });
        }
    }
}

impl<T: Send> Drop for Owned<T> {
    fn drop(&mut self) {
        let (inner, is_owner) = (&self.inner, std::process::id() == self.process);
        let end = |py: Python<'_>| {
            py.detach(|| drop(inner.lock().unwrap_or_else(PoisonError::into_inner).take()));
        };
        let ended = is_owner && Python::try_attach(end).is_some();
        // Threads that are not there, or that an ending interpreter lets no further, are not waited for.
        if !ended {
            std::mem::forget(self.inner.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
