//! `cargo xtask soak fuzz`: every fuzz target under libFuzzer, guided by coverage, for so much processor time.
//!
//! The targets are built on the stable compiler, with its coverage instrumentation but without sanitizers, and with the checks
//! of a debug build. Each runs on its seeds and on what was found before ([`corpus`]), until it has had its time: seconds
//! of processor time, since a machine that is busy with something else would count those in which nothing was tried. The time
//! is kept beside the part of the corpus that is committed ([`record`]), so that a later call, also in another checkout, goes
//! on where this one ended.

mod corpus;
mod record;
mod session;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cargo_metadata::MetadataCommand;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use corpus::Corpus;
use record::Record;
use session::{Ended, Session};

/// The package of the targets, outside of the workspace.
const MANIFEST: &str = "fuzz/Cargo.toml";
/// Where they are built.
const BUILT: &str = "fuzz/target";
const PROFILE: &str = "fuzz";
/// What cargo-fuzz gives the compiler when it is asked for no sanitizer.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                         -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                         -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";

/// Runs what the arguments after `soak fuzz` say.
pub(super) fn run(args: &[String]) -> Result<(), String> {
    let settings = Settings::parse(args)?;
    let targets = chosen(&settings.targets)?;
    let host = host()?;
    let stop = Stop::on_signals()?;
    let mut findings = Vec::new();
    // Those that need the tensor framework come last: its build takes long.
    for features in [false, true] {
        let mut due = Vec::new();
        for target in targets.iter().filter(|target| target.features.is_empty() != features) {
            if Record::read(&target.name)?.seconds < settings.seconds() {
                due.push(target);
            }
        }
        if due.is_empty() || stop.is_asked() {
            continue;
        }
        build(&due, &host)?;
        findings.extend(soak_all(&due, &host, &settings, &stop)?);
    }
    println!("\n{}", record::HEAD);
    for target in &targets {
        println!("{}", Record::read(&target.name)?.row(&target.name));
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("targets that failed: {count}\n{}", findings.join("\n"))),
    }
}

/// What is asked for.
struct Settings {
    /// None stands for all.
    targets: Vec<String>,
    /// Of processor time, for each target.
    minutes: f64,
    /// How many targets run side by side.
    jobs: usize,
}

impl Settings {
    fn seconds(&self) -> f64 {
        60.0 * self.minutes
    }

    fn parse(args: &[String]) -> Result<Self, String> {
        let usage = "expected: soak fuzz [--target NAME ...] [--minutes N] [--jobs N]";
        let mut settings = Self { targets: Vec::new(), minutes: 30.0, jobs: 1 };
        let mut args = args.iter().peekable();
        while let Some(flag) = args.next() {
            match flag.as_str() {
                "--target" => {
                    let before = settings.targets.len();
                    while let Some(name) = args.next_if(|word| !word.starts_with("--")) {
                        settings.targets.push(name.clone());
                    }
                    if settings.targets.len() == before {
                        return Err(usage.to_owned());
                    }
                }
                "--minutes" => {
                    let value = args.next().ok_or(usage)?;
                    settings.minutes = value
                        .parse()
                        .ok()
                        .filter(|minutes| (0.0..1e6).contains(minutes))
                        .ok_or_else(|| format!("--minutes: expected minutes, found {value}"))?;
                }
                "--jobs" => {
                    let value = args.next().ok_or(usage)?;
                    settings.jobs =
                        value.parse().ok().filter(|&jobs| jobs > 0).ok_or_else(|| {
                            format!("--jobs: expected a number from 1, found {value}")
                        })?;
                }
                _ => return Err(usage.to_owned()),
            }
        }
        Ok(settings)
    }
}

struct Target {
    name: String,
    /// Those of the package without which it is not built.
    features: Vec<String>,
}

/// The targets of these names, in this order; all, where none is named.
fn chosen(names: &[String]) -> Result<Vec<Target>, String> {
    let metadata = MetadataCommand::new()
        .manifest_path(MANIFEST)
        .no_deps()
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let all: Vec<_> = metadata.packages.iter().flat_map(|package| &package.targets).collect();
    let target = |found: &&cargo_metadata::Target| Target {
        name: found.name.clone(),
        features: found.required_features.clone(),
    };
    if names.is_empty() {
        return Ok(all.iter().map(target).collect());
    }
    names
        .iter()
        .map(|name| {
            all.iter().find(|found| found.name == *name).map(target).ok_or_else(|| {
                let known: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
                format!("--target: expected one of {}, found {name}", known.join(", "))
            })
        })
        .collect()
}

/// The system that the compiler runs on. Only when it is named are build scripts and macros built without
/// instrumentation.
fn host() -> Result<String, String> {
    let version = crate::shell::output("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV: expected a line `host:`".to_owned())
}

fn build(targets: &[&Target], host: &str) -> Result<(), String> {
    let mut args = vec!["build", "--locked", "--manifest-path", MANIFEST, "--profile", PROFILE];
    args.extend(["--target", host, "--target-dir", BUILT]);
    for target in targets {
        args.extend(["--bin", &target.name]);
    }
    let mut features: Vec<_> = targets.iter().flat_map(|target| &target.features).collect();
    features.sort();
    features.dedup();
    args.extend(features.into_iter().flat_map(|feature| ["--features", feature]));
    crate::shell::run("cargo", &args, &[("RUSTFLAGS", RUSTFLAGS)])
}

/// Gives each of the targets what is left of its time, so many of them side by side. Returns what was found.
fn soak_all(
    targets: &[&Target],
    host: &str,
    settings: &Settings,
    stop: &Stop,
) -> Result<Vec<String>, String> {
    let left = Mutex::new(targets.iter());
    let job = || -> Result<Vec<String>, String> {
        let mut findings = Vec::new();
        while !stop.is_asked() {
            let Some(target) = left.lock().map_err(|error| error.to_string())?.next() else {
                break;
            };
            let program = PathBuf::from(BUILT).join(host).join(PROFILE).join(&target.name);
            findings.extend(soak(&target.name, program, settings.seconds(), stop)?);
        }
        Ok(findings)
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..settings.jobs).map(|_| scope.spawn(job)).collect();
        let mut findings = Vec::new();
        for job in jobs {
            findings.extend(job.join().map_err(|_| "a job panicked".to_owned())??);
        }
        Ok(findings)
    })
}

/// Gives a target what is left of its time, minimises its corpus and packs the part that is committed. Returns what was found.
fn soak(name: &str, program: PathBuf, seconds: f64, stop: &Stop) -> Result<Option<String>, String> {
    let corpus = Corpus::open(name, program)?;
    let mut record = Record::read(name)?;
    println!("{name}: {:.1} minutes of processor time", (seconds - record.seconds) / 60.0);
    let mut found = None;
    while record.seconds < seconds && found.is_none() && !stop.is_asked() {
        let session = Session::run(&corpus, seconds - record.seconds, stop)?;
        record.add(&session);
        if let Ended::Finding { input } = &session.ended {
            let input = input
                .as_ref()
                .map_or_else(|| "no input was kept".into(), |at| at.display().to_string());
            let finding = format!("  {name}: {input} (see {})", corpus.log().display());
            println!("{finding}");
            found = Some(finding);
        }
        // What a session added is kept even if the command ends now.
        record.write(name)?;
    }
    if !stop.is_asked() {
        corpus.minimise()?;
        corpus.pack()?;
        record.inputs = corpus.inputs()?;
        record.write(name)?;
    }
    println!("{}", record.row(name));
    Ok(found)
}

/// Whether the command was asked to end.
struct Stop(Arc<AtomicBool>);

impl Stop {
    /// SIGINT and SIGTERM ask; the second of them ends the command at once.
    fn on_signals() -> Result<Self, String> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first finds that nothing was asked yet.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .map_err(|error| format!("signal {signal}: {error}"))?;
        }
        Ok(Self(asked))
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
