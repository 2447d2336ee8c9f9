//! `--run`: the held-out part of a training run, with its best model and as the run validates.

use std::path::Path;

use maskwright_data::source::DataFile;
use maskwright_model::ModelSource;
use maskwright_train::evaluator::{EvalConfig, EvalJob};
use maskwright_train::run_files::RunFiles;
use maskwright_train::trainer::other_validation;

use crate::commands::train::advice;
use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::tell;

/// What a run says about its evaluation.
pub(super) struct OfRun {
    run: RunFiles,
}

impl OfRun {
    /// Reads the run in a folder.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let run = RunFiles::read(folder)?;
        if run.config.data.valid.is_empty() && run.config.data.other.is_empty() {
            return Err(Usage(format!(
                "--run {}: expected a run with validation sets, found none; give data, such as --images DIR --masks DIR",
                folder.display()
            ))
            .into());
        }
        Ok(Self { run })
    }

    /// Its data, where they lie now.
    pub(super) fn data(&self, now: &DataFlags, on_train: bool) -> anyhow::Result<DataFile> {
        let mut data = self.run.config.data.clone();
        if !on_train {
            data.train.clear();
        }
        if now.says_where() {
            data.take_places(&now.moved(None)?).map_err(maskwright_train::Error::from)?;
        }
        Ok(data)
    }

    /// A remark where the data are not what the run held out.
    pub(super) fn other_data(&self, job: &EvalJob) -> maskwright_train::Result<Option<String>> {
        other_validation(&self.run.folder, job.sets())
    }

    /// An error about its data, with the flag that says where they lie now.
    pub(super) fn advised(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast() {
            Ok(error) => advice::of_missing(&self.run.config, "--run RUN with", error),
            Err(error) => error,
        }
    }

    /// The model: the one that is asked for, or the run's best.
    pub(super) fn model(&self, asked: ModelSource) -> Result<ModelSource, Usage> {
        if asked.checkpoint.is_some() {
            return Ok(asked);
        }
        let Some(checkpoint) = self.run.model() else {
            return Err(Usage(format!(
                "--run {}: expected a model, found none yet; a run writes it at the end of an epoch",
                self.run.folder.display()
            )));
        };
        tell::say(format_args!("the model is {}", checkpoint.display()));
        Ok(ModelSource { checkpoint: Some(checkpoint), ..asked })
    }

    /// How the run validates.
    pub(super) fn evaluation(&self) -> EvalConfig {
        self.run.config.validation.evaluation()
    }
}
