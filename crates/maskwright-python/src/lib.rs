//! The binding of the Python package `maskwright`: it converts values, releases the GIL and maps errors,
//! nothing else. What Python sees is in `python/maskwright`, which imports this as `maskwright._maskwright`.
//!
//! | file | what it binds |
//! |---|---|
//! | `command` | the command line |
//! | `error` | errors of all crates as exceptions |
//! | `sets` | what a loader's data may be |
//! | `sequence` | a Python sequence as a set |
//! | `loader`, `batch` | training batches |
//! | `eval_loader` | evaluation samples |
//! | `wait` | waiting that Ctrl-C ends |

#![forbid(unsafe_code)]

mod batch;
mod command;
mod error;
mod eval_loader;
mod loader;
mod sequence;
mod sets;
mod wait;

use pyo3::prelude::*;

/// The compiled part of maskwright. Import `maskwright` instead.
#[pymodule]
mod _maskwright {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::eval_loader::EvalLoader;
    #[pymodule_export]
    use crate::loader::Loader;
    #[pymodule_export]
    use crate::sets::Sets;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
