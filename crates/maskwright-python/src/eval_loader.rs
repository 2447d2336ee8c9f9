//! The loader of evaluation samples.

use maskwright_data::loader;
use maskwright_data::loader::EvalLoaderConfig;
use maskwright_data::sample::Preset;
use numpy::{Ix2, Ix3, PyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::batch::bits;
use crate::error::{Raised, to_python};
use crate::sets::Sets;
use crate::wait::Owned;

/// A sample: image [3, size, size], label [size, size], the object at the original resolution [h, w], the record's name,
/// set and number in it.
type SampleParts<'py> = (
    Bound<'py, PyArray<u8, Ix3>>,
    Bound<'py, PyArray<f32, Ix2>>,
    Bound<'py, PyArray<bool, Ix2>>,
    String,
    String,
    usize,
);

/// The samples of one set in its order, made ahead by threads.
#[pyclass(frozen, module = "maskwright._maskwright")]
pub(crate) struct EvalLoader {
    inner: Owned<loader::EvalLoader>,
}

#[pymethods]
impl EvalLoader {
    /// Starts the threads. `number` is that of one of the sets; images are stretched to `input_size` x `input_size`.
    #[new]
    fn new(
        py: Python<'_>,
        sets: &Sets,
        number: usize,
        input_size: usize,
        rank: usize,
        world_size: usize,
        threads: Option<usize>,
    ) -> PyResult<EvalLoader> {
        let default = EvalLoaderConfig::default();
        let workers = threads.unwrap_or(default.workers);
        let config = EvalLoaderConfig {
            preset: Preset::Squash,
            workers,
            prefetch: workers.saturating_add(2),
            rank,
            world_size,
            sample: sets.sample(input_size, None, None)?,
        };
        let source = sets.mix.sets().get(number).cloned().ok_or_else(|| {
            let expected = format!("a number below {}", sets.mix.sets().len());
            Raised::setting("the set", expected, number)
        })?;
        let inner = py.detach(|| loader::EvalLoader::new(source, config)).map_err(to_python)?;
        Ok(EvalLoader { inner: Owned::new(inner, "the loader") })
    }

    /// The next sample, or `None` behind the last.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<SampleParts<'py>>> {
        let next = self.inner.next(py, |loader, limit| loader.next_within(limit))?;
        let Some(sample) = next.transpose().map_err(to_python)? else { return Ok(None) };
        let (size, original) = (sample.size, sample.truth.size());
        let truth = PyArray1::from_vec(py, bits(&sample.truth));
        Ok(Some((
            PyArray1::from_vec(py, sample.image).reshape([3, size, size])?,
            PyArray1::from_vec(py, sample.label).reshape([size, size])?,
            truth.reshape([original.height, original.width])?,
            sample.name,
            sample.set.to_string(),
            sample.record,
        )))
    }

    /// Ends the threads.
    fn close(&self, py: Python<'_>) {
        self.inner.close(py);
    }
}
