//! `--run`: the held-out part of a training run, with its best model and as the run validates.

use std::path::Path;

use maskwright_data::source::DataFile;
use maskwright_model::ModelSource;
use maskwright_train::evaluator::EvalConfig;
use maskwright_train::run_files::RunFiles;

use crate::exit::Usage;
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

    /// Its data.
    pub(super) fn data(&self) -> DataFile {
        self.run.config.data.clone()
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
