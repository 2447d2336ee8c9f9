//! `maskwright bench`: how fast samples and batches are made on this machine, and files to measure it on.

mod data;
mod files;
mod index;
mod loader;
mod measure;
mod soak;

use clap::{Args, Subcommand};

/// Measure how fast training samples are made, from files to batches.
///
/// Nothing special is built for measuring: the samples are those of `maskwright train`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright bench files --output bench-files
  maskwright bench data --images bench-files/images --masks bench-files/masks --json
  maskwright bench loader --images bench-files/images --masks bench-files/masks --threads 1,2

  # Does memory grow? Small files make many samples in little time
  maskwright bench files --output small-files --count 200 --longest 400
  maskwright bench loader --images small-files/images --masks small-files/masks --soak 50000")]
pub(crate) struct BenchFlags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Data(data::DataBenchFlags),
    Files(files::FilesFlags),
    Index(index::IndexFlags),
    Loader(loader::LoaderBenchFlags),
}

pub(crate) fn run(flags: &BenchFlags) -> anyhow::Result<()> {
    match &flags.what {
        What::Data(flags) => data::run(flags),
        What::Files(flags) => files::run(flags),
        What::Index(flags) => index::run(flags),
        What::Loader(flags) => loader::run(flags),
    }
}
