//! `maskwright bench`: how fast samples and batches are made, sets opened and models run on this machine,
//! and files to measure it on.

mod data;
mod files;
mod index;
mod loader;
mod measure;
mod median;
mod model;
mod soak;
mod work;

use clap::{Args, Subcommand};

/// Measure how fast training samples are made, from files to batches, and how fast models run.
///
/// Nothing special is built for measuring: samples and steps are those of `maskwright train`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright bench files --output bench-files
  maskwright bench data --images bench-files/images --masks bench-files/masks --json
  maskwright bench loader --images bench-files/images --masks bench-files/masks --threads 1,2

  # Does memory grow? Small files make many samples in little time
  maskwright bench files --output small-files --count 200 --longest 400
  maskwright bench loader --images small-files/images --masks small-files/masks --soak 50000

  maskwright bench model --model-type vit_b --part encoder --part step")]
pub(crate) struct BenchFlags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Files(files::FilesFlags),
    Index(index::IndexFlags),
    Data(data::DataBenchFlags),
    Loader(loader::LoaderBenchFlags),
    Model(model::ModelBenchFlags),
}

pub(crate) fn run(flags: &BenchFlags) -> anyhow::Result<()> {
    match &flags.what {
        What::Data(flags) => data::run(flags),
        What::Model(flags) => model::run(flags),
        What::Files(flags) => files::run(flags),
        What::Index(flags) => index::run(flags),
        What::Loader(flags) => loader::run(flags),
    }
}
