//! `maskwright bench`: how fast samples are made and models run on this machine, and files to
//! measure it on.

mod data;
mod files;
mod measure;
mod model;

use clap::{Args, Subcommand};

/// Measure how fast training samples are made, from files to batches, and how fast models run.
///
/// Nothing special is built for measuring: samples and steps are those of `maskwright train`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright bench files --output bench-files
  maskwright bench data --images bench-files/images --masks bench-files/masks --json
  maskwright bench model --model-type vit_b --part encoder --part step")]
pub(crate) struct BenchFlags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Data(data::DataBenchFlags),
    Model(model::ModelBenchFlags),
    Files(files::FilesFlags),
}

pub(crate) fn run(flags: &BenchFlags) -> anyhow::Result<()> {
    match &flags.what {
        What::Data(flags) => data::run(flags),
        What::Model(flags) => model::run(flags),
        What::Files(flags) => files::run(flags),
    }
}
