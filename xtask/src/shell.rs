//! Running other programs, each announced by the line that would run it by hand.

use std::process::{Command, Stdio};
use std::time::Instant;

/// Runs a program, its output shown; an error names the command line that failed.
pub(crate) fn run(program: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    run_in(".", program, args, variables)
}

/// As [`run`], in a folder.
pub(crate) fn run_in(
    folder: &str,
    program: &str,
    args: &[&str],
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let line = command_line(program, args, variables);
    println!("$ {line}");
    let start = Instant::now();
    let status = Command::new(program)
        .args(args)
        .current_dir(folder)
        .envs(variables.iter().copied())
        .status()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    println!("  ({:.0} s)", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed: {status}")) }
}

/// Runs a program, what it says on standard error shown; returns what it writes.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<String, String> {
    let line = command_line(program, args, &[]);
    println!("$ {line}");
    let done = Command::new(program)
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if !done.status.success() {
        return Err(format!("`{line}` failed: {}", done.status));
    }
    String::from_utf8(done.stdout).map_err(|error| format!("`{line}`: {error}"))
}

/// Whether a program runs at all with these arguments, its output hidden.
pub(crate) fn works(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn command_line(program: &str, args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut words: Vec<String> =
        variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    words.push(program.to_owned());
    words.extend(args.iter().map(|arg| (*arg).to_owned()));
    words.join(" ")
}
