//! `maskwright convert`.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_model::weights::Element;
use maskwright_model::{MaskKind, onnx};
use maskwright_train::convert::{self, ConvertOptions, Converted, Target};

use crate::exit::Usage;
use crate::flags::named::named;
use crate::late_bar::LateBar;
use crate::numbers::thousands;
use crate::targets::{self, Existing, Format, Inputs};
use crate::warnings::Warnings;
use crate::{official, output};

const BAR: &str = "{prefix} {wide_bar} {binary_bytes}/{binary_total_bytes}";

/// Convert a checkpoint: PyTorch .pth, safetensors, Hugging Face folder, HQ decoder alone, ONNX.
///
/// Values are copied bit for bit unless --dtype is given. A checkpoint that lacks a tensor is
/// refused before anything is written, every misfit by name. ONNX is two files: NAME.onnx becomes
/// NAME.encoder.onnx and NAME.decoder.onnx, the latter with the inputs and outputs of Segment
/// Anything's and HQ-SAM's own exporters; the weights of ViT-H lie in NAME.encoder.onnx.data beside
/// them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright convert run/sam_hq_epoch_11.safetensors sam_hq.pth
  maskwright convert sam_hq_vit_b.pth sam-hq-vit-base          # a folder for transformers
  maskwright convert sam_hq_vit_b.pth epoch_11.pth --to hq-decoder
  maskwright convert --merge epoch_11.pth sam_vit_b.pth sam_hq_vit_b.pth
  maskwright convert sam_hq_vit_b.pth sam_hq_vit_b.onnx        # encoder and decoder
  maskwright convert run/sam_hq_epoch_11.safetensors small.onnx --input-size 512 --dtype f16")]
pub(crate) struct ConvertFlags {
    /// The checkpoint to read, of any kind; its kind is told from its bytes
    #[arg(value_name = "IN")]
    input: PathBuf,

    /// Where to write: NAME.pth, NAME.safetensors, NAME.onnx, or a folder in Hugging Face's layout
    #[arg(value_name = "OUT")]
    output: PathBuf,

    /// What to write, where the ending of OUT does not say it
    #[arg(long, value_name = "KIND", value_parser = named::<Target>())]
    to: Option<Target>,

    // Its help lists the names.
    #[arg(long, value_name = "TYPE", help = dtype_help())]
    dtype: Option<String>,

    /// Tuned mask decoder, tuned tensors or low-rank adapter (epoch_N) to put over the model in IN, all of it
    #[arg(long, value_name = "DECODER")]
    merge: Option<PathBuf>,

    /// vit_b, vit_l, vit_h or vit_tiny: what the checkpoint must be
    #[arg(long, value_name = "TYPE")]
    model_type: Option<String>,

    /// Replace OUT if it is there
    #[arg(long)]
    force: bool,

    /// Side of the model's square input; the checkpoint's own if not given
    #[arg(long, value_name = "PIXELS", help_heading = "ONNX")]
    input_size: Option<usize>,

    /// The masks that the decoder gives: sam, hq, or sam_hq (their sum, HQ-SAM's default); the best
    /// the model has if not given
    #[arg(long, value_name = "KIND", help_heading = "ONNX")]
    kind: Option<MaskKind>,

    /// For ambiguous prompts: with sam SAM's three masks, otherwise HQ-SAM's rule, which takes the
    /// one of the three with the highest predicted IoU
    #[arg(long, help_heading = "ONNX")]
    multimask: bool,

    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// What the number type is, by the names that it has.
fn dtype_help() -> String {
    format!(
        "Number type of the weights: {}; as they are if not given. (In ONNX graphs they become f32 when \
         they are loaded)",
        Element::writable_names("or")
    )
}

pub(crate) fn run(flags: &ConvertFlags) -> anyhow::Result<()> {
    let options = ConvertOptions {
        to: flags.to,
        dtype: flags.dtype.clone(),
        model_type: flags.model_type.clone(),
        merge: flags.merge.as_deref().map(official::local).transpose()?,
        force: flags.force,
        input_size: flags.input_size,
        kind: flags.kind,
        multimask: flags.multimask,
    };
    let input = official::opened(&flags.input)?;
    check_targets(&input, options.merge.as_deref(), &flags.output)?;
    let mut bar =
        LateBar::is_wanted(flags.json).then(|| LateBar::new(BAR, "converting".into(), ""));
    let done = convert::convert(&input, &flags.output, &options, &mut |done, total| {
        if let Some(bar) = &mut bar {
            bar.at(done, Some(total));
        }
    })?;
    drop(bar);
    let mut warnings = Warnings::default();
    warnings.add(done.notes.iter().map(String::as_str));
    if flags.json {
        return output::json(&done, &warnings);
    }
    print(&done)
}

/// Refuses to write over what is read; whether anything else is replaced is for the converter to say.
fn check_targets(input: &Path, merge: Option<&Path>, output: &Path) -> Result<(), Usage> {
    if targets::is_stdout(output) {
        return Err(Usage(
            "the output: expected a file or a folder, found -: a checkpoint is not written to \
             standard output"
                .into(),
        ));
    }
    let read = Inputs::files([Some(input), merge].into_iter().flatten());
    let mut files = onnx::files(output).to_vec();
    files.extend(
        Inputs::files([output]).paths().filter(|path| path.is_file()).map(Path::to_path_buf),
    );
    let files: Vec<targets::Target<'_>> = files
        .iter()
        .map(|path| targets::Target { flag: "the output", path, format: Format::Checkpoint })
        .collect();
    targets::check(&files, &read, Existing::Replaced)
}

fn print(done: &Converted) -> anyhow::Result<()> {
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let head = if done.hq { "with HQ head" } else { "without HQ head" };
    let model = done.model.as_deref().unwrap_or("mask decoder alone");
    let dtypes: Vec<String> =
        done.dtypes.iter().map(|(dtype, count)| format!("{count} {dtype}")).collect();
    let mut rows = vec![
        row("read", done.input.display().to_string()),
        row("  layout", done.input_layout.to_string()),
        row("model", format!("{model}, {head}")),
    ];
    if let Some(merged) = &done.merged {
        rows.push(row("merged", merged.decoder.display().to_string()));
        rows.push(row(
            "  tensors",
            format!("{} replaced, {} added", merged.replaced, merged.added),
        ));
    }
    rows.extend(done.files.iter().map(|file| row("written", file.display().to_string())));
    rows.push(row("  layout", done.output_layout.to_string()));
    if let Some(kind) = done.kind {
        rows.push(row("  masks", kind.title().to_owned()));
    }
    rows.extend([
        row("  tensors", format!("{} ({})", done.tensors, dtypes.join(", "))),
        row("  bytes of values", thousands(usize::try_from(done.bytes)?)),
    ]);
    output::table(&["what", "value"], &rows)
}
