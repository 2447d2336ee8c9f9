//! The embedded demo: everything once, from no data to a report.
//!
//! It generates pictures of thin-structured objects ([`maskwright_demo`])
//! as real JPEG and PNG files, trains a small SAM from nothing on them, teaches its mask
//! decoder what to propose for single points, tunes an HQ head on the frozen result,
//! evaluates both on pictures that were held out, and writes a report. Each step is the
//! code that the commands run on a user's data.
//!
//! ```text
//! OUTPUT/
//!   data/{train,valid}/{images,masks}/   the pictures
//!   sam/, points/, hq/                   the three runs, as `maskwright train` leaves them
//!   samples.png                          training samples as the model saw them
//!   worst.png, best.png                  predictions beside the truth
//!   report.html                          figures, curves, tables, pictures
//!   demo.json                            the figures, for machines
//! ```

mod summary;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use maskwright_data::lossy;
use maskwright_data::prompt::{KindWeights, PromptKind};
use maskwright_data::source::DataFile;
use maskwright_demo::{self as pictures, DemoSet};
use maskwright_model::{Compute, ModelSource, SamConfig, Trainable};
use maskwright_report::preview::{PreviewConfig, preview};
use maskwright_report::run_report::gallery::{Images, galleries};
use maskwright_report::{pictures as drawn, run_report};
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::EvalJob;
use maskwright_train::evaluator::{EvalConfig, Evaluation};
use maskwright_train::observer::Observer;
use maskwright_train::owned_folder::{self, OwnedFolder};
use maskwright_train::schedule::ScheduleKind;
use maskwright_train::trainer::{Start, TrainOutcome, train};
use serde::{Deserialize, Serialize};

use crate::exit::Usage;

/// What the demo does. The defaults take a few minutes on two cores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoConfig {
    /// The folder for everything.
    pub(crate) output: PathBuf,
    /// Seed of pictures, weights, order, jitter, prompts.
    pub(crate) seed: u64,
    /// The pictures.
    pub(crate) pictures: pictures::DemoConfig,
    /// The small SAM.
    pub(crate) model: SamConfig,
    /// Epochs that train the small SAM from nothing.
    pub(crate) sam_epochs: usize,
    /// Epochs that teach its decoder single points: three masks, of which one is meant.
    pub(crate) point_epochs: usize,
    /// Epochs that tune the HQ head.
    pub(crate) hq_epochs: usize,
    /// Images per step.
    pub(crate) batch_size: usize,
    /// Learning rate of the small SAM.
    pub(crate) sam_learning_rate: f64,
    /// Learning rate of the HQ head.
    pub(crate) hq_learning_rate: f64,
    /// Points of the loss per mask: fewer than at 1024 pixels, where masks have 16 times
    /// as many.
    pub(crate) points: usize,
    /// Decoding threads; 0 for one per core.
    pub(crate) workers: usize,
}

impl DemoConfig {
    /// The demo as `maskwright demo` runs it.
    pub(crate) fn new(output: PathBuf) -> Self {
        Self {
            output,
            seed: 0,
            pictures: pictures::DemoConfig { train: 1000, valid: 40, ..Default::default() },
            model: SamConfig::small(256, 16, 128, 4),
            sam_epochs: 9,
            point_epochs: 1,
            hq_epochs: 4,
            batch_size: 8,
            sam_learning_rate: 4e-4,
            hq_learning_rate: 1e-3,
            points: 56 * 56,
            workers: 0,
        }
    }

    /// All stages within seconds, from which nothing is learnt.
    pub(crate) fn tiny(output: PathBuf) -> Self {
        Self {
            pictures: pictures::DemoConfig { train: 48, valid: 2, ..Default::default() },
            model: SamConfig::small(256, 16, 32, 1),
            sam_epochs: 1,
            hq_epochs: 1,
            batch_size: 4,
            points: 64,
            workers: 1,
            ..Self::new(output)
        }
    }
}

/// What the demo found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DemoOutcome {
    /// The report.
    #[serde(serialize_with = "lossy::path")]
    pub(crate) report: PathBuf,
    /// The tuned model.
    #[serde(serialize_with = "lossy::path")]
    pub(crate) checkpoint: PathBuf,
    /// Per prompt kind, the masks' means on the pictures that were held out.
    pub(crate) evaluation: Evaluation,
    /// Seconds per stage, in order.
    pub(crate) seconds: Vec<(String, f64)>,
}

/// How the demo ended.
#[derive(Debug)]
pub(crate) enum DemoEnd {
    /// All stages are done.
    Done(Box<DemoOutcome>),
    /// The observer asked to stop in this stage; what was finished lies in the output folder.
    Stopped(Stage),
}

/// A part of the demo, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Pictures,
    Sam,
    Points,
    Hq,
    Evaluation,
}

impl Stage {
    /// How many there are.
    pub(crate) const COUNT: usize = 5;

    /// Its number, from 1.
    pub(crate) fn number(self) -> usize {
        self as usize + 1
    }

    /// The folder of its training, where it is one.
    pub(crate) fn run(self) -> Option<&'static str> {
        match self {
            Self::Sam => Some("sam"),
            Self::Points => Some("points"),
            Self::Hq => Some("hq"),
            Self::Pictures | Self::Evaluation => None,
        }
    }

    /// What it does.
    fn what(self, config: &DemoConfig) -> String {
        let pictures::DemoConfig { train, valid, .. } = &config.pictures;
        let epochs =
            |count: usize| if count == 1 { "1 epoch".into() } else { format!("{count} epochs") };
        match self {
            Self::Pictures => format!("makes {} pictures of thin objects", train + valid),
            Self::Sam => format!(
                "trains a small SAM from nothing, {}; this takes most of the time",
                epochs(config.sam_epochs)
            ),
            Self::Points => {
                format!("teaches its mask decoder single points, {}", epochs(config.point_epochs))
            }
            Self::Hq => {
                format!("trains an HQ head on the frozen SAM, {}", epochs(config.hq_epochs))
            }
            Self::Evaluation => {
                format!(
                    "evaluates both on the {valid} pictures that were held out, and writes the report"
                )
            }
        }
    }
}

/// The stages with what each does, as they are said.
fn told(stage: Stage, config: &DemoConfig) -> String {
    format!("stage {} of {}: {}", stage.number(), Stage::COUNT, stage.what(config))
}

/// The file that marks a folder as a demo's, which a later demo may replace.
const MARK: &str = "demo.json";

/// Runs the demo, and says each stage where it begins.
pub(crate) fn run(
    config: &DemoConfig,
    observer: &mut dyn Observer,
    say: &dyn Fn(String),
) -> Result<DemoEnd> {
    let begin = |stage: Stage| say(told(stage, config));
    let mut clock = Clock::start();
    let _owned = OwnedFolder::take(&config.output)?;
    claim(&config.output)?;

    begin(Stage::Pictures);
    let set = pictures::write(&config.pictures, &config.output.join("data"))?;
    let data = data_file(&set)?;
    clock.lap("pictures");
    let samples = preview(&data, &preview_config(config), &observer.opening())?;
    drawn::write_png(&samples.picture, &config.output.join("samples.png"))?;

    begin(Stage::Sam);
    let sam = sam_settings(config, &data);
    let Some(sam_checkpoint) = trained(&sam, observer)? else {
        return Ok(DemoEnd::Stopped(Stage::Sam));
    };
    clock.lap("SAM from nothing");

    begin(Stage::Points);
    let points = point_settings(config, &data, &sam_checkpoint);
    let Some(sam_checkpoint) = trained(&points, observer)? else {
        return Ok(DemoEnd::Stopped(Stage::Points));
    };
    clock.lap("single points");

    begin(Stage::Hq);
    let hq = hq_settings(config, &data, &sam_checkpoint);
    let Some(checkpoint) = trained(&hq, observer)? else {
        return Ok(DemoEnd::Stopped(Stage::Hq));
    };
    clock.lap("HQ head");

    begin(Stage::Evaluation);
    let source = ModelSource { checkpoint: Some(checkpoint.clone()), ..Default::default() };
    let job = EvalJob::open(&source, &Compute::default(), &data, &observer.opening())?;
    let settings = EvalConfig {
        prompts: PromptKind::ALL.to_vec(),
        seed: config.seed,
        ..EvalConfig::default()
    };
    let mut evaluation = match job.evaluate(&settings, observer) {
        Err(maskwright_train::Error::Stopped) => return Ok(DemoEnd::Stopped(Stage::Evaluation)),
        evaluated => evaluated?,
    };
    clock.lap("evaluation");

    let mut images = Images::new(job.sets());
    let galleries = galleries(&mut images, &std::mem::take(&mut evaluation.shown))?;
    for (name, gallery) in ["worst.png", "best.png"].iter().zip(&galleries) {
        drawn::write_png(&gallery.to_image(240), &config.output.join(name))?;
    }
    let outcome = DemoOutcome {
        report: config.output.join("report.html"),
        checkpoint,
        evaluation,
        seconds: clock.laps,
    };
    let report = summary::report(config, &sam, &hq, job.sam(), &outcome, galleries)?;
    write(&outcome.report, report.to_html().as_bytes())?;
    write_mark(&config.output, &outcome)?;
    Ok(DemoEnd::Done(Box::new(outcome)))
}

/// Trains and writes the run's report, as `maskwright train` does; `None` if the run was stopped.
fn trained(settings: &TrainConfig, observer: &mut dyn Observer) -> Result<Option<PathBuf>> {
    let trained = train(settings, Start::Overwrite, observer);
    let TrainOutcome { checkpoint, stopped, .. } = match trained {
        Err(maskwright_train::Error::Stopped) => return Ok(None),
        trained => trained?,
    };
    if stopped {
        return Ok(None);
    }
    run_report::write(&settings.output)?;
    Ok(checkpoint)
}

/// How long each stage took.
struct Clock {
    last: Instant,
    laps: Vec<(String, f64)>,
}

impl Clock {
    fn start() -> Self {
        Self { last: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, name: &str) {
        let now = Instant::now();
        let since = std::mem::replace(&mut self.last, now);
        self.laps.push((name.to_owned(), (now - since).as_secs_f64()));
    }
}

/// The command that finds everything in the held-out pictures. The tuned model saw a few minutes of training and is less
/// sure of its masks than SAM, so the thresholds are lower than those that SAM's masks pass.
pub(crate) fn masks_command(output: &Path, checkpoint: &Path) -> String {
    let folder = output.display();
    format!(
        "maskwright masks --checkpoint {} --input {folder}/data/valid/images --output {folder}/masks \
         --overlay --points-per-side 16 --pred-iou-thresh 0.6 --stability-score-thresh 0.7",
        checkpoint.display()
    )
}

/// Takes the folder: it must be new, empty, or an earlier demo's, which is removed.
fn claim(folder: &Path) -> Result<()> {
    let name = || folder.display().to_string();
    let listing = std::fs::read_dir(folder).with_context(name)?;
    let mut others = listing.flatten().filter(|entry| entry.file_name() != owned_folder::LOCK);
    match others.next() {
        Some(first) if !folder.join(MARK).exists() => Err(Usage(format!(
            "--output: expected a new or empty folder, or an earlier demo's, found {} with {}",
            folder.display(),
            first.file_name().to_string_lossy()
        ))
        .into()),
        first => {
            if first.is_some() {
                for name in ["data", "sam", "points", "hq"] {
                    let path = folder.join(name);
                    if path.exists() {
                        std::fs::remove_dir_all(&path)
                            .with_context(|| format!("{}: cannot remove", path.display()))?;
                    }
                }
            }
            write(&folder.join(MARK), b"{}\n")
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    maskwright_files::write_atomically(path, bytes)
        .with_context(|| format!("{}: cannot write", path.display()))
}

fn write_mark(folder: &Path, outcome: &DemoOutcome) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(outcome)?;
    text.push(b'\n');
    write(&folder.join(MARK), &text)
}

/// The generated sets, with a narrower jitter than HQ-SAM's and more boxes: the model has
/// minutes, and at a tenth of 256 pixels thin parts are gone.
fn data_file(set: &DemoSet) -> Result<DataFile> {
    let mut data = DataFile::read(&set.data_file)?;
    data.plan.scale_min = 0.7;
    data.plan.scale_max = 1.5;
    data.prompts.kinds = KindWeights::default().with(PromptKind::Box, 2.0);
    Ok(data)
}

fn preview_config(config: &DemoConfig) -> PreviewConfig {
    PreviewConfig {
        seed: config.seed,
        epoch: 0,
        range: None,
        count: 16,
        input_size: config.model.image_size,
        tile: 240,
        columns: 4,
    }
}

fn settings(config: &DemoConfig, data: &DataFile, output: &str) -> TrainConfig {
    let mut settings = TrainConfig::new(data.clone(), config.output.join(output));
    settings.model.input_size = Some(config.model.image_size);
    settings.train.batch_size = config.batch_size;
    settings.train.seed = config.seed;
    settings.compute.workers = config.workers;
    settings.train.loss.points.per_mask = config.points;
    settings.train.log_every_steps = 10;
    // Only some of the held-out pictures: the curve is for looking, the table is the result.
    settings.validation.limit = 16;
    settings
}

fn sam_settings(config: &DemoConfig, data: &DataFile) -> TrainConfig {
    let mut settings = settings(config, data, "sam");
    settings.train.learns = Trainable::All;
    settings.model.config = Some(config.model.clone().with_hq(false));
    settings.train.epochs = config.sam_epochs;
    settings.optimizer.learning_rate = config.sam_learning_rate;
    settings.schedule.drop_every_epochs = config.sam_epochs * 3 / 4;
    settings.validation.every_epochs = 1;
    settings.checkpoints.every_epochs = config.sam_epochs;
    settings
}

/// The decoder alone learns on, with a few points in place of ten: half of these prompts are a single point, which could mean
/// several things.
fn point_settings(config: &DemoConfig, data: &DataFile, sam: &Path) -> TrainConfig {
    let mut settings = settings(config, data, "points");
    settings.train.learns = Trainable::Decoder;
    settings.model.checkpoint = Some(sam.to_path_buf());
    let prompts = &mut settings.data.prompts;
    prompts.kinds = KindWeights::default().with(PromptKind::Points, 2.0);
    (prompts.min_points, prompts.points) = (Some(1), 2);
    settings.train.epochs = config.point_epochs;
    // The three masks are new, so at the rate of the beginning; it falls to 0, since all else is learnt.
    settings.optimizer.learning_rate = config.sam_learning_rate;
    settings.schedule.kind = ScheduleKind::Cosine;
    settings.schedule.warmup_steps = 10;
    settings.checkpoints.every_epochs = config.point_epochs;
    settings
}

fn hq_settings(config: &DemoConfig, data: &DataFile, sam: &Path) -> TrainConfig {
    let mut settings = settings(config, data, "hq");
    settings.train.learns = Trainable::Hq;
    settings.model.checkpoint = Some(sam.to_path_buf());
    settings.train.epochs = config.hq_epochs;
    settings.optimizer.learning_rate = config.hq_learning_rate;
    settings.schedule.drop_every_epochs = (config.hq_epochs * 3 / 4).max(1);
    settings.validation.every_epochs = 1;
    settings.checkpoints.every_epochs = config.hq_epochs;
    settings
}
