//! `maskwright prep`.

mod data;
mod model;
mod print;
mod shard;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use maskwright_prep::{PrepConfig, Preparer, Resources, Shards};

use crate::exit::{Interrupted, Unfit, Usage};
use crate::flags::data::DataFlags;
use crate::flags::generator::GeneratorFlags;
use crate::indexing::Indexing;
use crate::interrupt::{self, Interrupt};
use crate::progress::Progress;
use crate::targets::is_stdout;
use crate::warnings::Warnings;

use model::ModelFlags;
use shard::ShardOf;

/// Prepare a data set for runs on many machines: shards that are checked, in tar files of WebDataset's layout.
///
/// Every record is decoded in full and checked as by `maskwright doctor`; its masks become run
/// lengths. Images may be shrunk together with their masks, and get embeddings or the masks of everything in
/// them. A record that cannot be used is a line of the shard's ledger and stops nothing.
///
/// A shard (shard-000000.tar, shard-000000.jsonl) is whole or not there, the same data and settings give the same bytes, and
/// a shard that is finished is not made again: the same command goes on where it stopped. Several processes on any
/// number of machines may make the shards of one folder, each its own, with --shard.
#[derive(Args)]
#[command(after_help = "\
Exit status: 0 if every record is in a shard, 1 if some were refused (the ledgers say which) or a
file or disk is at fault, 2 for a wrong command line, 130 if Ctrl-C stopped it (finished shards
stay).

Examples:
  # All shards, images at most 1024 pixels long
  maskwright prep photos --output prepared --longest-side 1024

  # The third of eight shards; shards count from 0, as the tasks of a job array do
  maskwright prep --data data.toml --output prepared --shard 2/8

  # The masks of everything in images that have none, and their embeddings
  maskwright prep --images photos --output prepared --checkpoint sam_vit_b.pth \\
      --auto-masks --embeddings

Then: maskwright train --data prepared/data.toml")]
pub(crate) struct PrepFlags {
    /// Where no flag says where the data are: a data file (.toml), COCO's .json, a .tar of SA-1B, or a folder whose
    /// layout tells what it is
    #[arg(value_name = "DATA")]
    path: Option<PathBuf>,

    /// The folder of the shards
    #[arg(long, value_name = "DIR")]
    output: PathBuf,

    /// Make shard I of N alone; I is 0 to N-1
    #[arg(long, value_name = "I/N", conflicts_with_all = ["shards", "per_shard"])]
    shard: Option<ShardOf>,

    /// Divide the records into so many shards, and make all
    #[arg(long, value_name = "N", conflicts_with = "per_shard")]
    shards: Option<usize>,

    /// Divide them into shards of so many records; 1000 if nothing else is given
    #[arg(long, value_name = "RECORDS")]
    per_shard: Option<usize>,

    /// Shrink images whose longer side has more pixels, and their masks; stored as JPEG, upright
    #[arg(long, value_name = "PIXELS")]
    longest_side: Option<usize>,

    /// Quality of those JPEG files, 1 to 100
    #[arg(long, value_name = "QUALITY", default_value_t = PrepConfig::default().jpeg_quality)]
    jpeg_quality: u8,

    /// Store the image encoder's features of each image
    #[arg(long, requires = "checkpoint")]
    embeddings: bool,

    /// Find the masks of everything in each image, in place of the data's own masks
    #[arg(long, requires = "checkpoint")]
    auto_masks: bool,

    /// Threads that read and check; as many as the machine runs at once if not given
    #[arg(
        long,
        visible_alias = "threads",
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true
    )]
    workers: usize,

    /// Bytes that decoding images and masks may take at a time, over all threads; a quarter of the machine's
    /// memory if not given
    #[arg(long, value_name = "BYTES")]
    decode_memory: Option<u64>,

    /// Print what became of each shard as JSON, and no progress
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataFlags,

    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    generator: GeneratorFlags,
}

impl PrepFlags {
    fn config(&self) -> PrepConfig {
        PrepConfig {
            longest_side: self.longest_side,
            jpeg_quality: self.jpeg_quality,
            embeddings: self.embeddings,
            auto_masks: self.auto_masks.then(|| self.generator.resolve()),
            strict: self.data.strict,
        }
    }

    /// How many shards there are, and which of them is made; none for all.
    fn chosen(&self) -> (Shards, Option<usize>) {
        match (self.shard, self.shards, self.per_shard) {
            (Some(ShardOf { shard, shards }), ..) => (Shards::Number(shards), Some(shard)),
            (None, Some(shards), _) => (Shards::Number(shards), None),
            (None, None, Some(records)) => (Shards::Records(records), None),
            (None, None, None) => (Shards::default(), None),
        }
    }

    fn resources(&self) -> Resources {
        let ours = Resources::default();
        let decode_memory = self.decode_memory.unwrap_or(ours.decode_memory);
        Resources { workers: self.workers, decode_memory }
    }
}

pub(crate) fn run(flags: &PrepFlags) -> anyhow::Result<()> {
    if is_stdout(&flags.output) {
        return Err(Usage("--output: expected a folder, found -".into()).into());
    }
    let config = flags.config();
    config.validate()?;
    let data = data::of(flags)?;
    let interrupt = interrupt::on_ctrl_c();
    let mut warnings = Warnings::default();
    let model = flags.model.load(config.needs_model(), &mut warnings)?;
    let (shards, one) = flags.chosen();
    let indexing = Indexing::new(flags.json);
    let (output, resources) = (&flags.output, flags.resources());
    let preparer =
        Preparer::open(&data, output, shards, &config, model, resources, &indexing.context())?;
    let work = Work::new(&interrupt);
    let mut bar = Progress::new(flags.json, Arc::clone(&interrupt));
    let mut done = Vec::new();
    let all = preparer.shards();
    for shard in one.map_or(0..all, |one| one..one + 1) {
        work.begins(preparer.work_folders(shard));
        let what = format!("shard {shard} of {all}");
        let made = preparer.prepare(shard, &mut |progress| {
            bar.count(&what, progress.done, progress.total, String::new());
            !interrupt.is_asked()
        })?;
        let Some(made) = made else {
            bar.finish();
            let text = format!("{STOPPED} ({shard} of {all} were reached)");
            return Err(Interrupted(text).into());
        };
        done.extend(made);
    }
    // What was made is still to be told.
    interrupt.may_end(false);
    bar.finish();
    let told = print::Told::of(&done, &preparer, output, warnings);
    told.print(flags.json, config.auto_masks.is_some() || !data::has_no_masks(&data))?;
    if told.refused > 0 { Err(Unfit.into()) } else { Ok(()) }
}

/// What is said where Ctrl-C stops the work.
const STOPPED: &str = "stopped: finished shards stay, and the same command goes on from there";

/// The folders of the shard at hand. A model may work on where it cannot be asked to stop; the process ends soon all the same, and
/// takes them away.
struct Work(Arc<Mutex<Vec<PathBuf>>>);

impl Work {
    fn new(interrupt: &Interrupt) -> Work {
        let folders: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let left = Arc::clone(&folders);
        interrupt.set_farewell(move || {
            for folder in &*left.lock().unwrap_or_else(PoisonError::into_inner) {
                // Whoever makes the shard next removes what is left.
                let _ = std::fs::remove_dir_all(folder);
            }
            STOPPED.into()
        });
        Work(folders)
    }

    fn begins(&self, folders: Vec<PathBuf>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = folders;
    }
}
