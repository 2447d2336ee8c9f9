//! The model of a prediction: which checkpoint, and how an image is fitted into its input.

use std::path::PathBuf;

use clap::Args;
use maskwright_model::MaskKind;
use maskwright_predict::predictor::{Fit, Predictor};

use crate::flags::device::DeviceFlags;
use crate::flags::geometry;
use crate::flags::named::named;
use crate::targets::Inputs;
use crate::{hub, tell};

/// Which model answers.
#[derive(Args)]
pub(crate) struct PredictorFlags {
    /// SAM or HQ-SAM checkpoint: .pth, .safetensors, a Hugging Face folder, or
    /// hf://OWNER/REPO/FILE[@REVISION]
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,

    /// Tuned decoder (epoch_N) to put over the checkpoint's
    #[arg(long, value_name = "FILE")]
    restore_model: Option<PathBuf>,

    /// The mask to write: sam, hq, or sam_hq (their sum, HQ-SAM's predictor); the best the
    /// model has if not given
    #[arg(long, value_name = "KIND")]
    kind: Option<MaskKind>,

    /// Side of the model's square input; the checkpoint's own if not given
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,

    /// How the image is fitted into the input: longest_side (as in training here), squash (both
    /// sides), or sam (SAM's published predictor, number by number). If not given: what the
    /// checkpoint was validated with, and sam for a checkpoint of others, which does not say it
    #[arg(long, value_name = "WAY", value_parser = named::<Fit>())]
    geometry: Option<Fit>,

    #[command(flatten)]
    device: DeviceFlags,
}

impl PredictorFlags {
    /// The files that hold the model.
    pub(crate) fn reads(&self) -> Inputs {
        Inputs::files(
            [Some(&self.checkpoint), self.restore_model.as_ref()]
                .into_iter()
                .flatten()
                .map(PathBuf::as_path),
        )
    }

    /// Loads the model and says what is remarkable about it; also gives which of its masks is meant.
    pub(crate) fn load(&self) -> anyhow::Result<(Predictor, MaskKind)> {
        let restore_model = self.restore_model.as_deref().map(hub::local).transpose()?;
        let predictor = Predictor::load(
            &hub::local(&self.checkpoint)?,
            restore_model.as_deref(),
            self.input_size,
            &self.device.resolve(),
        )?;
        let predictor = match self.geometry {
            Some(fit) => predictor.with_fit(fit),
            None => predictor,
        };
        for note in predictor.notes() {
            tell::note(note);
        }
        let (fit, from) = predictor.fit();
        geometry::say(fit.name(), from, "SAM's published predictor fits images");
        let kind = self.kind.unwrap_or_else(|| predictor.best_kind());
        Ok((predictor, kind))
    }
}
