//! `maskwright masks`.

mod advice;
mod image;
mod told;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use maskwright_predict::many::{Journal, PictureFile, Pictures, RESULTS, read_ahead};
use maskwright_predict::mask_generator::{MaskGenerator, MaskGeneratorConfig};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::exit::{Unfit, Usage};
use crate::flags::generator::GeneratorFlags;
use crate::flags::predictor::PredictorFlags;
use crate::numbers::thousands;
use crate::progress::Progress;
use crate::resumable::{self, Forget, Pace, Refusals, Refused, Resumable};
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{interrupt, tell};

use advice::Search;
use image::Asked;
use told::Told;

/// What the names of an image's files have behind its own.
const JSON: &str = ".json";
const OVERLAY: &str = "_masks.png";
const CSV: &str = ".csv";

/// Find the masks of everything in an image, without a prompt (SAM's automatic mask generator).
///
/// A grid of points is asked about; duplicates and doubtful masks go. Each image gets a JSON file in
/// the schema of the SA-1B data set: annotations with segmentation (COCO run lengths), bbox, area,
/// predicted_iou, stability_score, crop_box and point_coords. Settings have the names and defaults
/// of SAM's scripts/amg.py, and with a checkpoint of others images are seen exactly as there. Where nothing is
/// found, it is said why, and which thresholds to try. A model that was not trained on single points finds little.
///
/// Of many images the same command goes on where it stopped, and results.jsonl has a line for each image. Exit
/// status: 1 if an image was refused.
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

    /// An image, a folder of images, or a text file with an image in each line
    #[arg(long, alias = "image", value_name = "FILE|FOLDER|LIST")]
    input: PathBuf,

    /// The folder that receives NAME.json for each image
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,

    /// Also write NAME_masks.png: the image with every mask in a colour of its own
    #[arg(long)]
    overlay: bool,

    /// Also write the masks as black and white PNGs: NAME/0.png, NAME/1.png, ..., as amg.py does
    #[arg(long)]
    png: bool,

    /// Also write NAME.csv with areas, boxes, scores and points of the masks: amg.py's metadata.csv
    #[arg(long)]
    csv: bool,

    /// What happens at one of many images that cannot be used: it is told in its line of results.jsonl, and the exit
    /// status is 1 (skip) or 0 (accept); or the command ends there (fail)
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    on_refusal: Refused,

    /// Replace files that are there; of many images begin anew
    #[arg(long)]
    force: bool,

    /// Say only what is odd, and errors
    #[arg(long, short)]
    quiet: bool,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: GeneratorFlags,
}

pub(crate) fn run(flags: &MasksFlags) -> anyhow::Result<()> {
    if flags.quiet {
        tell::quietly();
    }
    let config = flags.settings.resolve();
    config.validate()?;
    if targets::is_stdout(&flags.output) {
        return Err(Usage("--output: expected a folder, found -".into()).into());
    }
    let images = Pictures::open(&flags.input)?;
    let images = images.files();
    let many = images[0].path != flags.input;
    if many {
        check_names(images)?;
        let files = images.iter().map(|image| &*image.path);
        resumable::check_output(&flags.output, &flags.input, files)?;
    } else {
        check_targets(flags, &images[0])?;
    }
    let interrupt = interrupt::on_ctrl_c();
    let mut warnings = Warnings::default();
    let (predictor, kind) = flags.model.load(&mut warnings)?;
    let search = Search::with(predictor.sam());
    warnings.add(search.warning());
    let mut work = if many {
        let mut settings = flags.model.settings(&predictor, kind, &flags.input)?;
        settings.extend(flags.settings(&config)?);
        let anew = |folder: &Path| Journal::forget(folder, &[], |row: Written| row.files);
        let anew: Option<Forget<'_>> = if flags.force { Some(&anew) } else { None };
        Some(Resumable::open(&flags.output, &settings, anew, &interrupt)?)
    } else {
        std::fs::create_dir_all(&flags.output)
            .with_context(|| flags.output.display().to_string())?;
        None
    };
    let name = |image: &PictureFile| image.path.to_string_lossy().into_owned();
    let is_done = |work: &Option<Resumable>, image: &PictureFile| {
        work.as_ref().is_some_and(|work| work.journal.is_done(&name(image), None))
    };
    let todo: Vec<(usize, &PictureFile)> =
        images.iter().enumerate().filter(|(_, image)| !is_done(&work, image)).collect();
    let before = images.len() - todo.len();
    let tally = work.as_ref().map(|work| Arc::clone(&work.tally)).unwrap_or_default();
    tally.begin(before, images.len());
    if many {
        tell::say(format_args!(
            "{} images with {}, {} mask, into {}",
            thousands(images.len()),
            flags.model.checkpoint()?.display(),
            kind.title(),
            flags.output.display()
        ));
    }
    if before > 0 {
        tell::say(format_args!("{before} of {} images: finished before", images.len()));
    }
    let paths = todo.iter().map(|(_, image)| image.path.clone()).collect();
    let mut pictures = read_ahead(paths, flags.model.reading())?;
    let generator = MaskGenerator::new(&predictor, kind, config)?;
    let mut asked = Asked {
        flags,
        generator,
        predictor: &predictor,
        progress: Progress::new(flags.json || flags.quiet, Arc::clone(&interrupt)),
        pace: Pace::new(),
        interrupt,
        images: images.len(),
        search,
        refusals: Refusals::new(flags.output.join(RESULTS)),
    };
    let (began, searched) = (Instant::now(), todo.len());
    let mut rows = Vec::new();
    for (place, (number, image)) in todo.into_iter().enumerate() {
        if asked.interrupt.is_asked() {
            return Err(tally.stopped());
        }
        let picture = pictures.next().with_context(|| name(image))?;
        let row = match picture {
            Err(error) if !many || flags.on_refusal == Refused::Fail => return Err(error.into()),
            Err(error) => asked.refused(&image.path, &error),
            Ok(picture) => match asked.of_image((number, before + place), image, picture)? {
                Some(row) => row,
                None => return Err(tally.stopped()),
            },
        };
        match &mut work {
            Some(work) => work.journal.add((&name(image), row.status), None, &row)?,
            None => rows.push(serde_json::to_value(&row)?),
        }
    }
    asked.progress.finish();
    let took = began.elapsed();
    // What was made is still to be told.
    asked.interrupt.may_end(false);
    let results = flags.output.join(RESULTS);
    if let Some(work) = work {
        let Resumable { journal, owned: _owned, .. } = work;
        let names: Vec<String> = images.iter().map(name).collect();
        journal.finish(names.iter().map(String::as_str))?;
        let text =
            std::fs::read_to_string(&results).with_context(|| results.display().to_string())?;
        rows = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    }
    let told = Told::of(&rows, asked.search.advice());
    if flags.json {
        for row in &rows {
            warnings.extend(Warnings::deserialize(&row["warnings"])?);
        }
        told.json(&rows, &warnings, &flags.model.checkpoint()?)?;
    } else if many {
        told.table(&results, (searched, took))?;
    }
    if let Some(advice) = &told.advice {
        tell::note(advice);
    }
    if many {
        told.sum_up(&results);
    }
    let accepted = flags.on_refusal == Refused::Accept;
    if told.refused > 0 && !accepted { Err(Unfit.into()) } else { Ok(()) }
}

/// What a line of the results says of files.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    files: Vec<String>,
}

/// Refuses to write over the image, and without `--force` over anything.
fn check_targets(flags: &MasksFlags, image: &PictureFile) -> Result<(), Usage> {
    let inputs = flags.model.reads().and(Inputs::files([&*image.path]));
    let mut files = vec![(flags.file(image, JSON), Format::Json)];
    files.extend(flags.overlay.then(|| (flags.file(image, OVERLAY), Format::Png)));
    files.extend(flags.csv.then(|| (flags.file(image, CSV), Format::Csv)));
    let targets: Vec<Target<'_>> = files
        .iter()
        .map(|(path, format)| Target { flag: "--output", path, format: *format })
        .collect();
    targets::check(&targets, &inputs, Existing::with(flags.force))
}

/// Refuses names that differ in their ending only, and would share their results.
fn check_names(images: &[PictureFile]) -> Result<(), Usage> {
    let mut seen = HashMap::new();
    for image in images {
        if let Some(other) = seen.insert(image.place(), image) {
            let [other, image] = [other, image].map(|image| image.path.display());
            return Err(Usage(format!("{other} and {image} would write the same JSON file")));
        }
    }
    Ok(())
}

impl MasksFlags {
    /// A file that is written of an image: what its name has behind that of the image.
    fn file(&self, image: &PictureFile, end: &str) -> PathBuf {
        let mut place = image.place().into_os_string();
        place.push(end);
        self.output.join(place)
    }

    /// What the results depend on besides the model, by the names of the flags.
    fn settings(&self, config: &MaskGeneratorConfig) -> anyhow::Result<Map<String, Value>> {
        let mut settings = match serde_json::to_value(config)? {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        settings.insert("overlay".into(), self.overlay.into());
        settings.insert("png".into(), self.png.into());
        settings.insert("csv".into(), self.csv.into());
        Ok(settings)
    }
}
