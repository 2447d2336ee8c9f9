//! `cargo xtask soak`: what runs for seconds in CI and for hours on request.
//!
//! `soak fuzz` runs the fuzz targets, each for so much processor time ([`fuzz`]).
//!
//! `soak kills` runs trainings that are interrupted in every way, and must lose nothing:
//! A small training is run once undisturbed. Then it is run again and again, struck while it goes on, and resumed until
//! it is done. Half of the runs are struck by random signals at random moments ([`signals`]), the others are killed just
//! before their first, second, third ... file operation ([`traced`]). After each run:
//!
//! * the final checkpoint is the undisturbed run's, byte for byte, and so is the course of the losses;
//! * no state that was saved was lost: the newest one never became older, and `--resume` never refused;
//! * no temporary file is left, and nothing is there that the undisturbed run does not have;
//! * whatever was asked to stop did so in time.
//!
//! `cargo xtask soak studio`: a day of work in the studio, which must not grow ([`studio`]).

mod fuzz;
mod results;
mod signals;
mod studio;
mod traced;
mod training;

use std::path::{Path, PathBuf};
use std::time::Instant;

use results::Results;
use training::Training;

/// Runs what the arguments after `soak` say.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    match args.split_first() {
        Some((what, rest)) if what == "fuzz" => fuzz::run(rest),
        _ => run_program(args),
    }
}

/// Kills trainings, or works in the studio.
fn run_program(args: &[String]) -> Result<(), String> {
    let settings = Settings::parse(args)?;
    let program = match settings.program {
        Some(program) => program,
        None => build()?,
    };
    match settings.studio {
        Some(day) => studio::day(&program, &studio::Settings { seed: settings.seed, ..day }),
        None => disturbed(&program, settings.runs, settings.seed, &settings.flags),
    }
}

/// Works in a studio for some seconds.
pub(crate) fn studio(program: &Path) -> Result<(), String> {
    studio::day(program, &studio::Settings { actions: 1600, minutes: 0.0, seed: 0 })
}

/// What is asked for.
struct Settings {
    runs: u32,
    seed: u64,
    program: Option<PathBuf>,
    /// A day in the studio in place of trainings.
    studio: Option<studio::Settings>,
    /// What the training is given beside its own flags.
    flags: Vec<String>,
}

impl Settings {
    fn parse(args: &[String]) -> Result<Self, String> {
        let usage = "expected: soak kills [--runs N] [--seed N] [--program FILE] [--flags 'FLAG ...'], \
                     or: soak studio [--minutes N] [--actions N] [--seed N] [--program FILE], or: soak fuzz ...";
        let mut settings =
            Self { runs: 40, seed: 0, program: None, studio: None, flags: Vec::new() };
        let mut args = args.iter();
        match args.next().map(String::as_str) {
            Some("kills") => {}
            Some("studio") => {
                let day = studio::Settings { actions: studio::DAY, minutes: 0.0, seed: 0 };
                settings.studio = Some(day);
            }
            _ => return Err(usage.to_owned()),
        }
        while let Some(flag) = args.next() {
            let value = args.next().ok_or(usage)?;
            let number = || value.parse::<u32>().map_err(|_| format!("{flag}: no number: {value}"));
            match (flag.as_str(), &mut settings.studio) {
                ("--minutes", Some(day)) => day.minutes = number()?.into(),
                ("--actions", Some(day)) => day.actions = number()?,
                ("--runs", None) => settings.runs = number()?,
                ("--seed", _) => settings.seed = number()?.into(),
                ("--program", _) => settings.program = Some(value.into()),
                ("--flags", None) => {
                    settings.flags = value.split_whitespace().map(str::to_owned).collect();
                }
                _ => return Err(usage.to_owned()),
            }
        }
        Ok(settings)
    }
}

/// Builds the command as the workspace's tests do, so that its dependencies are built once.
fn build() -> Result<PathBuf, String> {
    let build = ["test", "--release", "--locked", "--workspace", "--no-run"];
    crate::shell::run("cargo", &build, &[])?;
    Ok(built())
}

/// Where the workspace's tests have the command.
pub(crate) fn built() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    target.join("release").join("maskwright")
}

/// Runs so many disturbed trainings, from a seed.
pub(crate) fn kills(program: &Path, runs: u32, seed: u64) -> Result<(), String> {
    disturbed(program, runs, seed, &[])
}

/// As [`kills`], of a training with more flags.
fn disturbed(program: &Path, runs: u32, seed: u64, flags: &[String]) -> Result<(), String> {
    let program = program
        .canonicalize()
        .map_err(|error| format!("{}: expected the command, found {error}", program.display()))?;
    let place = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
    let training = Training::prepare(&program, place.path(), flags)?;
    let operations = traced::count(&training)?;
    println!(
        "undisturbed: {:.1} s, {}",
        training.seconds,
        match operations {
            0 => "file operations cannot be traced here; signals alone".to_owned(),
            operations => format!("{operations} file operations"),
        }
    );
    let begun = Instant::now();
    let mut results = Results::default();
    let mut random = fastrand::Rng::with_seed(seed);
    for run in 0..runs {
        let output = training.place.join("disturbed");
        if output.exists() {
            std::fs::remove_dir_all(&output).map_err(|error| format!("disturbed: {error}"))?;
        }
        let struck = match operations {
            // From another seed other operations come first.
            1.. if run % 2 == 1 => {
                let at = (run / 2 + seed as u32 * 37) % operations;
                results.operations += 1;
                traced::killed_before(&training, &output, at)
            }
            _ => {
                let mut random = random.fork();
                signals::struck(&training, &output, &mut random, &mut results)
            }
        };
        let found = struck.and_then(|()| training.finish(&output, &mut results));
        results.runs += 1;
        if let Err(found) = found.and_then(|()| training.compare(&output)) {
            println!("run {run}: {found}");
            let kept = std::env::temp_dir().join(format!("maskwright-soak-{seed}-{run}"));
            if std::fs::rename(&output, &kept).is_ok() {
                println!("  its folder is kept: {}", kept.display());
            }
            results.failures += 1;
        }
        if (run + 1) % 20 == 0 {
            println!("{}", results.line(begun.elapsed()));
        }
    }
    println!("{}", results.line(begun.elapsed()));
    match results.failures {
        0 => Ok(()),
        failures => Err(format!("{failures} of {runs} runs lost something")),
    }
}
