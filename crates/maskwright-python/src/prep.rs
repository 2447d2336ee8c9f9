//! `maskwright.prep` and `maskwright.Preparer`.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_data::source::OpenContext;
use maskwright_prep::{Model as PrepModel, PrepConfig, PrepData, Resources, Shards};
use pyo3::prelude::*;

use crate::detached::on_thread;
use crate::error::{Raised, to_python};
use crate::job::{Job, Progress};
use crate::predictor::{Model, kind_of};
use crate::reading::data_of;

/// Data that are opened, and the folder that their shards go into.
#[pyclass(frozen)]
pub(crate) struct Preparer(Arc<maskwright_prep::Preparer>);

#[pymethods]
impl Preparer {
    /// Opens the sets of a JSON text with the keys of a data file, or the folder of `images` that have no masks. `config` is JSON;
    /// `model` goes with its checkpoint, the decoder over it and the kind of mask.
    #[new]
    #[pyo3(signature = (json, images, output, shards, per_shard, config, model, workers, decode_memory))]
    // One argument for each setting, which Python gives by name.
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        json: &str,
        images: Option<PathBuf>,
        output: PathBuf,
        shards: Option<usize>,
        per_shard: Option<usize>,
        config: &str,
        model: Option<(PyRef<'_, Model>, PathBuf, Option<PathBuf>, String)>,
        workers: usize,
        decode_memory: Option<u64>,
    ) -> PyResult<Preparer> {
        let data = match images {
            Some(folder) => {
                let name =
                    folder.file_name().map_or("images".into(), |name| name.to_string_lossy());
                PrepData::Images { name: name.into_owned(), folder }
            }
            None => PrepData::Sets(Box::new(data_of(json)?)),
        };
        let shards = match (shards, per_shard) {
            (Some(number), _) => Shards::Number(number),
            (None, Some(records)) => Shards::Records(records),
            (None, None) => Shards::default(),
        };
        let config: PrepConfig = serde_json::from_str(config)
            .map_err(|error| Raised::setting("prep", "settings of prepared data", error))?;
        let model = match model {
            None => None,
            Some((model, checkpoint, over, kind)) => {
                let kind = kind_of(&kind)?;
                Some(PrepModel::new(model.predictor(), kind, &checkpoint, over.as_deref()))
            }
        };
        let ours = Resources::default();
        let decode_memory = decode_memory.unwrap_or(ours.decode_memory);
        let resources = Resources { workers, decode_memory };
        let open = move || {
            let context = OpenContext::default();
            maskwright_prep::Preparer::open(
                &data, &output, shards, &config, model, resources, &context,
            )
        };
        let preparer = on_thread(py, open)?.map_err(to_python)?;
        Ok(Preparer(Arc::new(preparer)))
    }

    /// How many shards there are.
    fn shards(&self) -> usize {
        self.0.shards()
    }

    /// How many records there are in all shards.
    fn records(&self) -> usize {
        self.0.records()
    }

    /// Starts to make a shard; none is left where the work was stopped.
    fn start(&self, shard: usize) -> PyResult<Job> {
        let preparer = Arc::clone(&self.0);
        Job::start(move |reporter| {
            let what = format!("shard {shard}");
            Ok(preparer.prepare(shard, &mut |at| {
                let (done, total) = (at.done as u64, Some(at.total as u64));
                reporter.progress(&Progress { what: &what, done, total, note: String::new() });
                !reporter.should_stop()
            })?)
        })
    }
}
