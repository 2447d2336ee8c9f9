//! `maskwright config`.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_train::run_files::CONFIG;
use maskwright_train::runs::{Difference, differences};
use maskwright_train::{Error, TrainConfig};
use serde::Serialize;

use crate::output;
use crate::warnings::Warnings;

/// The settings of a run, or in what those of two runs differ.
///
/// Printed are all settings, defaults included, as TOML: `maskwright train --config FILE --output DIR` begins another run
/// with them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright config run
  maskwright config run --diff other-run
  maskwright config run > start.toml; maskwright train --config start.toml --output again")]
pub(crate) struct ConfigFlags {
    /// The folder of a run, or a config.toml
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Another run: print only the settings that differ
    #[arg(long, value_name = "RUN")]
    diff: Option<PathBuf>,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    config: &'a TrainConfig,
}

/// The document of `--diff --json`.
#[derive(Serialize)]
struct Compared {
    differences: Vec<Difference>,
}

pub(crate) fn run(flags: &ConfigFlags) -> anyhow::Result<()> {
    let config = read(&flags.run)?;
    let Some(other) = &flags.diff else {
        if flags.json {
            return output::json(&Document { config: &config }, &Warnings::default());
        }
        return output::lines(toml::to_string_pretty(&config)?.lines());
    };
    let differences = differences(&config, &read(other)?)?;
    if flags.json {
        return output::json(&Compared { differences }, &Warnings::default());
    }
    let names = [&flags.run, other].map(|run| run.display().to_string());
    say_differences(&differences, &names)
}

/// Prints the settings in which two runs differ.
pub(super) fn say_differences(
    differences: &[Difference],
    names: &[String; 2],
) -> anyhow::Result<()> {
    if differences.is_empty() {
        return output::line("both have the same settings");
    }
    let row = |one: &Difference| {
        let [first, second] = one.shown();
        vec![one.key.clone(), first, second]
    };
    let rows: Vec<Vec<String>> = differences.iter().map(row).collect();
    output::table(&["setting", &names[0], &names[1]], &rows)
}

/// The settings of a run by its folder, or those in a file.
pub(crate) fn read(place: &Path) -> maskwright_train::Result<TrainConfig> {
    let none = |expected: String, found: &str| {
        Err(Error::NoRun { folder: place.to_path_buf(), expected, found: found.into() })
    };
    let file = place.join(CONFIG);
    match (place.is_dir(), place.exists()) {
        (true, _) if !file.is_file() => none(format!("{CONFIG}, the settings of a run"), "none"),
        (true, _) => TrainConfig::read(&file),
        (false, true) => TrainConfig::read(place),
        (false, false) if place.extension().is_some_and(|ending| ending == "toml") => {
            none("the settings of a run".into(), "no such file")
        }
        (false, false) => none(format!("{CONFIG}, the settings of a run"), "no such folder"),
    }
}
