//! The model that makes embeddings and finds masks.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use maskwright_model::MaskKind;
use maskwright_predict::predictor::Fit;
use maskwright_prep::Model;

use crate::exit::Usage;
use crate::flags::device::DeviceFlags;
use crate::flags::named::named;
use crate::flags::predictor::load;
use crate::official;
use crate::warnings::Warnings;

/// Which model, where one is asked.
#[derive(Args)]
#[command(next_help_heading = "Model, for --embeddings and --auto-masks")]
pub(super) struct ModelFlags {
    /// SAM or HQ-SAM checkpoint: .pth, .safetensors, a Hugging Face folder, the folder of a run (its
    /// best.safetensors), hf://OWNER/REPO/FILE[@REVISION], or the name of a published one (`maskwright models`)
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Tuned decoder (epoch_N) to put over the checkpoint's
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    restore_model: Option<PathBuf>,

    /// The mask to find: sam, hq, or sam_hq (their sum, HQ-SAM's predictor); the best the
    /// model has if not given
    #[arg(long, value_name = "KIND", requires = "auto_masks")]
    kind: Option<MaskKind>,

    /// Side of the model's square input; the checkpoint's own if not given
    #[arg(long, value_name = "PIXELS", requires = "checkpoint")]
    input_size: Option<usize>,

    /// How an image is fitted into the input: longest_side, squash or sam; see `maskwright predict`. If not
    /// given: what the checkpoint was validated with, and sam for a checkpoint of others
    #[arg(long, value_name = "WAY", value_parser = named::<Fit>(), requires = "checkpoint")]
    geometry: Option<Fit>,

    #[command(flatten)]
    device: DeviceFlags,
}

impl ModelFlags {
    /// Loads the model, where it is asked.
    pub(super) fn load(
        &self,
        asked: bool,
        warnings: &mut Warnings,
    ) -> anyhow::Result<Option<Model>> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(None) };
        if !asked {
            return Err(Usage(
                "--checkpoint: expected beside --embeddings or --auto-masks, found neither".into(),
            )
            .into());
        }
        let restore_model = self.restore_model.as_deref();
        let (size, device) = (self.input_size, &self.device);
        let predictor = load(checkpoint, restore_model, size, self.geometry, device, warnings)?;
        let kind = self.kind.unwrap_or_else(|| predictor.best_kind());
        // The file, and not the folder of its run.
        let checkpoint = official::best_of_run(checkpoint).unwrap_or_else(|| checkpoint.clone());
        Ok(Some(Model::new(Arc::new(predictor), kind, &checkpoint, restore_model)))
    }
}
