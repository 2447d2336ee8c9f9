//! The model of a prediction: which checkpoint, and how an image is fitted into its input.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use maskwright_data::source::ValueRangeKey;
use maskwright_image::{GreyImage, RgbImage};
use maskwright_model::MaskKind;
use maskwright_predict::many::Reading;
use maskwright_predict::predictor::{Fit, Predictor, read_mask_checked};
use maskwright_train::checksums;
use serde_json::{Map, Value};

use crate::flags::device::DeviceFlags;
use crate::flags::geometry as flags_geometry;
use crate::flags::named::named;
use crate::official;
use crate::targets::Inputs;
use crate::warnings::Warnings;

/// Which model answers.
#[derive(Args)]
pub(crate) struct PredictorFlags {
    /// SAM or HQ-SAM checkpoint: .pth, .safetensors, a Hugging Face folder, the folder of a run (its
    /// best.safetensors), hf://OWNER/REPO/FILE[@REVISION], or the name of a published one (`maskwright models`)
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,

    /// Tuned decoder (epoch_N) to put over the checkpoint's
    #[arg(long, value_name = "FILE")]
    restore_model: Option<PathBuf>,

    /// The mask to write: sam, hq, or sam_hq (their sum, HQ-SAM's predictor). If not given: the one that the
    /// model's training judged, and of models of others the best that they have
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
    /// The checkpoint's file or folder.
    pub(crate) fn checkpoint(&self) -> anyhow::Result<PathBuf> {
        official::local(&self.checkpoint)
    }

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
        let image = self.reading().read(path)?;
        warnings.add_of_file(path, &image.warnings);
        Ok(image.pixels)
    }

    /// How images are read.
    pub(crate) fn reading(&self) -> Reading {
        Reading { value_range: self.value_range, strict: self.strict }
    }

    /// All of the images, the model and its use that results depend on, by the names of the flags.
    pub(crate) fn settings(
        &self,
        predictor: &Predictor,
        kind: MaskKind,
        input: &Path,
    ) -> anyhow::Result<Map<String, Value>> {
        let input = std::path::absolute(input).with_context(|| input.display().to_string())?;
        let checkpoint = sum(&official::local(&self.checkpoint)?)?;
        let restore_model = match &self.restore_model {
            Some(path) => sum(&official::local(path)?)?.into(),
            None => Value::Null,
        };
        let settings = [
            ("input", input.to_string_lossy().into()),
            ("checkpoint", checkpoint.into()),
            ("restore_model", restore_model),
            ("kind", kind.name().into()),
            ("input_size", predictor.sam().config().image_size.into()),
            ("geometry", predictor.fit().0.name().into()),
            ("value_range", serde_json::to_value(self.value_range)?),
            ("strict", self.strict.into()),
        ];
        Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
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

/// What tells a file from others: the first digits of its SHA-256. Of a folder those of the files in it.
pub(crate) fn sum(path: &Path) -> anyhow::Result<String> {
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| path.display().to_string())?;
        files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
    }
    let sums = files.iter().map(|file| Ok(checksums::of_file(file)?.0[..16].to_owned()));
    Ok(format!("SHA-256 {}", sums.collect::<anyhow::Result<Vec<String>>>()?.join(" ")))
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
    let restore_model = restore_model.map(official::local).transpose()?;
    let predictor = Predictor::load(
        &official::opened(checkpoint)?,
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
