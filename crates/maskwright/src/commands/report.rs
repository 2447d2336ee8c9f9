//! `maskwright report`.

use std::path::PathBuf;

use clap::Args;
use maskwright_report::run_report::{self, Written};

use crate::warnings::Warnings;
use crate::{output, tell};

/// Make or remake the report of a training run from what lies in its folder.
///
/// `maskwright train` writes the report when a run is over. This command writes it at any time: of a run
/// that was killed, stopped, or is still going on, and again after an update. Numbers are those of
/// metrics.jsonl; the pictures of predictions are those that the last validation kept, over the images of the
/// validation sets. If these have moved, the page comes without pictures and says why.
///
/// The folder receives report.html, curves.png and predictions.png.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright report run
  maskwright report run --json")]
pub(crate) struct ReportFlags {
    /// The output folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(flags: &ReportFlags) -> anyhow::Result<()> {
    let written = run_report::write(&flags.run)?;
    let mut warnings = Warnings::default();
    warnings.add(written.notes.iter().map(String::as_str));
    if flags.json {
        return output::json(&written, &warnings);
    }
    let Written { report, curves, predictions, .. } = &written;
    let files = [Some(report), Some(curves), predictions.as_ref()];
    output::lines(files.into_iter().flatten().map(|path| path.display()))
}

/// Says why something is missing from a report.
pub(crate) fn say(notes: &[String]) {
    for note in notes {
        tell::note(note);
    }
}
