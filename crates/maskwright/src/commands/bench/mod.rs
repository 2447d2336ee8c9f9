//! `maskwright bench`: how fast samples are made on this machine, and files to measure it on.

mod data;
mod files;
mod index;
mod measure;

use clap::{Args, Subcommand};

/// Measure how fast training samples are made, from files to batches.
///
/// Nothing special is built for measuring: the samples are those of `maskwright train`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright bench files --output bench-files
  maskwright bench data --images bench-files/images --masks bench-files/masks --json")]
pub(crate) struct BenchFlags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Data(data::DataBenchFlags),
    Files(files::FilesFlags),
    Index(index::IndexFlags),
}

pub(crate) fn run(flags: &BenchFlags) -> anyhow::Result<()> {
    match &flags.what {
        What::Data(flags) => data::run(flags),
        What::Files(flags) => files::run(flags),
        What::Index(flags) => index::run(flags),
    }
}
