//! Which model: a checkpoint, an official type, or sizes from a file.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use maskwright_data::source::read_settings;
use maskwright_model::ModelSource;

use crate::official;
use crate::targets::Inputs;

/// Where the model comes from.
#[derive(Args, Default)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelFlags {
    /// SAM or HQ-SAM checkpoint: .pth, .safetensors, a Hugging Face folder, the folder of a run (its best.safetensors),
    /// hf://OWNER/REPO/FILE[@REVISION], or the name of a published one (`maskwright models`); its type is told from its
    /// tensors
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// vit_b, vit_l, vit_h or vit_tiny: what the checkpoint must be, or what starts from fresh weights
    #[arg(long, value_name = "TYPE")]
    model_type: Option<String>,

    /// Sizes of another model, as TOML, to start from fresh weights
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoint", "model_type"])]
    model_config: Option<PathBuf>,

    /// Tuned decoder (epoch_N) to put over the checkpoint's
    #[arg(long, value_name = "FILE")]
    restore_model: Option<PathBuf>,
}

impl ModelFlags {
    /// The files that hold the model.
    pub(crate) fn reads(&self) -> Inputs {
        let files = [&self.checkpoint, &self.model_config, &self.restore_model];
        Inputs::files(files.into_iter().flatten().map(PathBuf::as_path))
    }

    /// Whether a flag says where the weights come from, or that they are fresh.
    pub(crate) fn says_which(&self) -> bool {
        self.checkpoint.is_some() || self.model_config.is_some()
    }

    /// The settings.
    pub(crate) fn resolve(&self) -> anyhow::Result<ModelSource> {
        let config = match &self.model_config {
            None => None,
            Some(path) => {
                let text = read_settings(path)
                    .with_context(|| format!("{}: cannot read", path.display()))?;
                let config = toml::from_str(&text)
                    .with_context(|| format!("{}: expected a model's sizes", path.display()))?;
                Some(config)
            }
        };
        Ok(ModelSource {
            model_type: self.model_type.clone(),
            checkpoint: self.checkpoint.as_deref().map(official::opened).transpose()?,
            restore_model: self.restore_model.as_deref().map(official::local).transpose()?,
            config,
            ..ModelSource::default()
        })
    }
}
