//! `maskwright masks`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use maskwright_data::source::IMAGE_ENDINGS;
use maskwright_image::RgbImage;
use maskwright_model::MaskKind;
use maskwright_predict::mask_generator::{
    ImageEntry, MaskFile, MaskGenerator, MaskGeneratorConfig, write_json,
};
use maskwright_predict::predictor::Predictor;
use maskwright_report::pictures;

use crate::exit::Usage;
use crate::flags::generator::GeneratorFlags;
use crate::flags::predictor::PredictorFlags;
use crate::progress::Progress;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{interrupt, output};

/// What the names of an image's files have behind its own.
const JSON: &str = ".json";
const OVERLAY: &str = "_masks.png";

/// Find the masks of everything in an image, without a prompt (SAM's automatic mask generator).
///
/// A grid of points is asked about; duplicates and doubtful masks go. Each image gets a JSON file in
/// the schema of the SA-1B data set: annotations with segmentation (COCO run lengths), bbox, area,
/// predicted_iou, stability_score, crop_box and point_coords. Settings have the names and defaults
/// of SAM's scripts/amg.py, and with a checkpoint of others images are seen exactly as there.
#[derive(Args)]
#[command(
    visible_aliases = ["amg", "everything"],
    after_help = "\
Examples:
  maskwright masks --checkpoint sam_hq_vit_b.pth --input leaf.jpg --output masks --overlay
  maskwright masks --checkpoint sam_vit_b.pth --input photos --output masks \\
      --crop-n-layers 1 --crop-n-points-downscale-factor 2 --min-mask-region-area 100"
)]
pub(crate) struct MasksFlags {
    #[command(flatten)]
    model: PredictorFlags,

    /// An image, or a folder of images (JPEG and PNG)
    #[arg(long, alias = "image", value_name = "FILE|FOLDER")]
    input: PathBuf,

    /// The folder that receives NAME.json for each image
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,

    /// Also write NAME_masks.png: the image with every mask in a colour of its own
    #[arg(long)]
    overlay: bool,

    /// Replace files that are there
    #[arg(long)]
    force: bool,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: GeneratorFlags,
}

pub(crate) fn run(flags: &MasksFlags) -> anyhow::Result<()> {
    let config = flags.settings.resolve();
    config.validate()?;
    if targets::is_stdout(&flags.output) {
        return Err(Usage("--output: expected a folder, found -".into()).into());
    }
    let images = images(&flags.input)?;
    check_targets(flags, &images)?;
    let (predictor, kind) = flags.model.load(&mut Warnings::default())?;
    std::fs::create_dir_all(&flags.output).with_context(|| flags.output.display().to_string())?;
    let mut found = Vec::new();
    let interrupt = interrupt::on_ctrl_c();
    for (number, image) in images.iter().enumerate() {
        let mut warnings = Warnings::default();
        let picture = flags.model.read_image(image, &mut warnings)?;
        let progress = Progress::new(flags.json, interrupt.clone());
        let file = of_image(flags, progress, &predictor, kind, &config, (number, image, &picture))?;
        if !flags.json {
            let (masks, json) = &file;
            output::line(format_args!("{}: {masks} masks of {}", json.display(), image.display()))?;
        }
        found.push(serde_json::json!({
            "image": image.to_string_lossy(),
            "masks": file.0,
            "file": file.1.to_string_lossy(),
            "geometry": predictor.fit().0,
            "geometry_from": predictor.fit().1,
            "warnings": warnings,
        }));
    }
    if flags.json { output::json(&found) } else { Ok(()) }
}

/// Refuses to write over images, and without `--force` over anything.
fn check_targets(flags: &MasksFlags, images: &[PathBuf]) -> Result<(), Usage> {
    let inputs = flags.model.reads().and(Inputs::files(images.iter().map(PathBuf::as_path)));
    let files: Vec<[PathBuf; 2]> =
        images.iter().map(|image| [JSON, OVERLAY].map(|end| flags.file(image, end))).collect();
    let targets = files.iter().flat_map(|[json, overlay]| {
        let overlay = flags.overlay.then_some((overlay, Format::Png));
        [Some((json, Format::Json)), overlay].into_iter().flatten()
    });
    let targets: Vec<Target<'_>> =
        targets.map(|(path, format)| Target { flag: "--output", path, format }).collect();
    targets::check(&targets, &inputs, Existing::with(flags.force))
}

impl MasksFlags {
    /// A file that is written of an image: what its name has behind that of the image.
    fn file(&self, image: &Path, end: &str) -> PathBuf {
        let mut name = image.file_stem().unwrap_or_default().to_os_string();
        name.push(end);
        self.output.join(name)
    }
}

/// Writes the files of one image; gives the number of its masks and the JSON file.
fn of_image(
    flags: &MasksFlags,
    mut progress: Progress,
    predictor: &Predictor,
    kind: MaskKind,
    config: &MaskGeneratorConfig,
    (number, path, image): (usize, &Path, &RgbImage),
) -> anyhow::Result<(usize, PathBuf)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let generator = MaskGenerator::new(predictor, kind, config.clone())?;
    let masks = generator.generate(image, |done, total| {
        progress.count(&format!("points of {name}"), done, total, String::new());
    })?;
    progress.finish();
    let entry = ImageEntry {
        image_id: number as u64,
        width: image.size.width,
        height: image.size.height,
        file_name: name,
    };
    let json = flags.file(path, JSON);
    write_json(&MaskFile::new(entry, &masks), &json)?;
    if flags.overlay {
        let picture = pictures::masks_overlay(image, &masks);
        pictures::write_png(&picture, &flags.file(path, OVERLAY))?;
    }
    Ok((masks.len(), json))
}

/// The image itself, or those of a folder by name.
fn images(input: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let name = || input.display().to_string();
    if !input.is_dir() {
        return Ok(vec![input.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(input).with_context(name)? {
        let path = entry.with_context(name)?.path();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if IMAGE_ENDINGS.iter().any(|known| extension == *known) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        anyhow::bail!("{}: expected images (.jpg, .png, .tif, .webp, ...), found none", name());
    }
    // Two names that differ in their extension only would share their result.
    let mut seen = HashMap::new();
    for file in &files {
        if let Some(other) = seen.insert(file.file_stem(), file) {
            return Err(Usage(format!(
                "{} and {} would write the same JSON file",
                other.display(),
                file.display()
            ))
            .into());
        }
    }
    Ok(files)
}
