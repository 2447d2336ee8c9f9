//! `maskwright eval`.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_data::prompt::PromptKind;
use maskwright_data::sample::Preset;
use maskwright_model::{GeometryFrom, ModelSource};
use maskwright_report::run_report;
use maskwright_train::evaluator::{EvalConfig, EvalJob, Evaluation, ImageScores, SetMetrics};
use maskwright_train::observer::Observer;
use serde::Serialize;

use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::flags::device::DeviceFlags;
use crate::flags::geometry;
use crate::flags::model::ModelFlags;
use crate::flags::named::named;
use crate::progress::Progress;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{interrupt, output};

/// Evaluate a checkpoint on named sets: IoU and boundary IoU at the images' own resolution.
///
/// SAM's own mask, the HQ mask, and the sum of both are scored side by side. Of a data file
/// the [[valid]] sets are taken, of --images and --masks all pairs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright eval --checkpoint run/sam_hq_epoch_11.safetensors --images photos --masks masks
  maskwright eval --checkpoint sam_hq_vit_l.pth --hqseg44k data --json")]
pub(crate) struct EvalFlags {
    #[command(flatten)]
    data: DataFlags,

    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    device: DeviceFlags,

    /// Evaluate the [[train]] sets instead of the [[valid]] sets of a data file
    #[arg(long, requires = "data")]
    on_train: bool,

    /// Side of the model's square input; the checkpoint's own if not given
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,

    /// Kinds of prompts
    #[arg(
        long,
        value_name = "KIND,...",
        value_delimiter = ',',
        value_parser = named::<PromptKind>(),
        default_value = "box"
    )]
    prompts: Vec<PromptKind>,

    /// How an image is fitted into the input: longest_side, or squash (both sides). If not given:
    /// what the checkpoint was validated with, and squash, which is HQ-SAM's validation, for a
    /// checkpoint of others, which does not say it
    #[arg(long, value_name = "PRESET", value_parser = named::<Preset>())]
    geometry: Option<Preset>,

    /// Seed of the points and the noise masks
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// At most so many records of each set (images, or their objects where each is a record); 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,

    /// Also write a page with the table and the worst and best predictions, and the
    /// predictions as a PNG beside it
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,

    /// Print everything, image by image too, as JSON
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    /// How images were fitted into the input.
    geometry: Preset,
    /// Who said so.
    geometry_from: GeometryFrom,
    sets: &'a [SetMetrics],
    images: &'a [ImageScores],
    warnings: &'a Warnings,
}

pub(crate) fn run(flags: &EvalFlags) -> anyhow::Result<()> {
    let mut data = flags.data.resolve(100.0)?;
    if flags.on_train {
        data.valid = std::mem::take(&mut data.train);
    }
    if let Some(page) = &flags.report {
        let inputs = Inputs::data(&data).and(flags.data.reads()).and(flags.model.reads());
        check_page(page, &inputs)?;
    }
    let mut progress = Progress::new(flags.json, interrupt::on_ctrl_c());
    let model = ModelSource { input_size: flags.input_size, ..flags.model.resolve()? };
    let compute = flags.device.resolve();
    let job = EvalJob::open(&model, &compute, &data, &progress.opening())?;
    let mut warnings = Warnings::default();
    warnings.add(job.notes().iter().map(String::as_str));
    let (geometry, geometry_from) = geometry_of(&job, flags.geometry);
    let config = EvalConfig {
        prompts: flags.prompts.clone(),
        geometry,
        seed: flags.seed,
        limit: flags.limit,
        ..EvalConfig::default()
    };
    let evaluation = job.evaluate(&config, &mut progress)?;
    progress.finish();
    warnings.add_records(&evaluation.warnings);
    if let Some(page) = &flags.report {
        run_report::write_evaluation(job.sets(), &evaluation, page)?;
    }
    tell(flags.json, (geometry, geometry_from), &evaluation, &warnings)
}

/// Refuses a page, and the picture beside it, that would replace anything but an earlier one.
fn check_page(page: &Path, inputs: &Inputs) -> Result<(), Usage> {
    let picture = run_report::picture_beside(page);
    let page = Target { flag: "--report", path: page, format: Format::Html };
    targets::check(&[page], inputs, Existing::Untouched)?;
    let picture = Target { flag: "--report", path: &picture, format: Format::Png };
    // The picture of an earlier page goes with it.
    let existing = if page.path.exists() { Existing::Replaced } else { Existing::Untouched };
    targets::check(&[picture], inputs, existing)
}

/// The geometry that a model is evaluated with, said where it was not asked for.
pub(crate) fn geometry_of(job: &EvalJob, asked: Option<Preset>) -> (Preset, GeometryFrom) {
    let (geometry, from) = job.geometry(asked);
    geometry::say(geometry.name(), from, "HQ-SAM validates");
    (geometry, from)
}

/// Prints an evaluation, as JSON with the geometry that it was made with.
pub(crate) fn tell(
    json: bool,
    (geometry, geometry_from): (Preset, GeometryFrom),
    evaluation: &Evaluation,
    warnings: &Warnings,
) -> anyhow::Result<()> {
    if json {
        let Evaluation { sets, images, .. } = evaluation;
        return output::json(&Document { geometry, geometry_from, sets, images, warnings });
    }
    print(evaluation)
}

/// The table for people, also used by the demo.
pub(crate) fn print(evaluation: &Evaluation) -> anyhow::Result<()> {
    // Where every object is a record of its own.
    let several = evaluation.sets.iter().any(|set| set.objects > set.images);
    let mut rows = Vec::new();
    for set in &evaluation.sets {
        for scores in &set.scores {
            rows.push(vec![
                set.set.clone(),
                set.prompt.to_string(),
                scores.mask.title().to_owned(),
                format!("{:.4}", scores.iou),
                format!("{:.4}", scores.boundary_iou),
                set.images.to_string(),
            ]);
            if several {
                rows.last_mut().expect("pushed").push(set.objects.to_string());
            }
        }
    }
    let header = ["set", "prompt", "mask", "mIoU", "boundary mIoU", "images", "objects"];
    output::table(&header[..header.len() - usize::from(!several)], &rows)?;
    output::lines(evaluation.sets.iter().filter_map(SetMetrics::left_out))
}
