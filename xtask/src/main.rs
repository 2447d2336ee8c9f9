//! The repository's own commands.
//!
//! ```text
//! cargo xtask demo    set up, build, run the embedded demo
//! cargo xtask test    set up, then every check and test, cheapest first
//! cargo xtask setup   only the set-up
//! cargo xtask rules   only dependency rules, circles of files, licences and the Dockerfile
//! cargo xtask soak kills   trainings that are killed and resumed, again and again
//! cargo xtask soak studio  a day of work in the studio, which must not grow
//! cargo xtask soak fuzz    the fuzz targets, guided by coverage
//! cargo xtask gpu-bundle   a folder to carry to a machine with a GPU
//! cargo xtask wheel   the Python package as a wheel
//! cargo xtask package   packs the crates and builds the packages elsewhere
//! cargo xtask notices   the licences of all that is compiled into it
//! cargo xtask check   format, lints, dependency rules, circles, licences, Python, the page and packages, no tests
//! ```

#![forbid(unsafe_code)]

mod circles;
mod dependency_rules;
mod dockerfile;
mod flag_words;
mod gpu_bundle;
mod licences;
mod notices;
mod package;
mod page;
mod python;
mod python_package;
mod resolved;
mod setup;
mod shell;
#[cfg(unix)]
mod soak;
mod source_tree;
mod validate;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [ARGS]   set up, build in release mode, run `maskwright demo ARGS`
  test          set up, then every check and test, cheapest first (what CI runs)
  check         format, lints, dependency rules, circles, licences, Python, the page and packages, no tests
  setup         only the set-up: system packages that make things faster
  rules         only dependency rules, circles of files, licences and the Dockerfile
  soak kills [--runs N] [--seed N] [--program FILE]
                train, kill at random moments and at every file operation, resume: N times
  soak studio [--minutes N] [--actions N] [--seed N] [--program FILE]
                work in the studio as a person does in 8 hours, 9600 actions; fail if it grows
  soak fuzz [--target NAME ...] [--minutes N]
                the fuzz targets under libFuzzer, each for N minutes of processor time (30) less what it had before
  gpu-bundle [FOLDER]
                what a machine with a GPU needs to test and time this on it, under 60 MiB
                (target/gpu-bundle unless a folder is given)
  wheel         the Python package as a wheel, in target/wheels
  package       pack every crate that is published, and build the packages outside of this workspace
  notices       the licences of all that is compiled into it, in python/licences, from where the wheel takes them";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "demo" => setup::run().and_then(|()| demo(&rest)),
        "test" => setup::run().and_then(|()| validate::test()),
        "check" => validate::check(),
        "setup" => setup::run(),
        "rules" => validate::rules(),
        "gpu-bundle" => {
            gpu_bundle::run(rest.first().map_or("target/gpu-bundle", String::as_str).as_ref())
        }
        "wheel" => python_package::wheel().and_then(|wheel| match wheel {
            Some(wheel) => {
                println!("{}", wheel.display());
                Ok(())
            }
            None => Err("maturin could not be installed".to_owned()),
        }),
        "package" => resolved::metadata(&[]).and_then(|metadata| package::check(&metadata)),
        "notices" => python_package::write_notices(),
        "soak" => soak(&rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask {command}: {reason}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn soak(args: &[String]) -> Result<(), String> {
    soak::run(args)
}

#[cfg(not(unix))]
fn soak(_args: &[String]) -> Result<(), String> {
    Err("signals are sent on Unix alone".to_owned())
}

/// Builds the command and runs its demo.
fn demo(args: &[String]) -> Result<(), String> {
    let mut all = vec!["run", "--release", "--locked", "--package", "maskwright", "--", "demo"];
    all.extend(args.iter().map(String::as_str));
    shell::run("cargo", &all, &[])
}
