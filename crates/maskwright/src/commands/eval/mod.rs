//! `maskwright eval`.

mod against;
mod boxes;
mod flags;
mod of_run;
mod print;
mod trained_on;

use std::path::{Path, PathBuf};

use against::Against;
use boxes::Boxes;
use clap::Args;
use flags::{Asked, ClickFlags};
use maskwright_data::sample::Preset;
use maskwright_data::source::DataFile;
use maskwright_model::{GeometryFrom, ModelSource};
use maskwright_report::run_report::{self, EvaluationPage, gallery};
use maskwright_train::checksums;
use maskwright_train::evaluator::statistics::{self, ClickStatistics, Comparison, SetStatistics};
use maskwright_train::evaluator::{
    ClickMetrics, ClickRun, EvalConfig, EvalJob, EvalTimes, Evaluation, ImageScores, SetMetrics,
};
use maskwright_train::observer::Observer;
use of_run::OfRun;
pub(crate) use print::means;
use serde::Serialize;

use crate::command_line::command_line;
use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::flags::device::DeviceFlags;
use crate::flags::geometry;
use crate::flags::model::ModelFlags;
use crate::flags::named::named;
use crate::progress::Progress;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{interrupt, output, process_memory};

/// Evaluate a checkpoint on named sets: IoU and boundary IoU at the images' own resolution.
///
/// SAM's own mask, the HQ mask, and the sum of both are scored side by side. Of a data file
/// the [[valid]] and [[other]] sets are taken, of --images and --masks all pairs. Means come with their 95% interval, by
/// resampling images.
#[derive(Args)]
#[command(after_help = "\
Examples:
  # What a run held out, with its best model; beside what the run began with
  maskwright eval --run run
  maskwright eval --run run --against start --report compared.html

  maskwright eval --checkpoint run/best.safetensors --images photos --masks masks
  maskwright eval --checkpoint sam_hq_vit_l.pth --hqseg44k data --json
  maskwright eval --checkpoint sam_vit_b.pth --images photos --masks masks --prompts clicks
  maskwright eval --checkpoint sam_hq_vit_l.pth --images val2017 --coco instances_val2017.json --boxes detections.json")]
pub(crate) struct EvalFlags {
    #[command(flatten)]
    data: DataFlags,

    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    device: DeviceFlags,

    #[command(flatten)]
    what: WhatFlags,

    #[command(flatten)]
    clicks: ClickFlags,
}

/// What is evaluated, and what comes of it.
#[derive(Args)]
#[command(next_help_heading = "Evaluation")]
struct WhatFlags {
    /// Evaluate on what a training run held out, as it validates: its sets, kinds of prompts, geometry and seed, and its best
    /// model unless --checkpoint is given. Where its data have moved, the flags of data say where they lie now
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,

    /// Evaluate the [[train]] sets instead of the [[valid]] sets of a data file
    #[arg(long, requires = "data")]
    on_train: bool,

    /// Side of the model's square input; the checkpoint's own if not given
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,

    /// Kinds of prompts; box if none is given. clicks: each click lies in the middle of the largest error that the last mask has; reported are the
    /// clicks until an IoU is reached (NoC) and the objects where it never is (NoF)
    #[arg(
        long,
        value_name = "KIND,...",
        value_delimiter = ',',
        value_parser = named::<Asked>()
    )]
    prompts: Vec<Asked>,

    /// Of --coco: average precision of the masks for boxes: those of a list of detections or of an instances file, of a set of
    /// the data file with boxes_only = true, or of the annotations themselves: truth
    #[arg(long, value_name = "JSON | SET | truth", conflicts_with_all = ["prompts", "against", "report", "limit"])]
    boxes: Option<Boxes>,

    /// Compare with another checkpoint on the same sets, or with what the run of --checkpoint began with: start
    #[arg(long, value_name = "FILE | start")]
    against: Option<Against>,

    /// How an image is fitted into the input: longest_side, or squash (both sides). If not given:
    /// what the checkpoint was validated with, and squash, which is HQ-SAM's validation, for a
    /// checkpoint of others, which does not say it
    #[arg(long, value_name = "PRESET", value_parser = named::<Preset>())]
    geometry: Option<Preset>,

    /// Seed of the points and the noise masks; if not given 0, as in the validation of a training
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// At most so many records of each set (images, or their objects where each is a record); 0, or not given, for all
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Print the scores by the size and the thinness of objects, and predicted beside true IoU, too
    #[arg(long)]
    details: bool,

    /// Also write a page with the tables and the worst and best predictions, and the
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
    /// The sets of `[[other]]`.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    other_sets: &'a [String],
    statistics: &'a [SetStatistics],
    images: &'a [ImageScores],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clicks: Vec<Clicks<'a>>,
    #[serde(skip_serializing_if = "<[ClickStatistics]>::is_empty")]
    click_statistics: &'a [ClickStatistics],
    #[serde(skip_serializing_if = "<[ClickRun]>::is_empty")]
    click_runs: &'a [ClickRun],
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<&'a EvalTimes>,
    /// The most memory that the process held, in MiB, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mib: Option<f64>,
}

/// The clicks on a set, with the time that one took.
#[derive(Serialize)]
struct Clicks<'a> {
    #[serde(flatten)]
    metrics: &'a ClickMetrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_per_click: Option<f64>,
}

pub(crate) fn run(flags: &EvalFlags) -> anyhow::Result<()> {
    let of_run = flags.what.run.as_deref().map(OfRun::read).transpose()?;
    let mut data = match &of_run {
        Some(run) => {
            flags.data.set().check_no_run()?;
            flags.data.planned(run.data(&flags.data, flags.what.on_train)?)?
        }
        None => flags.data.resolve(100.0)?,
    };
    if flags.what.on_train {
        data.valid = std::mem::take(&mut data.train);
    }
    if let Some(boxes) = &flags.what.boxes {
        return boxes::run(flags, boxes, &data);
    }
    if let Some(page) = &flags.what.report {
        let inputs = Inputs::data(&data).and(flags.data.reads()).and(flags.model.reads());
        check_page(page, &inputs)?;
    }
    let mut progress = Progress::new(flags.what.json, interrupt::on_ctrl_c());
    let source = ModelSource { input_size: flags.what.input_size, ..flags.model.resolve()? };
    let source = match &of_run {
        Some(run) => run.model(source)?,
        None => source,
    };
    let usual = of_run.as_ref().map(OfRun::evaluation);
    let asked_geometry = flags.what.geometry.or(usual.as_ref().map(|usual| usual.geometry));
    let mut warnings = Warnings::default();
    let opened = open(flags, &source, &data, asked_geometry, &progress, &mut warnings);
    let (job, geometry) = match (opened, &of_run) {
        (Err(error), Some(run)) => return Err(run.advised(error)),
        (opened, _) => opened?,
    };
    if let Some(run) = of_run.as_ref().filter(|_| flags.data.says_where()) {
        warnings.add(run.other_data(&job)?);
    }
    if !flags.what.on_train {
        warnings.add(trained_on::notes(&job)?);
    }
    let before = match &flags.what.against {
        None => None,
        Some(against) => {
            let source = against.source(source.checkpoint.as_deref(), flags.what.input_size)?;
            let (before, geometry) =
                open(flags, &source, &data, asked_geometry, &progress, &mut warnings)?;
            against::check_sizes(&job, &before)?;
            Some((before, geometry))
        }
    };
    let asked = |kind: Asked| flags.what.prompts.contains(&kind);
    let usual = usual.unwrap_or_default();
    let seed = flags.what.seed.unwrap_or(usual.seed);
    let config = EvalConfig {
        prompts: match &flags.what.prompts[..] {
            [] => usual.prompts,
            given => given.iter().filter_map(|kind| kind.prompt()).collect(),
        },
        geometry: geometry.0,
        boundary_ratio: usual.boundary_ratio,
        seed,
        limit: flags.what.limit.unwrap_or(usual.limit),
        clicks: asked(Asked::Clicks).then(|| flags.clicks.resolve()).transpose()?,
        picture_width: flags.what.report.as_ref().map(|_| gallery::TILE),
        keep_masks: flags.what.report.is_some() && before.is_some(),
        ..EvalConfig::default()
    };
    let evaluation = job.evaluate(&config, &mut progress)?;
    let times = progress.take_times();
    warnings.add_records(&evaluation.warnings);
    let earlier = before.map(|(before, geometry)| {
        progress.say("the model before:");
        let clicks = config.clicks.clone().map(|clicks| against::clicks_of(&before, clicks));
        before.evaluate(&EvalConfig { geometry: geometry.0, clicks, ..config }, &mut progress)
    });
    let earlier = earlier.transpose()?;
    progress.finish();
    let comparison = earlier.as_ref().map(|earlier| {
        warnings.add(against::unpaired(&evaluation, earlier));
        Comparison::new(&evaluation, earlier, seed)
    });
    let found = Found {
        comparison,
        times: times.clone(),
        checkpoint: source.checkpoint.as_deref(),
        ..Found::new(&job, &evaluation, geometry, seed)
    };
    // What was found is said first: a page that cannot be written loses nothing.
    let told = found.tell(flags.what.json, flags.what.details, &warnings);
    if let Some(page) = &flags.what.report {
        let before = earlier.as_ref().zip(found.comparison.as_ref());
        let content = EvaluationPage {
            sets: job.sets(),
            others: job.others(),
            evaluation: &evaluation,
            statistics: &found.statistics,
            click_statistics: &found.click_statistics,
            before,
            times: times.as_ref(),
            command: command_line(),
            reproduce: reproduce(seed, &source, geometry.0)?,
        };
        run_report::write_evaluation(&content, page)?;
    }
    told
}

/// The mean time of a click, where it was measured.
fn per_click(times: Option<&EvalTimes>, metrics: &ClickMetrics) -> Option<f64> {
    times.and_then(|times| times.per_click(&metrics.set, metrics.mask))
}

/// What leads to the same figures again.
fn reproduce(
    seed: u64,
    source: &ModelSource,
    geometry: Preset,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut facts = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    if let Some(checkpoint) = source.checkpoint.as_deref().filter(|file| file.is_file()) {
        facts.push(("checkpoint".into(), checkpoint.display().to_string()));
        facts.push(("its SHA-256".into(), checksums::of_file(checkpoint)?.0));
    }
    facts.push(("geometry".into(), geometry.name().into()));
    facts.push(("seed".into(), seed.to_string()));
    Ok(facts)
}

/// Opens a model with the sets, and says what there is to say about both.
fn open(
    flags: &EvalFlags,
    source: &ModelSource,
    data: &DataFile,
    asked: Option<Preset>,
    progress: &Progress,
    warnings: &mut Warnings,
) -> anyhow::Result<(EvalJob, (Preset, GeometryFrom))> {
    let compute = flags.device.resolve();
    let job = EvalJob::open(source, &compute, data, &progress.opening())?;
    warnings.add(job.notes().iter().map(String::as_str));
    let geometry = geometry_of(&job, asked);
    Ok((job, geometry))
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
    geometry: (Preset, GeometryFrom),
    job: &EvalJob,
    evaluation: &Evaluation,
    warnings: &Warnings,
) -> anyhow::Result<()> {
    Found::new(job, evaluation, geometry, 0).tell(json, false, warnings)
}

/// What came of an evaluation.
struct Found<'a> {
    evaluation: &'a Evaluation,
    geometry: (Preset, GeometryFrom),
    job: &'a EvalJob,
    statistics: Vec<SetStatistics>,
    click_statistics: Vec<ClickStatistics>,
    comparison: Option<Comparison>,
    times: Option<EvalTimes>,
    checkpoint: Option<&'a Path>,
}

impl<'a> Found<'a> {
    /// An evaluation alone; `seed` is that of its resampled means.
    fn new(
        job: &'a EvalJob,
        evaluation: &'a Evaluation,
        geometry: (Preset, GeometryFrom),
        seed: u64,
    ) -> Self {
        Self {
            evaluation,
            geometry,
            job,
            statistics: statistics::of_sets(evaluation, seed),
            click_statistics: statistics::of_clicks(evaluation, seed),
            comparison: None,
            times: None,
            checkpoint: None,
        }
    }

    fn tell(&self, json: bool, details: bool, warnings: &Warnings) -> anyhow::Result<()> {
        let Self {
            evaluation, geometry: (geometry, geometry_from), job, comparison, times, ..
        } = self;
        let (statistics, click_statistics) = (&self.statistics, &self.click_statistics);
        let times = times.as_ref();
        let peak_memory_mib = times.and_then(|_| process_memory::peak_mib());
        if json {
            let Evaluation { sets, images, clicks, click_runs, .. } = evaluation;
            let with_time =
                |metrics| Clicks { metrics, seconds_per_click: per_click(times, metrics) };
            let document = Document {
                geometry: *geometry,
                geometry_from: *geometry_from,
                sets,
                other_sets: job.others(),
                statistics,
                images,
                clicks: clicks.iter().map(with_time).collect(),
                click_statistics,
                click_runs,
                comparison: comparison.as_ref(),
                times,
                peak_memory_mib,
            };
            return output::json_of(&document, warnings, self.checkpoint);
        }
        print::means(evaluation, statistics)?;
        print::clicks(evaluation, click_statistics, times, details)?;
        if details {
            print::details(statistics)?;
        }
        if let Some(comparison) = comparison {
            print::comparison(comparison, job.others())?;
        }
        if let Some(times) = times {
            crate::tell::say(print::times(times, peak_memory_mib));
        }
        Ok(())
    }
}
