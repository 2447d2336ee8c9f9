//! The command line.

use std::ffi::OsString;
use std::io::Write;

use pyo3::prelude::*;

/// Runs the command line `maskwright` with these arguments, the first of which is the program's name, and
/// returns its exit status: 0 done, 1 the data, a file or the machine is at fault, 2 the arguments are, 130 stopped by
/// Ctrl-C.
///
/// It owns the process: it handles signals and starts threads, so a process runs it once.
#[pyfunction]
pub(crate) fn command(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| {
        let status = maskwright::run(args);
        // At the end of a program of its own Rust does this.
        let _ = std::io::stdout().flush();
        status
    })
}
