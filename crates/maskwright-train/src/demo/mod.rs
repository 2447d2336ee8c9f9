//! The embedded demo: everything once, from no data to a report.
//!
//! It generates pictures of thin-structured objects ([`maskwright_data::source::demo`])
//! as real JPEG and PNG files, trains a small SAM from nothing on them, tunes an HQ head
//! on the frozen result, evaluates both on pictures that were held out, and writes a
//! report. Each step is the code that the commands run on a user's data.
//!
//! ```text
//! OUTPUT/
//!   data/{train,valid}/{images,masks}/   the pictures
//!   sam/, hq/                            the two runs, as `maskwright train` leaves them
//!   samples.png                          training samples as the model saw them
//!   worst.png, best.png                  predictions beside the truth
//!   report.html                          figures, curves, tables, pictures
//!   demo.json                            the figures, for machines
//! ```

mod summary;

use std::path::{Path, PathBuf};
use std::time::Instant;

use maskwright_data::prompt::{KindWeights, PromptKind};
use maskwright_data::source::DataFile;
use maskwright_data::source::demo::{self as pictures, DemoSet};
use maskwright_model::{SamConfig, TrainScope};
use serde::{Deserialize, Serialize};

use crate::checkpoint::load_model;
use crate::config::{ModelSource, TrainConfig};
use crate::device::host;
use crate::error::{Error, Result};
use crate::evaluator::{EvalConfig, Evaluation, evaluate};
use crate::files;
use crate::observer::Observer;
use crate::preview::{PreviewConfig, preview};
use crate::run_report::gallery::{Evaluated, galleries};
use crate::trainer::{Start, TrainOutcome, open_sets, sample_config, train};

/// What the demo does. The defaults take a few minutes on two cores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoConfig {
    /// The folder for everything.
    pub output: PathBuf,
    /// Seed of pictures, weights, order, jitter, prompts.
    pub seed: u64,
    /// The pictures.
    pub pictures: pictures::DemoConfig,
    /// The small SAM.
    pub model: SamConfig,
    /// Epochs that train the small SAM from nothing.
    pub sam_epochs: usize,
    /// Epochs that tune the HQ head.
    pub hq_epochs: usize,
    /// Images per step.
    pub batch_size: usize,
    /// Learning rate of the small SAM.
    pub sam_learning_rate: f64,
    /// Learning rate of the HQ head.
    pub hq_learning_rate: f64,
    /// Points of the loss per mask: fewer than at 1024 pixels, where masks have 16 times
    /// as many.
    pub points: usize,
    /// Decoding threads; 0 for one per core.
    pub workers: usize,
}

impl DemoConfig {
    /// The demo as `maskwright demo` runs it.
    pub fn new(output: PathBuf) -> Self {
        Self {
            output,
            seed: 0,
            pictures: pictures::DemoConfig { train: 1000, valid: 40, ..Default::default() },
            model: SamConfig::small(256, 16, 128, 4),
            sam_epochs: 9,
            hq_epochs: 4,
            batch_size: 8,
            sam_learning_rate: 4e-4,
            hq_learning_rate: 1e-3,
            points: 56 * 56,
            workers: 0,
        }
    }
}

/// What the demo found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemoOutcome {
    /// The report.
    pub report: PathBuf,
    /// The tuned model.
    pub checkpoint: PathBuf,
    /// Per prompt kind, the masks' means on the pictures that were held out.
    pub evaluation: Evaluation,
    /// Seconds per stage, in order.
    pub seconds: Vec<(String, f64)>,
}

/// How the demo ended.
#[derive(Debug)]
pub enum DemoEnd {
    /// All stages are done.
    Done(Box<DemoOutcome>),
    /// The observer asked to stop; what was finished lies in the output folder.
    Stopped,
}

/// The file that marks a folder as a demo's, which a later demo may replace.
const MARK: &str = "demo.json";

/// Runs the demo.
///
/// # Errors
/// A folder that holds something else than an earlier demo, and failed writes.
pub fn run(config: &DemoConfig, observer: &mut dyn Observer) -> Result<DemoEnd> {
    let mut clock = Clock::start();
    claim(&config.output)?;

    let set = pictures::write(&config.pictures, &config.output.join("data"))?;
    let data = data_file(&set)?;
    clock.lap("pictures");
    preview(&data, &preview_config(config), &config.output.join("samples.png"))?;

    let sam = sam_settings(config, &data);
    let outcome = train(&sam, Start::Overwrite, observer)?;
    let Some(sam_checkpoint) = finished(outcome) else { return Ok(DemoEnd::Stopped) };
    clock.lap("SAM from nothing");

    let hq = hq_settings(config, &data, &sam_checkpoint);
    let outcome = train(&hq, Start::Overwrite, observer)?;
    let Some(checkpoint) = finished(outcome) else { return Ok(DemoEnd::Stopped) };
    clock.lap("HQ head");

    let device = host();
    let source = ModelSource { checkpoint: Some(checkpoint.clone()), ..Default::default() };
    let model = load_model(&source, None, false, config.seed, &device)?.sam;
    let samples = sample_config(&data, &model);
    let sets = open_sets(data.open_valid()?);
    let settings = EvalConfig {
        prompts: PromptKind::ALL.to_vec(),
        seed: config.seed,
        ..EvalConfig::default()
    };
    let evaluation = evaluate(&model, &device, &samples, &sets, &settings, observer)?;
    clock.lap("evaluation");

    let galleries = galleries(&Evaluated {
        sam: &model,
        device: &device,
        samples: &samples,
        sets: &sets,
        config: &settings,
        evaluation: &evaluation,
    })?;
    for (name, gallery) in ["worst.png", "best.png"].iter().zip(&galleries) {
        crate::pictures::write_png(&gallery.to_image(240), &config.output.join(name))?;
    }
    let outcome = DemoOutcome {
        report: config.output.join("report.html"),
        checkpoint,
        evaluation,
        seconds: clock.laps,
    };
    let report = summary::report(config, &sam, &hq, &model, &outcome, galleries)?;
    files::write_atomically(&outcome.report, report.to_html().as_bytes())?;
    write_mark(&config.output, &outcome)?;
    Ok(DemoEnd::Done(Box::new(outcome)))
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

/// Takes the folder: it must be new, empty, or an earlier demo's, which is removed.
fn claim(folder: &Path) -> Result<()> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            files::create_folder(folder)?;
            return files::write_atomically(&folder.join(MARK), b"{}\n");
        }
        Err(error) => return Err(Error::io(folder, "read")(error)),
    };
    let first = listing.flatten().next();
    match first {
        Some(first) if !folder.join(MARK).exists() => Err(Error::FolderTaken {
            folder: folder.to_path_buf(),
            expected: "a new or empty folder, or an earlier demo's".into(),
            found: first.file_name().to_string_lossy().into_owned(),
        }),
        first => {
            if first.is_some() {
                for name in ["data", "sam", "hq"] {
                    let path = folder.join(name);
                    if path.exists() {
                        std::fs::remove_dir_all(&path).map_err(Error::io(&path, "remove"))?;
                    }
                }
            }
            files::write_atomically(&folder.join(MARK), b"{}\n")
        }
    }
}

fn write_mark(folder: &Path, outcome: &DemoOutcome) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(outcome).expect("plain values always serialise");
    text.push(b'\n');
    files::write_atomically(&folder.join(MARK), &text)
}

/// The generated sets, with a narrower jitter than HQ-SAM's and more boxes: the model has
/// minutes, and at a tenth of 256 pixels thin parts are gone.
fn data_file(set: &DemoSet) -> Result<DataFile> {
    let mut data = DataFile::read(&set.data_file)?;
    data.plan.scale_min = 0.7;
    data.plan.scale_max = 1.5;
    data.prompts.kinds = KindWeights { boxes: 2.0, points: 1.0, noise_mask: 1.0 };
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
    settings.input_size = config.model.image_size;
    settings.batch_size_train = config.batch_size;
    settings.seed = config.seed;
    settings.workers = config.workers;
    settings.points.points = config.points;
    settings.log_every = 10;
    // Only some of the held-out pictures: the curve is for looking, the table is the result.
    settings.evaluation.limit = 16;
    settings
}

fn sam_settings(config: &DemoConfig, data: &DataFile) -> TrainConfig {
    let mut settings = settings(config, data, "sam");
    settings.train = TrainScope::All;
    settings.model.config = Some(config.model.clone().with_hq(false));
    settings.max_epoch_num = config.sam_epochs;
    settings.learning_rate = config.sam_learning_rate;
    settings.lr_drop_epoch = config.sam_epochs * 3 / 4;
    settings.eval_every = 1;
    settings.model_save_fre = config.sam_epochs;
    settings
}

fn hq_settings(config: &DemoConfig, data: &DataFile, sam: &Path) -> TrainConfig {
    let mut settings = settings(config, data, "hq");
    settings.train = TrainScope::Hq;
    settings.model.checkpoint = Some(sam.to_path_buf());
    settings.max_epoch_num = config.hq_epochs;
    settings.learning_rate = config.hq_learning_rate;
    settings.lr_drop_epoch = (config.hq_epochs * 3 / 4).max(1);
    settings.eval_every = 1;
    settings.model_save_fre = config.hq_epochs;
    settings
}

fn finished(outcome: TrainOutcome) -> Option<PathBuf> {
    if outcome.stopped { None } else { outcome.checkpoint }
}
