//! `maskwright runs`.

use std::cmp::Ordering;
use std::path::PathBuf;

use clap::Args;
use maskwright_report::run_report;
use maskwright_train::run_files::RunFiles;
use maskwright_train::runs::{Difference, RunSummary, Runs, differences};
use serde::Serialize;
use strum::{EnumString, VariantNames};

use crate::command_line::command_line;
use crate::exit::Usage;
use crate::flags::named::named;
use crate::numbers::duration;
use crate::targets::{self, Existing, Format, Inputs, Target};
use crate::warnings::Warnings;
use crate::{output, tell};

/// All runs under a folder in one table, or two of them compared.
///
/// A run is a folder with config.toml and metrics.jsonl; folders in it are not looked into. It is done, out of patience (ended early,
/// since validations were no better), running, stopped (--resume goes on), or failed (it ended before it saved anything). Of two
/// runs the results are printed and the settings that differ, and with --report a page has their curves on top of each other.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright runs
  maskwright runs experiments --sort best --json
  maskwright runs --compare experiments/a experiments/b --report compared.html")]
pub(crate) struct RunsFlags {
    /// The folder to look in [default: this one]
    #[arg(value_name = "DIR", conflicts_with = "compare")]
    folder: Option<PathBuf>,

    /// By what the table is sorted: folder, best (the highest first), iou, boundary_iou, epochs or time
    #[arg(long, value_name = "COLUMN", value_parser = named::<Column>(), default_value = "folder")]
    sort: Column,

    /// Compare two runs instead
    #[arg(long, value_names = ["RUN", "RUN"], num_args = 2)]
    compare: Vec<PathBuf>,

    /// Write a page of the two runs
    #[arg(long, value_name = "FILE.html", requires = "compare")]
    report: Option<PathBuf>,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// A column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
enum Column {
    Folder,
    Best,
    Iou,
    BoundaryIou,
    Epochs,
    Time,
}

impl Column {
    fn order(self, a: &RunSummary, b: &RunSummary) -> Ordering {
        // Runs without a value come last.
        let highest = |a: Option<f64>, b: Option<f64>| {
            let low = f64::NEG_INFINITY;
            b.unwrap_or(low).total_cmp(&a.unwrap_or(low))
        };
        match self {
            Self::Folder => a.folder.cmp(&b.folder),
            Self::Best => highest(a.best, b.best),
            Self::Iou => highest(a.iou, b.iou),
            Self::BoundaryIou => highest(a.boundary_iou, b.boundary_iou),
            Self::Epochs => b.epochs_done.cmp(&a.epochs_done),
            Self::Time => b.seconds.total_cmp(&a.seconds),
        }
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    runs: &'a [RunSummary],
}

/// The document of `--compare --json`.
#[derive(Serialize)]
struct Compared {
    runs: [RunSummary; 2],
    differences: Vec<Difference>,
}

pub(crate) fn run(flags: &RunsFlags) -> anyhow::Result<()> {
    if let [first, second] = &flags.compare[..] {
        return compare(flags, [first, second]);
    }
    let folder = flags.folder.clone().unwrap_or_else(|| ".".into());
    let Runs { mut runs, unreadable } = Runs::find(&folder)?;
    let mut warnings = Warnings::default();
    warnings.add(unreadable.into_iter().map(|(_, why)| format!("left out: {why}")));
    runs.sort_by(|a, b| flags.sort.order(a, b));
    if flags.json {
        return output::json(&Document { runs: &runs }, &warnings);
    }
    if runs.is_empty() {
        return Err(Usage(format!(
            "{}: expected the folder of a run or one with runs in it, found none",
            folder.display()
        ))
        .into());
    }
    table(&runs)
}

/// The runs side by side.
fn table(runs: &[RunSummary]) -> anyhow::Result<()> {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.4}"));
    let row = |run: &RunSummary| {
        let mask = run.mask.map_or("", |mask| mask.title());
        vec![
            run.folder.display().to_string(),
            run.data.join(", "),
            run.model.clone(),
            run.learns.clone(),
            format!("{} of {}", run.epochs_done, run.epochs),
            run.state.to_string().replace('_', " "),
            match run.best.zip(run.best_epoch) {
                Some((best, epoch)) => {
                    format!("{best:.4} ({mask} {}, epoch {})", run.best_by, epoch + 1)
                }
                None => "-".into(),
            },
            match (number(run.before), run.better) {
                (before, Some(false)) => format!("{before} (not beaten)"),
                (before, _) => before,
            },
            match run.held_out {
                0 => "-".into(),
                objects => objects.to_string(),
            },
            number(run.iou),
            number(run.boundary_iou),
            duration(run.seconds),
        ]
    };
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    let header = [
        "run",
        "data",
        "model",
        "what learns",
        "epochs",
        "state",
        "best",
        "before",
        "held out",
        "last mIoU",
        "boundary mIoU",
        "training",
    ];
    output::table(&header, &rows)
}

fn compare(flags: &RunsFlags, folders: [&PathBuf; 2]) -> anyhow::Result<()> {
    if let Some(page) = &flags.report {
        let page = Target { flag: "--report", path: page, format: Format::Html };
        targets::check(&[page], &Inputs::default(), Existing::Untouched)?;
    }
    let runs = [RunFiles::read(folders[0])?, RunFiles::read(folders[1])?];
    let mut warnings = Warnings::default();
    warnings.add(runs.iter().flat_map(|run| run.notes.iter().map(String::as_str)));
    warnings.add(run_report::unlike(&runs[0], &runs[1]));
    let differences = differences(&runs[0].config, &runs[1].config)?;
    if let Some(page) = &flags.report {
        let both = [&runs[0], &runs[1]];
        run_report::write_comparison(both, &differences, command_line(), page)?;
    }
    let summaries = [RunSummary::of(&runs[0]), RunSummary::of(&runs[1])];
    if flags.json {
        return output::json(&Compared { runs: summaries, differences }, &warnings);
    }
    table(&summaries)?;
    output::line("")?;
    let names = folders.map(|folder| folder.display().to_string());
    super::config::say_differences(&differences, &names)?;
    if let Some(page) = &flags.report {
        tell::say(format_args!("the page is {}", page.display()));
    }
    Ok(())
}
