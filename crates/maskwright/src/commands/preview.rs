//! `maskwright preview`.

use std::path::PathBuf;

use clap::Args;
use maskwright_image::encode;
use maskwright_report::preview::{PreviewConfig, TileInfo, preview};
use maskwright_report::prompt_kinds::prompt_kinds;
use maskwright_train::evaluator::RecordWarning;

use crate::exit::Usage;
use crate::flags::data::DataFlags;
use crate::flags::input_size::InputSizeFlags;
use crate::indexing::Indexing;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{output, tell};

/// Draw training samples as the model will see them, into one PNG.
///
/// Each tile is one augmented sample: the jittered image, the label as a green veil, and the
/// prompt that was drawn (a box in yellow, points in green on the object and in red beside it, a
/// noise mask in the corner). The same seed, epoch and index give the same sample in training.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright preview --images photos --masks masks --checkpoint sam_vit_b.pth --output preview.png
  maskwright preview --data data.toml --epoch 3 --index 1207 --output sample.png
  maskwright preview --data data.toml --index 12 --each-prompt --output prompts.png")]
pub(crate) struct PreviewFlags {
    #[command(flatten)]
    data: DataFlags,

    /// The PNG to write, - for standard output
    #[arg(long, value_name = "FILE.png")]
    output: PathBuf,

    /// Replace the PNG if it is there
    #[arg(long)]
    force: bool,

    /// Seed of the training run
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Epoch of the training run
    #[arg(long, value_name = "N", default_value_t = 0)]
    epoch: u64,

    /// Show this record alone
    #[arg(long, value_name = "N", conflicts_with_all = ["range", "count"])]
    index: Option<usize>,

    /// Show the records FROM..TO, the end not included
    #[arg(long, value_name = "FROM..TO", value_parser = range, conflicts_with = "count")]
    range: Option<(usize, usize)>,

    /// How many samples, in the order in which the epoch visits them
    #[arg(long, value_name = "N", default_value_t = 16)]
    count: usize,

    /// Instead, one sample in each way in which training can ask about it: box, points, noise mask, with
    /// the options of docs/training.md, and the clicks that correct a made-up prediction
    #[arg(long, conflicts_with_all = ["count", "range", "json"])]
    each_prompt: bool,

    #[command(flatten)]
    input: InputSizeFlags,

    /// Side of a tile in the picture
    #[arg(long, value_name = "PIXELS", default_value_t = 320)]
    tile: usize,

    /// Tiles in a row
    #[arg(long, value_name = "N", default_value_t = 4)]
    columns: usize,

    /// Print what each tile shows as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(flags: &PreviewFlags) -> anyhow::Result<()> {
    if flags.tile < 32 || flags.tile > 4096 || flags.columns == 0 || flags.count == 0 {
        return Err(Usage(
            "expected --tile of 32 to 4096 pixels, and --columns and --count of 1 or more".into(),
        )
        .into());
    }
    let data = flags.data.resolve(0.0)?;
    let range = match (flags.index, flags.range) {
        (Some(index), _) => Some((index, index + 1)),
        (None, range) => range,
    };
    let target = Target { flag: "--output", path: &flags.output, format: Format::Png };
    let to_stdout = targets::is_stdout(&flags.output);
    if to_stdout && flags.json {
        return Err(Usage(
            "--output: expected a file, since standard output takes one thing, found - and --json \
             too"
            .into(),
        )
        .into());
    }
    let inputs = Inputs::data(&data).and(flags.data.reads());
    targets::check(&[target], &inputs, Existing::with(flags.force))?;
    let input_size = flags.input.resolve()?;
    let config = PreviewConfig {
        seed: flags.seed,
        epoch: flags.epoch,
        range,
        count: flags.count,
        input_size,
        tile: flags.tile,
        columns: flags.columns,
    };
    if flags.each_prompt {
        let picture = prompt_kinds(&data, &config, &Indexing::new(false).context())?;
        targets::write_png(encode::png_rgb(&picture), &flags.output)?;
        let line = format!("{}: one sample, asked about in each way", flags.output.display());
        if to_stdout {
            tell::say(line);
            return Ok(());
        }
        return output::line(line);
    }
    let made = preview(&data, &config, &Indexing::new(flags.json).context())?;
    let mut of_tiles: Vec<RecordWarning> =
        made.tiles.iter().flat_map(|tile| tile.warnings.clone()).collect();
    // Objects of one view follow each other.
    of_tiles.dedup();
    let mut warnings = Warnings::default();
    warnings.add_records(&of_tiles);
    targets::write_png(encode::png_rgb(&made.picture), &flags.output)?;
    if flags.json {
        let document = serde_json::json!({ "input_size": input_size, "tiles": made.tiles });
        return output::json(&document, &warnings);
    }
    let end = format!("{}: {} samples", flags.output.display(), made.tiles.len());
    let lines = made.tiles.iter().map(TileInfo::one_line).chain([end]);
    let small = made.tiles.iter().filter(|tile| tile.scale() < SMALL).count();
    let plan = &data.plan;
    if small > 0 {
        tell::say(format_args!(
            "{small} of {} are small, the rest of them padding in grey: training shrinks images to {} to {} of the input \
             (large scale jitter); --scale-min raises the lower bound",
            made.tiles.len(),
            plan.scale_min,
            plan.scale_max
        ));
    }
    if to_stdout {
        lines.for_each(tell::say);
        return Ok(());
    }
    output::lines(lines)
}

/// Images of less than this share of the input are explained.
const SMALL: f64 = 0.5;

fn range(text: &str) -> Result<(usize, usize), String> {
    let wrong = || "expected FROM..TO, such as 0..16".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let from = from.trim().parse().map_err(|_| wrong())?;
    let to = to.trim().parse().map_err(|_| wrong())?;
    if from < to { Ok((from, to)) } else { Err(wrong()) }
}
