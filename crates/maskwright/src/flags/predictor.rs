//! The model of a prediction: which checkpoint, and how an image is fitted into its input.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_data::source::ValueRangeKey;
use maskwright_image::{GreyImage, RgbImage};
use maskwright_model::MaskKind;
use maskwright_predict::predictor::{
    Fit, Predictor, narrow_range, read_image_in_range, read_mask_checked,
};

use crate::flags::device::DeviceFlags;
use crate::flags::geometry as flags_geometry;
use crate::flags::named::named;
use crate::hub;
use crate::targets::Inputs;
use crate::warnings::Warnings;

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

    /// Numbers of images of more than 8 bits that are black and white, such as 0,4095 for cameras of
    /// 12 bits; or auto: the image's own 0.1th and 99.9th percentile. Those that the training images
    /// were seen in (value_range in the run's config.toml) give the best masks
    #[arg(long, value_name = "LOW,HIGH|auto", allow_hyphen_values = true)]
    value_range: Option<ValueRangeKey>,

    /// Refuse images and masks that are damaged but decodable, instead of a warning
    #[arg(long)]
    strict: bool,

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

    /// Reads an image as a viewer shows it.
    pub(crate) fn read_image(
        &self,
        path: &Path,
        warnings: &mut Warnings,
    ) -> anyhow::Result<RgbImage> {
        let image = read_image_in_range(path, self.value_range)?;
        warnings.add_decoded(path, &image.warnings, self.strict)?;
        // Only such images are nearly black, and decoded once more for their numbers.
        let dark = self.value_range.is_none() && image.pixels.data.iter().all(|&level| level < 65);
        if let Some(largest) = dark.then(|| narrow_range(path)).flatten() {
            warnings.add([format!(
                "{}: the largest of its numbers is {largest} of 65535, so it is seen nearly black; \
                 --value-range says which are black and white",
                path.display()
            )]);
        }
        Ok(image.pixels)
    }

    /// Reads a mask for a prompt.
    pub(crate) fn read_mask(
        &self,
        path: &Path,
        warnings: &mut Warnings,
    ) -> anyhow::Result<GreyImage> {
        let mask = read_mask_checked(path)?;
        warnings.add_decoded(path, &mask.warnings, self.strict)?;
        Ok(mask.pixels)
    }

    /// Loads the model and says what is remarkable about it; also gives which of its masks is meant.
    pub(crate) fn load(&self, warnings: &mut Warnings) -> anyhow::Result<(Predictor, MaskKind)> {
        let (checkpoint, restore_model) = (&self.checkpoint, self.restore_model.as_deref());
        let predictor = load(
            checkpoint,
            restore_model,
            self.input_size,
            self.geometry,
            &self.device,
            warnings,
        )?;
        let kind = self.kind.unwrap_or_else(|| predictor.best_kind());
        Ok((predictor, kind))
    }
}

/// Loads a model, with a tuned decoder over it where one is given, and says what is remarkable about it.
pub(crate) fn load(
    checkpoint: &Path,
    restore_model: Option<&Path>,
    input_size: Option<usize>,
    geometry: Option<Fit>,
    device: &DeviceFlags,
    warnings: &mut Warnings,
) -> anyhow::Result<Predictor> {
    let restore_model = restore_model.map(hub::local).transpose()?;
    let predictor = Predictor::load(
        &hub::local(checkpoint)?,
        restore_model.as_deref(),
        input_size,
        &device.resolve(),
    )?;
    let predictor = match geometry {
        Some(fit) => predictor.with_fit(fit),
        None => predictor,
    };
    warnings.add(predictor.notes().iter().map(String::as_str));
    let (fit, from) = predictor.fit();
    flags_geometry::say(fit.name(), from, "SAM's published predictor fits images");
    Ok(predictor)
}
