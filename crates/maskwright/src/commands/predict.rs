//! `maskwright predict`.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_predict::predictor::{self, PredictedMask};
use maskwright_report::pictures;

use crate::exit::Usage;
use crate::flags::predictor::PredictorFlags;
use crate::flags::prompts::PromptFlags;
use crate::{output, tell};

/// Write the masks of objects in an image, as PNGs (255 is the object).
///
/// An object is pointed out by a box, by points, by a rough mask or an earlier prediction's logits,
/// or by several of these together. Coordinates are pixels of the image as a viewer shows it: x to
/// the right, y down, the top-left pixel is 0,0; what lies outside is clipped, and said.
/// `maskwright masks` finds everything in an image without a prompt.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright predict --checkpoint run/sam_hq_epoch_11.safetensors \\
      --image leaf.jpg --box 40,30,410,380 --output leaf.png
  maskwright predict --checkpoint sam_hq_vit_b.pth \\
      --image leaf.jpg --point 200,180 --point 20,20,0 --output leaf.png
  maskwright predict --checkpoint sam_vit_b.pth \\
      --image leaf.jpg --point 200,180 --multimask --output leaf.png
      (SAM's three masks: leaf_mask0.png to leaf_mask2.png)")]
pub(crate) struct PredictFlags {
    #[command(flatten)]
    model: PredictorFlags,

    /// The image
    #[arg(long, value_name = "FILE")]
    image: PathBuf,

    #[command(flatten)]
    prompts: PromptFlags,

    /// For ambiguous prompts, such as one point: with --kind sam SAM's three masks, otherwise
    /// HQ-SAM's rule, which takes the one of the three with the highest predicted IoU
    #[arg(long, help_heading = "What to write")]
    multimask: bool,

    /// The PNG to write; of several prompts or masks each gets its number in the name
    #[arg(long, value_name = "FILE", help_heading = "What to write")]
    output: Option<PathBuf>,

    /// Also write a picture: the image with the mask and the prompt drawn over it
    #[arg(long, value_name = "FILE", help_heading = "What to write")]
    overlay: Option<PathBuf>,

    /// Write the numbers: .safetensors with low_res_logits, logits (at the image's size) and
    /// iou_predictions; or .npy with low_res_logits alone
    #[arg(long, value_name = "FILE", help_heading = "What to write")]
    logits: Option<PathBuf>,

    /// Write the image encoder's features (.safetensors)
    #[arg(long, value_name = "FILE", help_heading = "What to write")]
    embedding: Option<PathBuf>,

    /// Print what was found as JSON
    #[arg(long, help_heading = "What to write")]
    json: bool,
}

pub(crate) fn run(flags: &PredictFlags) -> anyhow::Result<()> {
    flags.prompts.check()?;
    if [&flags.output, &flags.overlay, &flags.logits, &flags.embedding].iter().all(|f| f.is_none())
    {
        return Err(Usage(
            "nothing to write: give --output, --overlay, --logits or --embedding".into(),
        )
        .into());
    }
    let (predictor, kind) = flags.model.load()?;
    let image = predictor::read_image(&flags.image)?;
    let prompts = flags.prompts.read(&predictor, image.size)?;
    let encoded = predictor.encode(&image)?;
    if let Some(path) = &flags.embedding {
        predictor::write_embedding(&encoded, path)?;
    }
    let predictions = predictor
        .predict_all(&encoded, &prompts, kind, flags.multimask)
        .map_err(|error| flags.prompts.blamed(error))?;
    if let Some(path) = &flags.logits {
        predictor::write_logits(&encoded, &predictions, path)?;
    }

    let mut found = Vec::new();
    for (number, (prediction, prompt)) in predictions.iter().zip(&prompts).enumerate() {
        for note in &prediction.notes {
            tell::note(note);
        }
        for (place, mask) in prediction.masks.iter().enumerate() {
            let many = (predictions.len() > 1, prediction.masks.len() > 1);
            let named = |path: &PathBuf| numbered(path, (number, place), many);
            let output = flags.output.as_ref().map(named);
            if let Some(path) = &output {
                mask.write_mask(path)?;
            }
            if let Some(path) = flags.overlay.as_ref().map(named) {
                let picture = pictures::overlay(&image, &mask.mask, prompt);
                pictures::write_png(&picture, &path)?;
            }
            found.push(Found { prompt: number, mask_number: place, output, mask });
        }
    }
    if flags.json {
        let masks: Vec<_> = found.iter().map(Found::to_json).collect();
        return output::json(&serde_json::json!({
            "image": flags.image,
            "width": image.size.width,
            "height": image.size.height,
            "kind": kind,
            "geometry": predictor.fit().0,
            "geometry_from": predictor.fit().1,
            "masks": masks,
        }));
    }
    for mask in &found {
        let object = mask.mask.mask.count();
        output::line(format_args!(
            "{}: {} mask, {object} of {} x {} pixels ({:.1}%), predicted IoU {:.3}",
            mask.name(),
            kind.title(),
            image.size.width,
            image.size.height,
            100.0 * object as f64 / (image.size.width * image.size.height) as f64,
            mask.mask.predicted_iou,
        ))?;
    }
    Ok(())
}

/// One mask with its place.
struct Found<'a> {
    prompt: usize,
    mask_number: usize,
    output: Option<PathBuf>,
    mask: &'a PredictedMask,
}

impl Found<'_> {
    fn name(&self) -> String {
        match &self.output {
            Some(path) => path.display().to_string(),
            None => format!("prompt {}, mask {}", self.prompt, self.mask_number),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "prompt": self.prompt,
            "mask_number": self.mask_number,
            "mask": self.output,
            "object_pixels": self.mask.mask.count(),
            "object_box_xyxy": self.mask.mask.box_xyxy(),
            "predicted_iou": self.mask.predicted_iou,
        })
    }
}

/// The file of one of several masks: `leaf.png` becomes `leaf_prompt2.png`, `leaf_mask1.png` or
/// `leaf_prompt2_mask1.png`, by what there is more than one of.
fn numbered(path: &Path, place: (usize, usize), many: (bool, bool)) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    for (what, number, many) in [("prompt", place.0, many.0), ("mask", place.1, many.1)] {
        if many {
            name.push(format!("_{what}{number}"));
        }
    }
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_several_masks_are_numbered() {
        let name = |many| numbered(Path::new("out/leaf.b.png"), (2, 1), many);
        assert_eq!(name((false, false)), Path::new("out/leaf.b.png"));
        assert_eq!(name((true, false)), Path::new("out/leaf.b_prompt2.png"));
        assert_eq!(name((false, true)), Path::new("out/leaf.b_mask1.png"));
        assert_eq!(name((true, true)), Path::new("out/leaf.b_prompt2_mask1.png"));
    }
}
