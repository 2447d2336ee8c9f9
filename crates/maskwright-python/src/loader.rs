//! The loader of training batches.

use std::path::PathBuf;

use maskwright::blame::Code;
use maskwright_data::loader::{LastBatch, LoaderConfig, LoaderState, OnRefusal, Recycler};
use maskwright_data::{batch::TrainBatch, loader};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::batch::{BatchParts, parts};
use crate::error::{Raised, to_python};
use crate::sets::Sets;
use crate::wait::Owned;

/// The settings of a loader, by name; those that are `None` have the library's default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    batch_size: usize,
    input_size: usize,
    objects: usize,
    seed: u64,
    rank: usize,
    world_size: usize,
    threads: Option<usize>,
    views: u64,
    last_batch: String,
    prefetch: Option<usize>,
    refusal_budget: f64,
    ledger: Option<PathBuf>,
    plan: Option<String>,
    prompts: Option<String>,
}

impl Settings {
    fn config(self, sets: &Sets) -> PyResult<LoaderConfig> {
        let mut sample =
            sets.sample(self.input_size, self.plan.as_deref(), self.prompts.as_deref())?;
        sample.objects_per_image = self.objects;
        let last_batch = match self.last_batch.as_str() {
            "drop" => LastBatch::Drop,
            "keep" => LastBatch::Keep,
            other => {
                let found = format!("{other:?}");
                return Err(Raised::setting("last_batch", "\"drop\" or \"keep\"", found).into());
            }
        };
        let on_refusal = if self.refusal_budget == 0.0 {
            OnRefusal::Fail
        } else {
            OnRefusal::Replace { budget: self.refusal_budget }
        };
        let default = LoaderConfig::default();
        let default = match self.threads {
            Some(threads) => default.with_workers(threads),
            None => default,
        };
        Ok(LoaderConfig {
            batch_size: self.batch_size,
            seed: self.seed,
            views: self.views,
            prefetch: self.prefetch.unwrap_or(default.prefetch),
            last_batch,
            rank: self.rank,
            world_size: self.world_size,
            on_refusal,
            ledger: self.ledger,
            sample,
            ..default
        })
    }
}

/// A loader with its threads, which make batches ahead.
#[pyclass(frozen, module = "maskwright._maskwright")]
pub(crate) struct Loader {
    inner: Owned<loader::Loader>,
    /// Takes the memory of batches that are used up.
    recycler: Recycler,
}

#[pymethods]
impl Loader {
    /// Starts the threads, with epoch 0.
    #[new]
    fn new(py: Python<'_>, sets: &Sets, settings: Settings) -> PyResult<Loader> {
        let config = settings.config(sets)?;
        let mix = sets.mix.clone();
        let inner = py.detach(|| loader::Loader::new(mix, config)).map_err(to_python)?;
        let recycler = inner.recycler();
        Ok(Loader { inner: Owned::new(inner, "the loader"), recycler })
    }

    /// The number of batches of this rank in a whole epoch.
    fn batches(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.with(py, |loader| loader.batches_per_epoch())
    }

    /// The next batch of the epoch, or `None` behind its last.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<BatchParts<'py>>> {
        let next = self.inner.next(py, |loader, limit| loader.next_within(limit))?;
        let batch: Option<TrainBatch> = next.transpose().map_err(to_python)?;
        batch.map(|batch| parts(py, batch, &self.recycler)).transpose()
    }

    /// Goes on with the first batch of an epoch.
    fn start_epoch(&self, py: Python<'_>, epoch: u64) -> PyResult<()> {
        self.inner.with(py, |loader| loader.start_epoch(epoch))
    }

    /// Epoch, position, seed and number of records.
    fn state(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64)> {
        let LoaderState { epoch, position, seed, records } =
            self.inner.with(py, |loader| loader.state())?;
        Ok((epoch, position, seed, records))
    }

    /// Goes on from the state of another loader.
    fn restore(
        &self,
        py: Python<'_>,
        epoch: u64,
        position: u64,
        seed: u64,
        records: u64,
    ) -> PyResult<()> {
        let state = LoaderState { epoch, position, seed, records };
        self.inner.with(py, |loader| loader.restore(state))?.map_err(to_python)
    }

    /// Counts and times so far.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.inner.with(py, |loader| loader.stats().clone())?;
        let dict = PyDict::new(py);
        dict.set_item("batches", stats.batches)?;
        dict.set_item("samples", stats.samples)?;
        dict.set_item("objects", stats.objects)?;
        dict.set_item("not_in_view", stats.not_in_view)?;
        dict.set_item("refused", stats.refused)?;
        dict.set_item("warned", stats.warned)?;
        dict.set_item("bytes", stats.bytes)?;
        dict.set_item("threads", stats.workers)?;
        dict.set_item("waited_seconds", stats.waited.as_secs_f64())?;
        dict.set_item("consumed_seconds", stats.consumed.as_secs_f64())?;
        dict.set_item("verdict", stats.verdict())?;
        Ok(dict)
    }

    /// The records that were refused, and those that were used though they are damaged, as JSON: a list of objects.
    fn ledger(&self, py: Python<'_>) -> PyResult<String> {
        let json = self.inner.with(py, |loader| serde_json::to_string(loader.ledger()))?;
        json.map_err(|error| Raised::new(Code::Other, error).into())
    }

    /// Ends the threads.
    fn close(&self, py: Python<'_>) {
        self.inner.close(py);
    }
}
