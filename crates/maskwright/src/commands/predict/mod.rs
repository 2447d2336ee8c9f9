//! `maskwright predict`.

mod many;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_image::encode;
use maskwright_model::MaskKind;
use maskwright_predict::predictor::{self, PredictedMask};
use maskwright_report::pictures;

use crate::exit::Usage;
use crate::flags::predictor::PredictorFlags;
use crate::flags::prompts::PromptFlags;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{output, tell};

/// Write the masks of objects in an image, or in many.
///
/// An object is pointed out by a box, by points, by a rough mask or an earlier prediction's logits,
/// or by several of these together. Coordinates are pixels of the image as a viewer shows it: x to
/// the right, y down, the top-left pixel is 0,0; what lies outside is clipped, and said, and a prompt
/// that lies outside as a whole is an error.
/// `maskwright masks` finds everything in an image without a prompt.
///
/// With --input, the prompts of many images are answered, the model loaded once, and images decoded ahead.
/// results.jsonl has a line for each: status, masks with ids and scores of the prompts, and why what was
/// refused could not be used. The same command goes on where it stopped. Exit status: 1 if anything was refused.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright predict --checkpoint run/sam_hq_epoch_11.safetensors \\
      --image leaf.jpg --box 40,30,410,380 --output leaf.png
  maskwright predict --checkpoint sam_hq_vit_b.pth \\
      --image leaf.jpg --point 200,180 --point 20,20,0 --output leaf.png
  maskwright predict --checkpoint sam_vit_b.pth \\
      --image leaf.jpg --point 200,180 --multimask --output leaf.png
      (SAM's three masks: leaf_mask0.png to leaf_mask2.png)
  maskwright predict --checkpoint sam_hq_vit_b.pth --input photos --prompts boxes.csv \\
      --output found --format coco
      (boxes.csv: image,x0,y0,x1,y1,id,score, or a detector's own columns; results in
      found/results.json)")]
pub(crate) struct PredictFlags {
    #[command(flatten)]
    model: PredictorFlags,

    /// The image
    #[arg(long, value_name = "FILE", required_unless_present = "input")]
    image: Option<PathBuf>,

    #[command(flatten)]
    many: many::ManyFlags,

    #[command(flatten)]
    prompts: PromptFlags,

    /// For ambiguous prompts, such as one point: with --kind sam SAM's three masks, otherwise
    /// HQ-SAM's rule, which takes the one of the three with the highest predicted IoU
    #[arg(long, help_heading = "What to write")]
    multimask: bool,

    /// The PNG to write, - for standard output; of several prompts or masks each gets its number in
    /// the name. With --input the folder to write into, which is made
    #[arg(long, value_name = "FILE.png|FOLDER", help_heading = "What to write")]
    output: Option<PathBuf>,

    /// Also write a picture (PNG): the image with the mask and the prompt drawn over it. With --input without a file:
    /// NAME_masks.png for each image, with every mask in a colour of its own
    #[arg(
        long,
        value_name = "FILE.png",
        num_args = 0..=1,
        default_missing_value = "",
        value_parser = clap::value_parser!(OsString),
        help_heading = "What to write"
    )]
    overlay: Option<OsString>,

    /// Write the numbers: .safetensors with low_res_logits, logits (at the image's size) and
    /// iou_predictions; or .npy with low_res_logits alone
    #[arg(long, value_name = "FILE", help_heading = "What to write")]
    logits: Option<PathBuf>,

    /// Write the image encoder's features (.safetensors)
    #[arg(long, value_name = "FILE", help_heading = "What to write")]
    embedding: Option<PathBuf>,

    /// Replace files that are there; with --input begin anew
    #[arg(long, help_heading = "What to write")]
    force: bool,

    /// Say only what is odd, and errors
    #[arg(long, short, help_heading = "What to write")]
    quiet: bool,

    /// Print what was found as JSON
    #[arg(long, help_heading = "What to write")]
    json: bool,
}

pub(crate) fn run(flags: &PredictFlags) -> anyhow::Result<()> {
    if flags.quiet {
        tell::quietly();
    }
    match (&flags.image, &flags.many.input) {
        (Some(_), _) if flags.overlay.as_ref().is_some_and(|file| file.is_empty()) => {
            Err(Usage("--overlay: expected a file beside --image, found none".into()).into())
        }
        (None, Some(_)) if flags.overlay.as_ref().is_some_and(|file| !file.is_empty()) => {
            let expected = "no file beside --input, which writes NAME_masks.png for each image";
            Err(Usage(format!("--overlay: expected {expected}, found one")).into())
        }
        (Some(image), _) => of_image(flags, image),
        (None, Some(input)) => many::run(flags, input),
        // The parser asks for one of them.
        (None, None) => Err(Usage("--image: expected an image, found none".into()).into()),
    }
}

/// Predicts on a single image.
fn of_image(flags: &PredictFlags, path: &Path) -> anyhow::Result<()> {
    flags.prompts.check()?;
    let overlay = flags.overlay();
    let files =
        [flags.output.as_deref(), overlay, flags.logits.as_deref(), flags.embedding.as_deref()];
    if files.iter().all(Option::is_none) {
        return Err(Usage(
            "nothing to write: give --output, --overlay, --logits or --embedding".into(),
        )
        .into());
    }
    // As far as can be told before the model is loaded.
    if flags.prompts.may_be_several() || flags.multimask {
        targets::check(&flags.targets(), &Inputs::default(), Existing::Replaced)?;
    } else {
        flags.check_targets(path, 1, 1)?;
    }
    let mut warnings = Warnings::default();
    let (predictor, kind) = flags.model.load(&mut warnings)?;
    let image = flags.model.read_image(path, &mut warnings)?;
    let mut read_mask = |path: &Path| flags.model.read_mask(path, &mut warnings);
    let prompts = flags.prompts.read(&predictor, image.size, &mut read_mask)?;
    let ambiguous = flags.multimask && kind == MaskKind::Sam;
    let masks = if ambiguous { predictor.sam().config().decoder.multimask } else { 1 };
    flags.check_targets(path, prompts.len(), masks)?;
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
        warnings.add(prediction.notes.iter().map(String::as_str));
        for (place, mask) in prediction.masks.iter().enumerate() {
            let many = (predictions.len() > 1, prediction.masks.len() > 1);
            let named = |path: &Path| numbered(path, (number, place), many);
            let output = flags.output.as_deref().map(named);
            if let Some(path) = &output {
                targets::write_png(encode::png_grey(&mask.mask.to_grey()), path)?;
            }
            if let Some(path) = overlay.map(named) {
                let picture = pictures::overlay(&image, &mask.mask, prompt);
                targets::write_png(encode::png_rgb(&picture), &path)?;
            }
            let one = Found { prompt: number, mask_number: place, output, mask };
            if one.is_empty() {
                let name = one.name();
                warnings.add([format!("{name}: the mask is empty: no pixel is on the object")]);
            }
            found.push(one);
        }
    }
    if flags.json {
        let masks: Vec<_> = found.iter().map(Found::to_json).collect();
        let document = serde_json::json!({
            "image": path.to_string_lossy(),
            "width": image.size.width,
            "height": image.size.height,
            "kind": kind,
            "geometry": predictor.fit().0,
            "geometry_from": predictor.fit().1,
            "masks": masks,
        });
        return output::json_of(&document, &warnings, Some(&flags.model.checkpoint()?));
    }
    for mask in &found {
        let object = mask.mask.mask.count();
        let line = format!(
            "{}: {} mask, {}{object} of {} x {} pixels ({:.1}%), predicted IoU {:.3}",
            mask.name(),
            kind.title(),
            if mask.is_empty() { "empty, " } else { "" },
            image.size.width,
            image.size.height,
            100.0 * object as f64 / (image.size.width * image.size.height) as f64,
            mask.mask.predicted_iou,
        );
        if flags.is_to_stdout() { tell::say(line) } else { output::line(line)? }
    }
    Ok(())
}

impl PredictFlags {
    /// What is written, by the names that one mask of one prompt has.
    fn targets(&self) -> Vec<Target<'_>> {
        let targets = [
            ("--output", self.output.as_deref(), Format::Png),
            ("--overlay", self.overlay(), Format::Png),
            ("--logits", self.logits.as_deref(), Format::Tensors),
            ("--embedding", self.embedding.as_deref(), Format::Safetensors),
        ];
        targets
            .into_iter()
            .filter_map(|(flag, path, format)| Some(Target { flag, path: path?, format }))
            .collect()
    }

    /// The picture to write of a single image.
    fn overlay(&self) -> Option<&Path> {
        self.overlay.as_deref().map(Path::new)
    }

    /// Refuses targets that cannot be, or must not be written, of so many prompts with so many masks each.
    fn check_targets(&self, image: &Path, prompts: usize, masks: usize) -> Result<(), Usage> {
        let inputs = self.model.reads().and(self.prompts.reads());
        let inputs = inputs.and(Inputs::files([image]));
        let many = (prompts > 1, masks > 1);
        let mut files = Vec::new();
        for target in self.targets() {
            if target.format != Format::Png {
                files.push((target, target.path.to_path_buf()));
                continue;
            }
            if targets::is_stdout(target.path) && (prompts * masks > 1 || self.json) {
                let found = if self.json {
                    "--json too".into()
                } else {
                    format!("{} masks", prompts * masks)
                };
                return Err(Usage(format!(
                    "{}: expected a file, since standard output takes one thing, found - and {found}",
                    target.flag
                )));
            }
            let places = (0..prompts).flat_map(|prompt| (0..masks).map(move |mask| (prompt, mask)));
            files.extend(places.map(|place| (target, numbered(target.path, place, many))));
        }
        let files: Vec<Target<'_>> =
            files.iter().map(|(target, path)| Target { path, ..*target }).collect();
        targets::check(&files, &inputs, Existing::with(self.force))
    }

    /// Whether a picture goes to standard output, which then takes no words.
    fn is_to_stdout(&self) -> bool {
        [self.output.as_deref(), self.overlay()].into_iter().flatten().any(targets::is_stdout)
    }
}

/// One mask with its place.
struct Found<'a> {
    prompt: usize,
    mask_number: usize,
    output: Option<PathBuf>,
    mask: &'a PredictedMask,
}

impl Found<'_> {
    fn is_empty(&self) -> bool {
        self.mask.mask.count() == 0
    }

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
            "mask": self.output.as_deref().map(Path::to_string_lossy),
            "object_pixels": self.mask.mask.count(),
            "object_box_xyxy": self.mask.mask.box_xyxy(),
            "predicted_iou": self.mask.predicted_iou,
        })
    }
}

/// The file of one of several masks: `leaf.png` becomes `leaf_prompt2.png`, `leaf_mask1.png` or
/// `leaf_prompt2_mask1.png`, by what there is more than one of. All go into one device.
fn numbered(path: &Path, place: (usize, usize), many: (bool, bool)) -> PathBuf {
    if targets::is_stream(path) {
        return path.to_path_buf();
    }
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
