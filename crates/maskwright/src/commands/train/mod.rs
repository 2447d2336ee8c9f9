//! `maskwright train`.

pub(crate) mod advice;
pub(crate) mod forecast;
mod settings;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use maskwright_data::prompt::{MaskValues, PromptKind};
use maskwright_data::sample::Preset as Geometry;
use maskwright_model::Trainable;
use maskwright_report::mlflow::Ending;
use maskwright_report::run_report;
use maskwright_train::config::Preset;
use maskwright_train::evaluator::{EvalConfig, EvalJob};
use maskwright_train::observer::Observer;
use maskwright_train::run_files;
use maskwright_train::trainer::{Start, TrainOutcome, train};
use maskwright_train::verdict::Verdict;
use maskwright_train::{Error, TrainConfig};

use crate::command_line::quoted;
use crate::exit::{Interrupted, Usage};
use crate::flags::data::{DataFlags, WAYS};
use crate::flags::device::DeviceFlags;
use crate::flags::hq_sam::LegacyFlags;
use crate::flags::learning::LearningFlags;
use crate::flags::lora::LoraFlags;
use crate::flags::model::ModelFlags;
use crate::flags::named::named;
use crate::flags::views::ViewFlags;
use crate::logs::{Before, LogTo, Logs};
use crate::progress::{Progress, ProgressKind};
use crate::warnings::Warnings;
use crate::{interrupt, output, tell};

/// Train a model on images with masks.
///
/// The defaults are HQ-SAM's: a frozen SAM, its HQ head trained on images jittered to
/// 1024 x 1024 and prompted by box, points or a noisy mask. Validation runs after every epoch
/// at the images' own resolution. --preset begins with settings for a purpose.
///
/// The output folder receives config.toml (the settings as resolved), metrics.jsonl (loss and
/// validation), epoch_N.safetensors (what was tuned) and sam_hq_epoch_N.safetensors (the whole
/// model, newest and best), best.safetensors (the best by its validation), and once it is over report.html with its pictures. Ctrl-C stops
/// after the current step; --resume goes on exactly there.
#[derive(Args)]
#[command(
    override_usage = "maskwright train [OPTIONS] --checkpoint <FILE> --output <DIR> [DIR]\n       \
                      maskwright train --dry-run [OPTIONS] --checkpoint <FILE> [DIR]\n       \
                      maskwright train --resume --output <DIR>\n       \
                      maskwright train --preset <NAME> --print-preset"
)]
#[command(after_help = "\
Examples:
  # Train on a folder that is laid out in a known way; a tenth of it validates
  maskwright train photos --checkpoint sam_vit_b.pth --output run

  # Tune the HQ head of a SAM on your own photographs; a tenth of them validates
  maskwright train --images photos --masks masks --checkpoint sam_vit_b.pth --output run

  # Train a small model from nothing
  maskwright train --images photos --masks masks --model-config small.toml \\
      --input-size 256 --train all --max-epoch-num 40 --output run

  # Several named sets; continue a run that was stopped
  maskwright train --data data.toml --checkpoint sam_vit_l.pth --output run
  maskwright train --resume --output run")]
pub(crate) struct TrainFlags {
    /// A folder whose layout tells what it is: images and masks, COCO, Roboflow, Labelme, YOLO, SA-1B, HQSeg-44K
    #[arg(value_name = "DIR", conflicts_with_all = WAYS)]
    folder: Option<PathBuf>,

    #[command(flatten)]
    data: DataFlags,

    /// Share of --images that validates instead of training, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, help_heading = "Data")]
    hold_out: f64,

    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    device: DeviceFlags,

    /// Folder for everything the run writes
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Begin with named settings: leaves-300, hqseg44k, sa1b, small-gpu, lora-small-gpu, or a TOML file of
    /// one's own; other flags go before
    #[arg(long, value_name = "NAME|FILE")]
    preset: Option<String>,

    /// Begin with the settings of another run: its config.toml, or its folder; other flags go before. Data and
    /// checkpoint are its own where none are given
    #[arg(long, value_name = "FILE|RUN", conflicts_with_all = ["preset", "resume"])]
    config: Option<PathBuf>,

    /// Begin with fresh weights, without --checkpoint
    #[arg(long, conflicts_with = "resume")]
    from_scratch: bool,

    /// Print the preset, each setting with its reason, and end
    #[arg(long, requires = "preset")]
    print_preset: bool,

    /// Continue the run in the output folder, with its own settings. Beside it may be given what changes
    /// no step that was done (--max-epoch-num, --workers, --device, --save-every, ...), and where data and checkpoint
    /// lie now, if they have moved
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,

    /// Replace the run in the output folder
    #[arg(long)]
    overwrite: bool,

    /// Measure a few steps, say what the run will take (memory, cache, time per epoch and in all), and end;
    /// nothing is written
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,

    /// What learns: hq (the HQ head), decoder (the whole mask decoder), lora (a low-rank adapter of the image
    /// encoder, with the HQ head), all, or patterns of tensor names such as 'mask_decoder.hf_*,image_encoder.neck.*';
    /// with lora before them, what is adapted and what they match: 'lora,mask_decoder.*'
    #[arg(long, value_name = "SCOPE", default_value = "hq", help_heading = "Training")]
    train: Trainable,

    /// Side of the model's square input in pixels, a multiple of 16. If not given: the checkpoint's own, or the model's where it
    /// starts from fresh weights; 1024 for SAM's
    #[arg(long, value_name = "PIXELS", help_heading = "Training")]
    input_size: Option<usize>,

    /// Images per step
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Training")]
    batch_size_train: usize,

    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42, help_heading = "Training")]
    seed: u64,

    /// Learning rate at the beginning of the schedule
    #[arg(long, value_name = "RATE", default_value_t = 1e-3, help_heading = "Training")]
    learning_rate: f64,

    /// Epochs after which the learning rate drops to a tenth, again and again; 0 never
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Training")]
    lr_drop_epoch: usize,

    /// Number of the first epoch
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    start_epoch: usize,

    /// The run ends before the epoch of this number
    #[arg(long, value_name = "N", default_value_t = 12, help_heading = "Training")]
    max_epoch_num: usize,

    /// Epochs between two checkpoints
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Training")]
    model_save_fre: usize,

    /// Epochs between two validations
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Training")]
    eval_every: usize,

    /// Steps between two saved states within an epoch, for --resume after a crash; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Training")]
    save_every: usize,

    /// Steps between two lines of metrics.jsonl
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Training")]
    log_every: usize,

    /// Kinds of prompts to train with, each drawn equally often
    #[arg(
        long,
        value_name = "KIND,...",
        value_delimiter = ',',
        value_parser = named::<PromptKind>(),
        help_heading = "Training"
    )]
    prompts: Vec<PromptKind>,

    /// Values of a mask prompt: 0_255 as HQ-SAM trains, or logits as inference feeds back
    #[arg(long, value_name = "VALUES", value_parser = named::<MaskValues>(), help_heading = "Training")]
    mask_prompt: Option<MaskValues>,

    /// Kinds of prompts to validate with
    #[arg(
        long,
        value_name = "KIND,...",
        value_delimiter = ',',
        value_parser = named::<PromptKind>(),
        default_value = "box",
        help_heading = "Validation"
    )]
    eval_prompts: Vec<PromptKind>,

    /// Do not validate the model as it came, before the first step
    #[arg(long, help_heading = "Validation")]
    no_eval_before: bool,

    /// How validation fits an image into the input: longest_side (if not given), or squash (both
    /// sides, HQ-SAM's validation). The checkpoint remembers it, and is used so
    #[arg(long, value_name = "PRESET", value_parser = named::<Geometry>(), help_heading = "Validation")]
    geometry: Option<Geometry>,

    /// Threads that decode and sample; 0 for one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    workers: usize,

    /// Bytes that batches made ahead may take at most
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30)]
    prefetch_bytes: u64,

    /// Bytes that decoding images and masks may take at a time, over all threads; a quarter of the machine's
    /// memory if not given
    #[arg(long, value_name = "BYTES")]
    decode_memory: Option<u64>,

    /// What happens at a record that cannot be used: fail (the run stops), or replace (another
    /// record of its set takes its place, and ledger.jsonl names it)
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    on_refusal: Refusal,

    /// With --on-refusal replace: the share of all records that may be refused, in per cent (at
    /// least one may)
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    refusal_budget: f64,

    /// Also log to tensorboard (an event file in the output folder, with losses, validations, pictures and settings),
    /// to mlflow:URI (an MLflow server such as mlflow:http://127.0.0.1:5000), or to both
    #[arg(long, value_name = "WHERE,...", value_delimiter = ',')]
    log_to: Vec<LogTo>,

    /// How the run is shown on a terminal: view (the whole terminal, with curves), bar, or plain (lines); where standard
    /// error is no terminal, always as lines. If not given: view
    #[arg(long, value_name = "HOW", value_parser = named::<ProgressKind>())]
    progress: Option<ProgressKind>,

    /// Say only what is odd, and errors
    #[arg(long, short, conflicts_with = "progress")]
    quiet: bool,

    /// Print the outcome as JSON, and no progress
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    views: ViewFlags,

    #[command(flatten)]
    learning: LearningFlags,

    #[command(flatten)]
    lora: LoraFlags,

    #[command(flatten)]
    legacy: LegacyFlags,
}

/// What `--on-refusal` may be.
#[derive(Clone, Copy, ValueEnum)]
enum Refusal {
    Fail,
    Replace,
}

pub(crate) fn run(flags: &TrainFlags, given: &[String]) -> anyhow::Result<()> {
    if let (true, Some(name)) = (flags.print_preset, &flags.preset) {
        return output::lines(Preset::find(name)?.text().lines());
    }
    flags.legacy.check()?;
    if !flags.resume {
        flags.check_told()?;
    }
    if flags.legacy.eval {
        return evaluate(&flags.resolve(given)?, flags.geometry, flags.json);
    }
    let (config, start) = if flags.resume {
        if flags.output.is_none() {
            return Err(
                Usage("--resume: expected --output DIR, the folder of the run".into()).into()
            );
        }
        (flags.resumed(given)?, Start::Resume)
    } else {
        let start = if flags.overwrite { Start::Overwrite } else { Start::Fresh };
        let config = flags.resolve(given)?;
        flags.check_start(&config)?;
        (config, start)
    };
    if flags.dry_run {
        return forecast::run(&config, flags.json);
    }
    let interrupt = interrupt::on_ctrl_c();
    let (output, keeps_views) = (config.output.clone(), config.cache.keep);
    let farewell = move || stopped(&output, keeps_views);
    interrupt.set_farewell(farewell.clone());
    interrupt.follow(&config.output);
    let mut progress = Progress::new(flags.json || flags.quiet, interrupt);
    progress.show_run(flags.progress.unwrap_or_else(ProgressKind::of_terminal), &config);
    if !flags.log_to.is_empty() {
        let before = match start {
            Start::Fresh => Before::Nothing,
            Start::Overwrite => Before::Replaced,
            Start::Resume => Before::Resumed,
        };
        progress.log_to(Logs::new(&config, flags.log_to.clone(), before));
    }
    let outcome = train(&config, start, &mut progress);
    progress.end_logs(match &outcome {
        Ok(outcome) if !outcome.stopped => Ending::Finished,
        Ok(_) | Err(Error::Stopped) => Ending::Stopped,
        Err(_) => Ending::Failed,
    });
    progress.finish();
    if let Err(error) = &outcome {
        advice::advice(flags, &config.data, error).iter().for_each(tell::note);
    }
    let outcome = match outcome {
        Err(Error::Stopped) => return Err(Interrupted(farewell()).into()),
        Err(error) if flags.resume => return Err(advice::of_missing(&config, "--resume", error)),
        outcome => outcome?,
    };
    let reported = match outcome.stopped {
        true => Ok(()),
        false => run_report::write(&config.output).map(|page| super::report::say(&page.notes)),
    };
    // The model is there, whatever becomes of the page about it.
    report(flags, &config, &outcome, progress.warnings())?;
    Ok(reported?)
}

/// What is said of a run that was stopped; views of a cache are kept before there is a state.
fn stopped(output: &Path, keeps_views: bool) -> String {
    let folder = output.display();
    match (run_files::has_state(output), keeps_views) {
        (true, _) => {
            format!("stopped; `maskwright train --resume --output {folder}` goes on from here")
        }
        (false, true) => {
            "stopped; views that were made for the cache are kept, and the same command goes \
                          on with the others"
                .to_owned()
        }
        (false, false) => "stopped before anything was saved".to_owned(),
    }
}

fn report(
    flags: &TrainFlags,
    config: &TrainConfig,
    outcome: &TrainOutcome,
    warnings: &Warnings,
) -> anyhow::Result<()> {
    if flags.json {
        output::json_of(outcome, warnings, config.model.checkpoint.as_deref())?;
    }
    let folder = config.output.display();
    if outcome.stopped {
        return Err(Interrupted(stopped(&config.output, config.cache.keep)).into());
    }
    if !flags.json && !flags.quiet {
        if outcome.checkpoint.is_none() {
            tell::say(format_args!("nothing left to train in {folder}"));
        }
        if let Some(verdict) = &outcome.verdict {
            tell::say(verdict);
            say_of_verdict(verdict, &config.output);
        }
        let best = outcome.verdict.as_ref().and_then(|verdict| verdict.best_file.as_ref());
        match (best, &outcome.checkpoint) {
            (Some(best), Some(last)) => tell::say(format_args!(
                "the best model is {}, the last {}",
                best.display(),
                last.display()
            )),
            (Some(file), None) | (None, Some(file)) => {
                tell::say(format_args!("the model is {}", file.display()));
            }
            (None, None) => {}
        }
        if let Some(path) = &outcome.average {
            tell::say(format_args!("with averaged weights it is {}", path.display()));
        }
    }
    Ok(())
}

/// What has to be known about the figures of a run: of how few objects they are, and which were missed.
fn say_of_verdict(verdict: &Verdict, output: &Path) {
    if let Some(missed) = verdict.missed_altogether() {
        tell::note(missed);
    }
    let compared = format!("`maskwright eval --run {} --against start`", quoted(output));
    match (verdict.caution(), verdict.before) {
        (Some(caution), Some(_)) => {
            tell::note(format_args!("{caution}; {compared} says how sure a difference is"));
        }
        (Some(caution), None) => tell::note(caution),
        (None, Some(_)) => tell::say(format_args!(
            "{compared} compares it with what it began with, with 95% intervals"
        )),
        (None, None) => {}
    }
}

/// `--eval`: the validation of a run, of the model as it is.
fn evaluate(config: &TrainConfig, asked: Option<Geometry>, json: bool) -> anyhow::Result<()> {
    let mut progress = Progress::new(json, interrupt::on_ctrl_c());
    let (compute, opening) = (config.compute.compute(), progress.opening());
    let job = EvalJob::open(&config.model, &compute, &config.data, &opening)?;
    let geometry = super::eval::geometry_of(&job, asked);
    let settings = EvalConfig { geometry: geometry.0, ..config.validation.evaluation() };
    let evaluation = job.evaluate(&settings, &mut progress)?;
    progress.finish();
    let mut warnings = Warnings::default();
    warnings.add_records(&evaluation.warnings);
    super::eval::tell(json, geometry, &job, &evaluation, &warnings)
}
