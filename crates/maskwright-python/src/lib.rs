//! The binding of the Python package `maskwright`: it converts values, releases the GIL and maps errors,
//! nothing else. What Python sees is in `python/maskwright`, which imports this as `maskwright._maskwright`.
//!
//! | file | what it binds |
//! |---|---|
//! | `command` | the command line |
//! | `error` | errors of all crates as exceptions |
//! | `sets` | what a loader's data may be |
//! | `sequence` | a Python sequence as a set |
//! | `loader`, `batch`, `memory` | training batches |
//! | `eval_loader` | evaluation samples |
//! | `mask`, `rle`, `metrics` | lists of masks, and how well they agree |
//! | `predictor` | predictor and mask generator |
//! | `prep` | data prepared in shards |
//! | `job` | long work on a thread, which tells how far it is |
//! | `training`, `observer` | training, evaluation and conversion, as jobs |
//! | `reading` | the doctor, previews, runs' folders |
//! | `wait`, `detached` | waiting that Ctrl-C ends, work without the GIL |
//! | `values` | dicts of what Rust has |

#![forbid(unsafe_code)]

mod batch;
mod command;
mod detached;
mod error;
mod eval_loader;
mod job;
mod loader;
mod mask;
mod memory;
mod metrics;
mod observer;
mod predictor;
mod prep;
mod reading;
mod rle;
mod sequence;
mod sets;
mod training;
mod values;
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
    use crate::job::Job;
    #[pymodule_export]
    use crate::loader::Loader;
    #[pymodule_export]
    use crate::mask::{
        box_ious, rle_area, rle_boxes, rle_compress, rle_counts, rle_decode, rle_encode,
        rle_from_boxes, rle_from_instances, rle_from_polygons, rle_ious, rle_merge,
        rle_to_instances, rle_to_polygons,
    };
    #[pymodule_export]
    use crate::metrics::{agreements, click, clicks_failed, clicks_needed, mask_average_precision};
    #[pymodule_export]
    use crate::predictor::{Encoded, Model, check_generator_settings};
    #[pymodule_export]
    use crate::prep::Preparer;
    #[pymodule_export]
    use crate::reading::{draw_preview, png, read_run, start_examination};
    #[pymodule_export]
    use crate::sets::Sets;
    #[pymodule_export]
    use crate::training::{read_data, start_conversion, start_evaluation, start_training};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
