//! Random signals at random moments.

use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::results::Results;
use super::training::{Training, newest_state};

/// Within which time whatever was asked to stop has to: steps and images take milliseconds here. The machine may be
/// busy with something else.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

/// Runs and strikes, one to five times.
pub(super) fn struck(
    training: &Training,
    output: &Path,
    random: &mut fastrand::Rng,
    results: &mut Results,
) -> Result<(), String> {
    let mut newest = None;
    for start in 0..random.u32(1..=5) {
        let (arguments, anew) = training.go_on(output);
        if anew && newest.is_some() {
            return Err(format!("the state of step {newest:?} is gone"));
        }
        results.begun_anew += u32::from(anew && start > 0);
        results.processes += 1;
        let mut child = training
            .command(&arguments)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let status = strike(&mut child, training.seconds, random, results)?;
        let done = status.success();
        // 130: stopped as asked; no code: killed.
        if !done && !matches!(status.code(), None | Some(130)) {
            let said = child.wait_with_output().map(|output| output.stderr).unwrap_or_default();
            let said = String::from_utf8_lossy(&said).into_owned();
            return Err(format!("`maskwright {}`: {status}: {said}", arguments.join(" ")));
        }
        let now = newest_state(output);
        if now < newest {
            return Err(format!("the newest state was {newest:?} and is {now:?}"));
        }
        newest = now;
        if done {
            break;
        }
    }
    Ok(())
}

/// Waits for a moment, sends one signal or two, and waits for the end.
fn strike(
    child: &mut Child,
    seconds: f64,
    random: &mut fastrand::Rng,
    results: &mut Results,
) -> Result<ExitStatus, String> {
    let failed = |error: std::io::Error| error.to_string();
    let moment = Duration::from_secs_f64(1.2 * seconds * random.f64());
    let begun = Instant::now();
    while begun.elapsed() < moment {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL];
    let mut count = if random.bool() { 1 } else { 2 };
    let asked = Instant::now();
    loop {
        if count > 0 {
            count -= 1;
            let signal = *random.choice(&signals).expect("there are some");
            // It may have ended by now.
            let _ = kill(Pid::from_raw(child.id() as i32), signal);
            results.signals += 1;
            std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        }
        if let Some(status) = child.try_wait().map_err(failed)? {
            results.slowest_stop = results.slowest_stop.max(asked.elapsed());
            return Ok(status);
        }
        if asked.elapsed() > STOPS_WITHIN {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it did not stop within {STOPS_WITHIN:?}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
