//! `maskwright demo`.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_train::run_files;

use super::eval::means;
use super::studio::{Serve, serve};
use crate::command_line::quoted;
use crate::demo::{DemoConfig, DemoEnd, Stage, masks_command, run as run_demo};
use crate::exit::Interrupted;
use crate::numbers::duration;
use crate::progress::Progress;
use crate::{interrupt, output, tell};

/// Everything once, without data or download, in a few minutes: generate pictures of
/// thin-structured objects, train a small SAM from nothing, tune an HQ head on it, evaluate
/// both, write a report.
#[derive(Args)]
pub(crate) struct DemoFlags {
    /// Folder for everything: new, empty, or an earlier demo's, which is replaced
    #[arg(long, value_name = "DIR", default_value = "maskwright-demo")]
    output: PathBuf,

    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Then open the studio with the demo's pictures and its model
    #[arg(long, conflicts_with = "json")]
    studio: bool,

    /// With --studio: do not open a browser
    #[arg(long, requires = "studio")]
    no_open: bool,

    /// A few pictures and steps, from which nothing is learnt: for tests
    #[arg(long, hide = true)]
    tiny: bool,

    /// Print the outcome as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// What is said of a demo that was stopped: what is there, and how to go on.
fn stopped(output: &Path, stage: Stage) -> String {
    let (number, done) = (stage.number(), stage.number() - 1);
    let finished = if done == 1 { "stage 1 is".into() } else { format!("stages 1 to {done} are") };
    let run = stage.run().map(|name| output.join(name)).filter(|run| run_files::has_state(run));
    let alone = run.map_or_else(String::new, |run| {
        format!("; `maskwright train --resume --output {}` ends this training alone", quoted(&run))
    });
    format!(
        "stopped in stage {number} of {}; {finished} finished and in {}; the same command begins the demo anew{alone}",
        Stage::COUNT,
        output.display()
    )
}

pub(crate) fn run(flags: &DemoFlags) -> anyhow::Result<()> {
    let mut config = match flags.tiny {
        true => DemoConfig::tiny(flags.output.clone()),
        false => DemoConfig::new(flags.output.clone()),
    };
    config.seed = flags.seed;
    config.pictures.seed = flags.seed;
    let interrupt = interrupt::on_ctrl_c();
    let mut progress = Progress::new(flags.json, interrupt.clone());
    let anew = "the same command begins the demo anew";
    interrupt.set_farewell(move || format!("stopped; {anew}"));
    let say = |line: String| {
        if !flags.json {
            tell::say(line);
        }
    };
    let end = run_demo(&config, &mut progress, &say)?;
    progress.finish();
    let outcome = match end {
        DemoEnd::Done(outcome) => outcome,
        DemoEnd::Stopped(stage) => {
            return Err(Interrupted(stopped(&flags.output, stage)).into());
        }
    };
    if flags.json {
        return output::json(&outcome, progress.warnings());
    }
    output::line("")?;
    means(&outcome.evaluation, &[])?;
    let total: f64 = outcome.seconds.iter().map(|(_, seconds)| seconds).sum();
    output::line("")?;
    output::line(format_args!("done in {}; open {}", duration(total), outcome.report.display()))?;
    let masks = masks_command(&flags.output, &outcome.checkpoint);
    output::lines([
        "everything in its pictures, without a prompt:".to_owned(),
        format!("  {masks}"),
    ])?;
    if !flags.studio {
        return Ok(());
    }
    let data_file = flags.output.join("data").join("data.toml");
    let opens = !flags.no_open;
    serve(&Serve::demo(&data_file, &outcome.checkpoint, &flags.output, opens)?, &interrupt)
}
