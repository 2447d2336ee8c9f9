//! The command `maskwright`: one file per subcommand in `commands`, the flags' types
//! apart from the settings they resolve into, in `flags`. The program and the Python package both
//! run it by [`run`], and both say what an error is about by [`blame`].

#![forbid(unsafe_code)]

pub mod blame;
mod command_line;
mod commands;
mod demo;
mod exit;
mod failure;
mod flags;
mod hub;
mod indexing;
mod interrupt;
mod late_bar;
mod logs;
mod numbers;
mod official;
mod output;
mod process_memory;
mod progress;
mod resumable;
mod shown;
mod targets;
mod tell;
mod threads;
mod view;
mod warnings;
mod words;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::flags::log::LogFlags;

/// Trains promptable segmentation models in high quality: SAM with the HQ-SAM head.
///
/// Start with `maskwright demo`: it needs no data and no download. Then train on your own
/// photographs: `maskwright train --images DIR --masks DIR --output DIR`.
#[derive(Parser)]
#[command(name = "maskwright", version, max_term_width = 100, after_help = exit::STATUSES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    log: LogFlags,
}

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::DemoFlags),
    Train(Box<commands::train::TrainFlags>),
    Eval(Box<commands::eval::EvalFlags>),
    Studio(Box<commands::studio::StudioFlags>),
    Predict(commands::predict::PredictFlags),
    Masks(commands::masks::MasksFlags),
    Preview(commands::preview::PreviewFlags),
    Report(commands::report::ReportFlags),
    Config(commands::config::ConfigFlags),
    Models(commands::models::ModelsFlags),
    Runs(commands::runs::RunsFlags),
    Doctor(Box<commands::doctor::DoctorFlags>),
    Convert(commands::convert::ConvertFlags),
    Cache(commands::cache::CacheFlags),
    Export(Box<commands::export::ExportFlags>),
    Prep(Box<commands::prep::PrepFlags>),
    Bench(commands::bench::BenchFlags),
    Completions(commands::completions::CompletionsFlags),
    Man(commands::man::ManFlags),
}

/// Runs the command: `args` are the program's name, a subcommand and its flags. Returns the exit status:
/// 0 done, 1 the data, a file or the machine is at fault, 2 the command line is, 130 stopped by Ctrl-C. Where `--json` is
/// among them, an error is the last line of standard error, as JSON.
///
/// It owns the process: it handles signals, starts the shared threads and writes to standard output, so a
/// process runs it once.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args = flags::legacy::with_hyphens(args.into_iter());
    let told = exit::Told::of(&args);
    told.keep();
    let command = Cli::command();
    let parsed = command.clone().try_get_matches_from(&args).and_then(|matches| {
        let given = flags::given::of(&command, &matches);
        flags::resolved::keep(&command, &matches);
        Ok((Cli::from_arg_matches(&matches)?, given))
    });
    let (cli, given) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return exit::of_arguments(&args, &error, told),
    };
    exit::abort_is_an_error();
    if let Err(error) = tell::begin(&cli.log) {
        return exit::status(Err(error), told);
    }
    if let Err(error) = threads::start() {
        return exit::status(Err(error), told);
    }
    let done = match cli.command {
        Command::Demo(flags) => commands::demo::run(&flags),
        Command::Train(flags) => commands::train::run(&flags, &given),
        Command::Eval(flags) => commands::eval::run(&flags),
        Command::Studio(flags) => commands::studio::run(&flags),
        Command::Predict(flags) => commands::predict::run(&flags),
        Command::Masks(flags) => commands::masks::run(&flags),
        Command::Preview(flags) => commands::preview::run(&flags),
        Command::Report(flags) => commands::report::run(&flags),
        Command::Config(flags) => commands::config::run(&flags),
        Command::Models(flags) => commands::models::run(&flags),
        Command::Runs(flags) => commands::runs::run(&flags),
        Command::Doctor(flags) => commands::doctor::run(&flags),
        Command::Convert(flags) => commands::convert::run(&flags),
        Command::Cache(flags) => commands::cache::run(&flags),
        Command::Export(flags) => commands::export::run(&flags, &given),
        Command::Prep(flags) => commands::prep::run(&flags),
        Command::Bench(flags) => commands::bench::run(&flags),
        Command::Completions(flags) => commands::completions::run(&flags, command),
        Command::Man(flags) => commands::man::run(&flags, command),
    };
    exit::status(done, told)
}
