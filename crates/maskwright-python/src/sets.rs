//! What a loader's data may be: a path, folders, files named one by one, a Python sequence.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright::blame::Code;
use maskwright_data::Result;
use maskwright_data::plan::PlanConfig;
use maskwright_data::prompt::PromptConfig;
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::{
    DataFile, ExifRule, FilePairs, Mix, OpenContext, Recognised, SetSpec, Source, recognise,
};
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::detached::on_thread;
use crate::error::{Raised, to_python};
use crate::sequence::SequenceSource;

/// Opened sets, and how a data file wants its samples made.
#[pyclass(frozen, module = "maskwright._maskwright")]
pub(crate) struct Sets {
    pub(crate) mix: Mix,
    plan: PlanConfig,
    prompts: PromptConfig,
}

#[pymethods]
impl Sets {
    /// The sets at a path: a folder of a known kind, or a data file (TOML). `part` is "train" or "valid".
    #[staticmethod]
    fn at(py: Python<'_>, path: PathBuf, part: &str) -> PyResult<Sets> {
        let trains = match part {
            "train" => true,
            "valid" => false,
            other => {
                let found = format!("{other:?}");
                return Err(Raised::setting("split", "\"train\" or \"valid\"", found).into());
            }
        };
        on_thread(py, move || sets_at(&path, trains))?
    }

    /// Sets of a folder of images and a folder of masks each: `(name, images, masks)`.
    #[staticmethod]
    fn folders(py: Python<'_>, folders: Vec<(String, PathBuf, PathBuf)>) -> PyResult<Sets> {
        on_thread(py, move || {
            let specs = folders.into_iter().map(|(name, images, masks)| {
                SetSpec::pairs(name, images, masks).open(&OpenContext::default())
            });
            Sets::new(specs.collect())
        })?
    }

    /// Sets of files: `(name, images, masks)`, both of the same length. `turn` is whether images are turned upright by
    /// their EXIF orientation.
    #[staticmethod]
    fn files(
        py: Python<'_>,
        sets: Vec<(String, Vec<PathBuf>, Vec<PathBuf>)>,
        turn: bool,
    ) -> PyResult<Sets> {
        let exif = if turn { ExifRule::Auto } else { ExifRule::Ignore };
        py.detach(|| {
            let set = |(name, images, masks): (String, Vec<PathBuf>, Vec<PathBuf>)| {
                let pairs = images.into_iter().zip(masks).collect();
                Arc::new(FilePairs::new(&name, pairs).with_exif(exif)) as Arc<dyn Source>
            };
            Sets::new(Ok(sets.into_iter().map(set).collect()))
        })
    }

    /// A set of a sequence, whose items `read` makes `(image, masks)` of.
    #[staticmethod]
    fn sequence(py: Python<'_>, name: &str, items: Py<PyAny>, read: Py<PyAny>) -> PyResult<Sets> {
        let len = items.bind(py).len()?;
        let source = SequenceSource::new(name, len, items, read);
        Sets::new(Ok(vec![Arc::new(source) as Arc<dyn Source>]))
    }

    /// The names of the sets and their numbers of records.
    fn lengths(&self) -> Vec<(String, usize)> {
        self.mix.sets().iter().map(|set| (set.name().to_owned(), set.len())).collect()
    }

    fn __len__(&self) -> usize {
        self.mix.len()
    }
}

impl Sets {
    fn new(sets: Result<Vec<Arc<dyn Source>>>) -> PyResult<Sets> {
        let mix = sets.and_then(Mix::new).map_err(to_python)?;
        Ok(Sets { mix, plan: PlanConfig::default(), prompts: PromptConfig::default() })
    }

    /// How samples are made: as the data file says, but for the settings in `plan` and `prompts`, which are JSON.
    pub(crate) fn sample(
        &self,
        input_size: usize,
        plan: Option<&str>,
        prompts: Option<&str>,
    ) -> PyResult<SampleConfig> {
        let plan = changed("plan", &self.plan, plan)?;
        let prompts = changed("prompts", &self.prompts, prompts)?;
        let data = DataFile { plan, prompts, ..DataFile::default() };
        Ok(data.sample_config(input_size, (input_size / 4).max(1)))
    }
}

/// Opens what lies at a path.
fn sets_at(path: &Path, trains: bool) -> PyResult<Sets> {
    let data = if path.is_file() {
        DataFile::read(path).map_err(to_python)?
    } else {
        match recognise(path).map_err(to_python)? {
            Recognised::Set(reading) => reading.data,
            Recognised::ImagesAlone { images } => {
                let expected = "images with masks or annotations";
                return Err(unclear(path, expected, &format!("{images} images alone")));
            }
            Recognised::NotRead { what, instead } => return Err(unclear(path, instead, what)),
            Recognised::Unclear { found, .. } => {
                return Err(unclear(path, "one data set, or a data file that says which", &found));
            }
            other => return Err(unclear(path, "a data set", &format!("{other:?}"))),
        }
    };
    let context = OpenContext::default();
    let mix = match trains {
        true if data.train.is_empty() => {
            return Err(unclear(path, "a set to train on (split = \"train\")", "none"));
        }
        false if data.valid.is_empty() => {
            return Err(unclear(path, "a set to validate on (split = \"valid\")", "none"));
        }
        true => data.train_mix(&context),
        false => data.open_valid(&context).and_then(Mix::new),
    };
    Ok(Sets { mix: mix.map_err(to_python)?, plan: data.plan, prompts: data.prompts })
}

fn unclear(path: &Path, expected: &str, found: &str) -> PyErr {
    let message = format!("{}: expected {expected}, found {found}", path.display());
    Raised::new(Code::Data, message).of(path).but(expected, found).into()
}

/// Settings with those in `json` in place of their own.
fn changed<T: Clone + Serialize + DeserializeOwned>(
    key: &str,
    settings: &T,
    json: Option<&str>,
) -> PyResult<T> {
    let Some(json) = json else { return Ok(settings.clone()) };
    let refuse = |error: serde_json::Error| {
        let expected = format!("the keys and values of [{key}] in a data file");
        PyErr::from(Raised::setting(key, expected, error))
    };
    let mut all = serde_json::to_value(settings).map_err(refuse)?;
    let given: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).map_err(refuse)?;
    if let Some(all) = all.as_object_mut() {
        all.extend(given);
    }
    serde_json::from_value(all).map_err(refuse)
}
