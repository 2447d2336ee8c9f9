//! `maskwright.doctor`, `maskwright.preview` and `maskwright.open_run`.

use std::path::PathBuf;

use maskwright_data::source::{DataFile, OpenContext};
use maskwright_doctor::{Diagnosis, Settings, Subject, examine, recognise};
use maskwright_image::encode;
use maskwright_report::preview::{PreviewConfig, TileInfo, preview};
use maskwright_train::TrainConfig;
use maskwright_train::run_files::{RunFiles, Validation};
use maskwright_train::run_log::Entry;
use maskwright_train::verdict::Verdict;
use numpy::{IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;

use crate::detached::on_thread;
use crate::error::{Raised, to_python};
use crate::job::{Job, Progress};
use crate::observer::Indexing;
use crate::values;

/// Starts to examine the data at a path, or those that a JSON text describes as a data file does.
#[pyfunction]
#[pyo3(signature = (path, json, workers, listed, decode_memory, input_size))]
pub(crate) fn start_examination(
    path: Option<PathBuf>,
    json: Option<String>,
    workers: usize,
    listed: usize,
    decode_memory: Option<u64>,
    input_size: usize,
) -> PyResult<Job> {
    let data = json.as_deref().map(data_of).transpose()?;
    Job::start(move |reporter| -> Result<Diagnosis, Raised> {
        let indexing = Indexing(reporter.clone());
        let context = OpenContext::observed_by(&indexing);
        let (subjects, mut settings) = match (path, data) {
            (Some(path), _) => {
                let found = recognise(&path, &context)?;
                (found.subjects, found.settings)
            }
            (None, data) => {
                let data = data.unwrap_or_default();
                (Subject::of_data(&data, &context), Settings::of(&data))
            }
        };
        settings.workers = workers;
        settings.listed = listed;
        settings.decode_memory = decode_memory.unwrap_or(settings.decode_memory);
        settings.plan.size = input_size;
        Ok(examine(&subjects, &settings, &mut |at| {
            let (done, total) = (at.done as u64, Some(at.total as u64));
            reporter.progress(&Progress { what: "examining", done, total, note: String::new() });
            !reporter.should_stop()
        })?)
    })
}

/// The sets of a JSON text with the keys of a data file.
pub(crate) fn data_of(json: &str) -> PyResult<DataFile> {
    Ok(serde_json::from_str(json)
        .map_err(|error| Raised::setting("data", "the sets of a data file", error))?)
}

/// What each tile shows, and the picture of all tiles as uint8 [height, width, 3].
#[pyfunction]
// One argument for each setting, which Python gives by name.
#[allow(clippy::too_many_arguments)]
#[pyo3(signature = (json, seed, epoch, records, count, input_size, tile, columns))]
pub(crate) fn draw_preview<'py>(
    py: Python<'py>,
    json: &str,
    seed: u64,
    epoch: u64,
    records: Option<(usize, usize)>,
    count: usize,
    input_size: usize,
    tile: usize,
    columns: usize,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray3<u8>>)> {
    let data = data_of(json)?;
    let config = PreviewConfig { seed, epoch, range: records, count, input_size, tile, columns };
    let draw = move || preview(&data, &config, &OpenContext::default());
    let made = on_thread(py, draw)?.map_err(to_python)?;
    let size = made.picture.size;
    let picture = made.picture.data.into_pyarray(py).reshape([size.height, size.width, 3])?;
    /// A tile with the sentence about it.
    #[derive(Serialize)]
    struct Told<'a> {
        text: String,
        #[serde(flatten)]
        tile: &'a TileInfo,
    }
    let tiles: Vec<Told<'_>> =
        made.tiles.iter().map(|tile| Told { text: tile.one_line(), tile }).collect();
    Ok((values::to_python(py, &tiles)?, picture))
}

/// The PNG of an image, uint8 [height, width, 3].
#[pyfunction]
pub(crate) fn png<'py>(
    py: Python<'py>,
    image: numpy::PyReadonlyArray3<'py, u8>,
) -> PyResult<Bound<'py, PyBytes>> {
    let pixels = crate::predictor::pixels_of(&image)?;
    let bytes = on_thread(py, move || encode::png_rgb(&pixels))?.map_err(to_python)?;
    Ok(PyBytes::new(py, &bytes))
}

/// What a run's folder holds.
#[derive(Serialize)]
struct Run {
    config: TrainConfig,
    log: Vec<Entry>,
    validation: Option<Validation>,
    best: Option<Best>,
    verdict: Option<Verdict>,
    model: Option<PathBuf>,
    checkpoint: Option<PathBuf>,
    average: Option<PathBuf>,
    notes: Vec<String>,
}

/// The best epoch, by what the settings say.
#[derive(Serialize)]
struct Best {
    epoch: usize,
    metric: String,
    value: f64,
}

/// What a run's folder holds, as a dict.
#[pyfunction]
pub(crate) fn read_run<'py>(py: Python<'py>, folder: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let run = on_thread(py, move || RunFiles::read(&folder))?.map_err(to_python)?;
    let best_by = &run.config.checkpoints.best_by;
    let best = run.best().map(|(epoch, score)| Best {
        epoch,
        metric: best_by.to_string(),
        value: best_by.value(score),
    });
    let (verdict, model) = (Verdict::of(&run), run.model());
    let RunFiles { config, log, validation, checkpoint, average, notes, .. } = run;
    let (checkpoint, average) = (checkpoint.map(|(_, path)| path), average.map(|(_, path)| path));
    let whole = Run { config, log, validation, best, verdict, model, checkpoint, average, notes };
    values::to_python(py, &whole)
}
