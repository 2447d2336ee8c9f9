//! One process of libFuzzer, from its start until its time is used, it found something or someone asked it to end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Stop;
use super::corpus::Corpus;

/// How libFuzzer ends when SIGINT asks it to.
const INTERRUPTED: i32 = 72;
/// Of the kernel's count of processor time, in a second: what programs see is the same on all usual systems.
const TICKS: f64 = 100.0;
/// How much more time a process that was asked to end may take before it is interrupted.
const GRACE: f64 = 60.0;

/// How a session ended.
pub(super) enum Ended {
    /// Its time is used, or it was asked to end.
    AsAsked,
    /// By libFuzzer's limit of time, which runs by the wall's clock, at an input that takes little time alone: the machine was busy
    /// with something else, or the process had been stopped.
    Waiting,
    /// The target failed.
    Finding {
        /// The input, if the process could still write it.
        input: Option<PathBuf>,
    },
}

/// What a session came to.
pub(super) struct Session {
    pub(super) ended: Ended,
    /// Processor time, of all threads.
    pub(super) seconds: f64,
    pub(super) executions: u64,
    /// Edges covered by the whole corpus, if it was read to the end.
    pub(super) edges: Option<u64>,
}

impl Session {
    /// Runs a target for so many seconds of processor time.
    pub(super) fn run(corpus: &Corpus, seconds: f64, stop: &Stop) -> Result<Self, String> {
        let log = corpus.log();
        let failed = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = File::create(&log).map_err(failed)?;
        let inputs = corpus.artifacts();
        std::fs::create_dir_all(&inputs)
            .map_err(|error| format!("{}: {error}", inputs.display()))?;
        let before = artifacts(&inputs)?;
        let child = corpus
            .command(file)
            .arg("-print_final_stats=1")
            .args([&corpus.folder, &corpus.seeds])
            .spawn()
            .map_err(|error| format!("{}: {error}", corpus.program.display()))?;
        let (status, used) = watch(child, seconds, stop)?;
        let said = std::fs::read(&log).map_err(failed)?;
        let said = String::from_utf8_lossy(&said);
        let ended = if status.success() || status.code() == Some(INTERRUPTED) {
            Ended::AsAsked
        } else {
            let mut inputs = artifacts(&inputs)?;
            inputs.retain(|path| !before.contains(path) && !is_slow(path));
            let input = inputs.pop();
            match &input {
                Some(path) if only_waited(corpus, path)? => Ended::Waiting,
                _ => Ended::Finding { input },
            }
        };
        Ok(Self { ended, seconds: used, executions: executions(&said), edges: edges(&said) })
    }
}

/// Whether an input that took too long takes less time alone. If so it is removed.
fn only_waited(corpus: &Corpus, input: &Path) -> Result<bool, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", input.display());
    if !input.file_name().is_some_and(|name| name.to_string_lossy().starts_with("timeout-")) {
        return Ok(false);
    }
    let log = File::create(corpus.log().with_extension("again.log")).map_err(failed)?;
    if !corpus.command(log).arg(input).status().map_err(failed)?.success() {
        return Ok(false);
    }
    std::fs::remove_file(input).map_err(failed)?;
    Ok(true)
}

/// Waits for the end of a process, and asks it to end when it has used its time. Returns the time that it used.
fn watch(mut child: Child, seconds: f64, stop: &Stop) -> Result<(ExitStatus, f64), String> {
    let failed = |error: std::io::Error| error.to_string();
    let process = Pid::from_raw(child.id() as i32);
    let (mut used, mut asked, mut interrupted) = (0.0, false, false);
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok((status, used));
        }
        used = processor_seconds(child.id())?;
        // Between two inputs it ends by the first of these signals, at any moment by the second. It may have ended by now.
        if !asked && used >= seconds {
            asked = true;
            let _ = kill(process, Signal::SIGUSR1);
        }
        if !interrupted && (stop.is_asked() || used >= seconds + GRACE) {
            interrupted = true;
            let _ = kill(process, Signal::SIGINT);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The processor time of a process with all its threads, also of one that has ended and was not waited for.
fn processor_seconds(process: u32) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("{path}: expected a process's times, as Linux has them, found {error}")
    })?;
    parse_stat(&text).ok_or_else(|| format!("{path}: expected a process's times, found {text}"))
}

/// The times of the program (14th field) and of the kernel for it (15th), counted from the end of the name, which may hold anything.
fn parse_stat(text: &str) -> Option<f64> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS)
}

/// The files that libFuzzer has left in a folder.
fn artifacts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn is_slow(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("slow-unit-"))
}

/// How many inputs were tried: from the numbers at the end, or from the last line about progress.
fn executions(said: &str) -> u64 {
    let last = |prefix: &str| {
        said.lines().rev().find_map(|line| {
            line.strip_prefix(prefix)?.split_whitespace().next()?.parse::<u64>().ok()
        })
    };
    last("stat::number_of_executed_units:").or_else(|| last("#")).unwrap_or(0)
}

/// Edges covered, by the last line about progress after the corpus was read.
fn edges(said: &str) -> Option<u64> {
    let (_, after) = said.split_once("\tINITED ")?;
    let (_, number) = after.rsplit_once(" cov: ").or_else(|| after.split_once("cov: "))?;
    number.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
INFO: seed corpus: files: 9 min: 1b max: 80b total: 300b rss: 40Mb
#10	INITED cov: 120 ft: 130 corp: 9/300b exec/s: 0 rss: 41Mb
#2048	pulse  cov: 131 ft: 150 corp: 12/400b lim: 80 exec/s: 1024 rss: 42Mb
";

    #[test]
    fn progress_is_read_from_what_libfuzzer_says() {
        assert_eq!((executions(SAID), edges(SAID)), (2048, Some(131)));
        let ended = format!("{SAID}stat::number_of_executed_units: 3071\nstat::peak_rss_mb: 42\n");
        assert_eq!((executions(&ended), edges(&ended)), (3071, Some(131)));
    }

    #[test]
    fn edges_are_those_of_a_corpus_that_was_read_to_the_end() {
        let begun: String = SAID.lines().take(1).collect();
        assert_eq!((executions(&begun), edges(&begun)), (0, None));
    }

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194304 2086 0 0 0 1234 66 0 0 20 0 2 0 100 9 9";
        assert_eq!(parse_stat(stat), Some(13.0));
        assert_eq!(parse_stat("77 (name"), None);
    }
}
