//! The binding of the Python package `maskwright`: it converts values, releases the GIL and maps errors,
//! nothing else. What Python sees is in `python/maskwright`, which imports this as `maskwright._maskwright`.

#![forbid(unsafe_code)]

use pyo3::prelude::*;

/// The compiled part of maskwright. Import `maskwright` instead.
#[pymodule]
mod _maskwright {
    use std::ffi::OsString;

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Runs the command line `maskwright` with these arguments, the first of which is the program's name,
    /// and returns its exit status. It owns the process: it handles signals and starts threads, so a process
    /// runs it once.
    #[pyfunction]
    fn command(py: Python<'_>, args: Vec<OsString>) -> u8 {
        py.detach(|| maskwright::run(args))
    }
}
