//! A run whose file operations are counted one by one through ptrace, and which is killed before one of them.

use std::path::Path;

use super::training::Training;

/// Counts the file operations of an undisturbed run; 0 where they cannot be traced.
pub(super) fn count(training: &Training) -> Result<u32, String> {
    let output = training.place.join("traced");
    trace(training, &output, None)
}

/// Runs into `output` and is killed just before file operation `at`, counted from 0.
pub(super) fn killed_before(training: &Training, output: &Path, at: u32) -> Result<(), String> {
    trace(training, output, Some(at)).map(drop)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn trace(_training: &Training, _output: &Path, _kill_at: Option<u32>) -> Result<u32, String> {
    Ok(0)
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use linux::trace;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod linux {
    use std::path::Path;
    use std::process::Stdio;

    use nix::errno::Errno;
    use nix::sys::ptrace::{self, Options};
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::Pid;

    use super::super::training::Training;

    /// fsync, fdatasync, rename, mkdir, rmdir, link, unlink, mkdirat, unlinkat, renameat, linkat, renameat2,
    /// in the numbers of x86-64.
    const OPERATIONS: [u64; 12] = [74, 75, 82, 83, 84, 86, 87, 258, 263, 264, 265, 316];

    /// What a system call returns while it has only been entered.
    const ENTERED: u64 = (-38_i64).cast_unsigned();

    /// Runs until the end, or until file operation `kill_at`; returns how many there were.
    pub(super) fn trace(
        training: &Training,
        output: &Path,
        kill_at: Option<u32>,
    ) -> Result<u32, String> {
        let failed = |what: &'static str| move |error: Errno| format!("{what}: {error}");
        // A shell that stops itself becomes the run once it is traced.
        let mut command = std::process::Command::new("sh");
        let run = training.command(&training.arguments(output));
        command.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(training.program());
        command.args(run.get_args()).current_dir(&training.place);
        command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| error.to_string())?;
        let first = Pid::from_raw(child.id() as i32);
        waitpid(first, Some(WaitPidFlag::WUNTRACED)).map_err(failed("wait"))?;
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        if let Err(error) = ptrace::seize(first, options) {
            let _ = kill(first, Signal::SIGKILL);
            let _ = waitpid(first, None);
            println!("left out: tracing is not allowed here ({error})");
            return Ok(0);
        }
        kill(first, Signal::SIGCONT).map_err(failed("continue"))?;
        let mut done = 0;
        loop {
            let event = match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(event) => event,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(format!("wait: {error}")),
            };
            let (thread, signal) = match event {
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _) if pid == first => {
                    return Ok(done);
                }
                WaitStatus::PtraceSyscall(thread) => {
                    let registers = ptrace::getregs(thread);
                    let entered = registers.is_ok_and(|registers| {
                        registers.rax == ENTERED && OPERATIONS.contains(&registers.orig_rax)
                    });
                    if entered {
                        if kill_at == Some(done) {
                            kill(first, Signal::SIGKILL).map_err(failed("kill"))?;
                        }
                        done += 1;
                    }
                    (thread, None)
                }
                WaitStatus::PtraceEvent(thread, _, _) => (thread, None),
                WaitStatus::Stopped(thread, Signal::SIGTRAP) => (thread, None),
                WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
                _ => continue,
            };
            // A thread that was killed meanwhile is no more.
            let _ = ptrace::syscall(thread, signal);
        }
    }
}
