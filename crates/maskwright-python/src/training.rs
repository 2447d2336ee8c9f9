//! `maskwright.train`, `maskwright.evaluate` and `maskwright.convert`, as jobs.

use std::path::PathBuf;

use maskwright_data::sample::Preset as Geometry;
use maskwright_data::source::{DataFile, OpenContext, data_at};
use maskwright_model::{Compute, GeometryFrom, ModelSource};
use maskwright_report::run_report;
use maskwright_train::convert::{ConvertOptions, convert};
use maskwright_train::evaluator::statistics::{self, ClickStatistics, SetStatistics};
use maskwright_train::evaluator::{EvalConfig, EvalJob, EvalTimes, Evaluation};
use maskwright_train::observer::Observer;
use maskwright_train::trainer::{Start, TrainOutcome, train};
use maskwright_train::{Error, TrainConfig};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Raised, to_python};
use crate::job::{Job, Progress};
use crate::observer::Telling;
use crate::values;

/// Starts a training with the settings of a file, of a run's folder, or of a JSON text.
#[pyfunction]
#[pyo3(signature = (file, folder, json, start, report))]
pub(crate) fn start_training(
    py: Python<'_>,
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
    json: Option<String>,
    start: &str,
    report: bool,
) -> PyResult<Job> {
    let start = match start {
        "fresh" => Start::Fresh,
        "resume" => Start::Resume,
        "overwrite" => Start::Overwrite,
        other => return Err(Raised::setting("start", "fresh, resume or overwrite", other).into()),
    };
    let read = move || match (file, folder, json) {
        (Some(file), ..) => TrainConfig::read(&file),
        (None, Some(folder), _) => TrainConfig::read_from_run(&folder),
        (None, None, json) => TrainConfig::from_json(&json.unwrap_or_default()),
    };
    let config = py.detach(|| read()?.with_absolute_paths()).map_err(to_python)?;
    Job::start(move |reporter| {
        let mut observer = Telling::new(reporter);
        let outcome = match train(&config, start, &mut observer) {
            // Nothing was to be saved yet.
            Err(Error::Stopped) => TrainOutcome { stopped: true, ..TrainOutcome::default() },
            outcome => outcome?,
        };
        if report && !outcome.stopped {
            let page = run_report::write(&config.output)?;
            page.notes.iter().for_each(|note| observer.note(note));
        }
        Ok(outcome)
    })
}

/// The sets at a path, a data file or a folder, as a dict.
#[pyfunction]
pub(crate) fn read_data<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    values::to_python(py, &py.detach(|| data_at(&path)).map_err(to_python)?)
}

/// What an evaluation shall do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    model: ModelSource,
    compute: Compute,
    data: DataFile,
    geometry: Option<Geometry>,
    evaluation: EvalConfig,
}

/// What an evaluation found.
#[derive(Serialize)]
struct Evaluated {
    geometry: Geometry,
    geometry_from: GeometryFrom,
    other_sets: Vec<String>,
    statistics: Vec<SetStatistics>,
    click_statistics: Vec<ClickStatistics>,
    times: EvalTimes,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// Keeps the times of an evaluation beside what is told.
struct Timed {
    telling: Telling,
    times: EvalTimes,
}

impl Observer for Timed {
    fn opening(&self) -> OpenContext<'_> {
        self.telling.opening()
    }

    fn evaluating(&mut self, set: &str, done: usize, total: usize) {
        self.telling.evaluating(set, done, total);
    }

    fn timed(&mut self, times: &EvalTimes) {
        self.times = times.clone();
    }

    fn note(&mut self, text: &str) {
        self.telling.note(text);
    }

    fn should_stop(&self) -> bool {
        self.telling.should_stop()
    }
}

/// Starts an evaluation that a JSON text describes.
#[pyfunction]
pub(crate) fn start_evaluation(json: &str) -> PyResult<Job> {
    let asked: Asked = serde_json::from_str(json)
        .map_err(|error| Raised::setting("evaluate", "settings of an evaluation", error))?;
    Job::start(move |reporter| {
        let mut observer = Timed { telling: Telling::new(reporter), times: EvalTimes::default() };
        let job = EvalJob::open(&asked.model, &asked.compute, &asked.data, &observer.opening())?;
        job.notes().iter().for_each(|note| observer.note(note));
        let (geometry, geometry_from) = job.geometry(asked.geometry);
        let config = EvalConfig { geometry, ..asked.evaluation };
        let evaluation = job.evaluate(&config, &mut observer)?;
        Ok(Evaluated {
            geometry,
            geometry_from,
            other_sets: job.others().to_vec(),
            statistics: statistics::of_sets(&evaluation, config.seed),
            click_statistics: statistics::of_clicks(&evaluation, config.seed),
            times: observer.times,
            evaluation,
        })
    })
}

/// Starts to convert a checkpoint.
#[pyfunction]
#[pyo3(signature = (source, target, to, dtype, merge, model_type, force, input_size, kind, multimask))]
// One argument for each option, which Python gives by name.
#[allow(clippy::too_many_arguments)]
pub(crate) fn start_conversion(
    source: PathBuf,
    target: PathBuf,
    to: Option<&str>,
    dtype: Option<String>,
    merge: Option<PathBuf>,
    model_type: Option<String>,
    force: bool,
    input_size: Option<usize>,
    kind: Option<&str>,
    multimask: bool,
) -> PyResult<Job> {
    let to = to.map(str::parse).transpose().map_err(|error: Error| to_python(error))?;
    let kind = kind.map(crate::predictor::kind_of).transpose()?;
    let options =
        ConvertOptions { to, dtype, model_type, merge, force, input_size, kind, multimask };
    Job::start(move |reporter| {
        let mut tell = |done, total| {
            let progress =
                Progress { what: "converting", done, total: Some(total), note: String::new() };
            reporter.progress(&progress);
        };
        let done = convert(&source, &target, &options, &mut tell)?;
        done.notes.iter().for_each(|note| reporter.tell("note", note));
        Ok(done)
    })
}
