//! `--against`: the model before, beside the one that is evaluated.

use std::path::{Path, PathBuf};

use anyhow::Context;
use maskwright_model::{MaskKind, ModelSource};
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{ClickConfig, EvalJob, Evaluation};
use maskwright_train::run_files::CONFIG;

use crate::exit::Usage;
use crate::official;

/// Where the model before comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Against {
    /// What the run began with in whose folder the checkpoint lies.
    Start,
    /// A checkpoint.
    Checkpoint(PathBuf),
}

impl std::str::FromStr for Against {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "start" => Self::Start,
            file => Self::Checkpoint(file.into()),
        })
    }
}

impl Against {
    /// The model before that of `checkpoint`.
    pub(super) fn source(
        &self,
        checkpoint: Option<&Path>,
        input_size: Option<usize>,
    ) -> anyhow::Result<ModelSource> {
        match self {
            Self::Checkpoint(file) => {
                let checkpoint = Some(official::opened(file)?);
                Ok(ModelSource { checkpoint, input_size, ..ModelSource::default() })
            }
            Self::Start => {
                let folder = checkpoint.and_then(Path::parent).unwrap_or(Path::new(""));
                let config = TrainConfig::read_from_run(folder).with_context(|| {
                    format!(
                        "--against start: expected --checkpoint in the folder of a run, found {}",
                        checkpoint.unwrap_or(folder).display()
                    )
                })?;
                let model = config.model;
                if model.checkpoint.is_none() {
                    let file = folder.join(CONFIG);
                    return Err(Usage(format!(
                        "--against start: expected a run that began with a checkpoint, found one that began with fresh \
                         weights ({})",
                        file.display()
                    ))
                    .into());
                }
                Ok(ModelSource { input_size: input_size.or(model.input_size), ..model })
            }
        }
    }
}

/// Refuses two models that see images at different sizes.
pub(super) fn check_sizes(job: &EvalJob, before: &EvalJob) -> Result<(), Usage> {
    let side = |job: &EvalJob| job.sam().config().image_size;
    let (now, then) = (side(job), side(before));
    if now == then {
        return Ok(());
    }
    Err(Usage(format!(
        "--against: expected a model with an input of {now} pixels, as --checkpoint has it, found one of {then} pixels; \
         --input-size {now} evaluates both at that size"
    )))
}

/// The clicks on the model before: of the masks that were asked for those that it has, SAM's own if it has none of them.
pub(super) fn clicks_of(before: &EvalJob, mut clicks: ClickConfig) -> ClickConfig {
    if !before.sam().config().hq {
        clicks.masks = vec![MaskKind::Sam];
    }
    clicks
}

/// What only one of two evaluations scored, as a remark.
pub(super) fn unpaired(after: &Evaluation, before: &Evaluation) -> Option<String> {
    let (now, then) = (after.images.len(), before.images.len());
    (now != then).then(|| {
        format!(
            "{now} objects were scored, {then} with the model before; compared are those of both"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_no_file() {
        assert_eq!("start".parse(), Ok(Against::Start));
        assert_eq!("./start".parse(), Ok(Against::Checkpoint("./start".into())));
    }
}
