//! `maskwright models`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::official::{OFFICIAL, Official};
use crate::output;
use crate::warnings::Warnings;

/// The published checkpoints that are known by name: where they come from, how large they are, and whether they are here.
///
/// --checkpoint NAME takes one, and fetches it the first time. What is fetched is held to its SHA-256 and kept in the user's folder
/// of caches.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright models
  maskwright train photos --checkpoint sam-vit-b --output run")]
pub(crate) struct ModelsFlags {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// A line of the table.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    model: &'a Official,
    /// Where it lies here, if it was fetched.
    #[serde(serialize_with = "maskwright_data::lossy::optional")]
    kept: Option<PathBuf>,
    /// The command that fetches it by hand.
    by_hand: String,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    models: Vec<Line<'a>>,
}

pub(crate) fn run(flags: &ModelsFlags) -> anyhow::Result<()> {
    let line = |model| Line { model, kept: Official::kept(model), by_hand: model.by_hand() };
    let models: Vec<Line<'_>> = OFFICIAL.iter().map(line).collect();
    if flags.json {
        return output::json(&Document { models }, &Warnings::default());
    }
    let row = |line: &Line<'_>| {
        let Line { model, kept, .. } = line;
        vec![
            model.name.to_owned(),
            model.model.to_owned(),
            format!("{} MB", model.megabytes),
            model.licence.to_owned(),
            kept.as_ref().map_or_else(|| "no".to_owned(), |_| "yes".to_owned()),
            model.origin().to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = models.iter().map(row).collect();
    output::table(&["--checkpoint", "model", "size", "licence", "here", "from"], &rows)
}
