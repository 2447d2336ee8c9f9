//! A run on a terminal, which util-linux's `script` makes: how it ends, the terminal is given back and the run can go on. Where
//! there is no `script` the tests are left out with a line.
#![cfg(unix)]

mod support;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Place, small_run, text, works};

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l\x1b[?25h";
/// Long enough for a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command on a terminal.
struct OnTerminal {
    script: Child,
    written: PathBuf,
    number: PathBuf,
}

impl OnTerminal {
    /// Starts it; none where there is no `script`.
    #[allow(clippy::disallowed_macros, reason = "a test says what it leaves out")]
    fn start(folder: &Path, args: &[String]) -> Option<Self> {
        let version = Command::new("script").arg("--version").output();
        if !version.is_ok_and(|told| text(&told.stdout).contains("util-linux")) {
            eprintln!("left out: there is no `script` to make a terminal with");
            return None;
        }
        let (written, number) = (folder.join("written"), folder.join("number"));
        let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
        let command = format!(
            "stty rows 30 cols 90; echo $$ > '{}'; exec '{}' {}",
            number.display(),
            env!("CARGO_BIN_EXE_maskwright"),
            quoted.join(" ")
        );
        let script = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(File::create(&written).expect("created"))
            .spawn()
            .expect("it starts");
        Some(Self { script, written, number })
    }

    /// What was written so far.
    fn written(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.written).expect("read")).into_owned()
    }

    /// Waits until something is true of what was written.
    fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !is_there(&self.written()) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.written());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends the command a signal, as `kill` does; whether it is still there.
    fn kill(&self, signal: &str) -> bool {
        let number = std::fs::read_to_string(&self.number).expect("its number");
        let killed = Command::new("kill").args([signal, number.trim()]).output();
        killed.expect("it starts").status.success()
    }

    /// Types on the terminal.
    fn type_keys(&mut self, keys: &str) {
        let keyboard = self.script.stdin.as_mut().expect("a keyboard");
        keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits for the end; the exit status.
    fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.script.try_wait().expect("waited for") {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {:?}", self.written());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // Of a test that failed; otherwise it has ended.
        self.script.kill().ok();
        self.script.wait().ok();
    }
}

/// A run with a view that has done its first epoch, of so many that it does not end by itself.
fn running(place: &Place) -> Option<OnTerminal> {
    let mut flags = small_run(place, 8, 25);
    let epochs = flags.iter().position(|flag| flag == "--max-epoch-num").expect("given");
    flags[epochs + 1] = "100000".into();
    flags.extend(["--progress", "view"].map(str::to_owned));
    let run = OnTerminal::start(place.path(), &flags)?;
    run.wait_for("the view after an epoch", |written| {
        written.contains(ENTER) && written.contains("images/s") && written.contains("IoU")
    });
    Some(run)
}

/// What was saved goes on for another epoch.
fn goes_on(place: &Place) {
    let runs = works(&["runs", &place.text(""), "--json"]);
    let runs: Value = serde_json::from_slice(&runs.stdout).expect("JSON");
    let done = runs["runs"][0]["epochs_done"].as_u64().expect("a number");
    assert!(done > 0, "{runs}");
    let epochs = (done + 1).to_string();
    works(&["train", "--resume", "--output", &place.text("run"), "--max-epoch-num", &epochs]);
}

/// Whether signals of terminals that close are ignored, as under `nohup`: what is started here ignores them, too.
fn hangs_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    !ignored.is_some_and(|mask| mask.trim().ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

/// Ctrl-C and signals end a run alike: it is saved after its step, the terminal is as it was, and the words are on it.
#[test]
fn signals_save_the_run_and_give_the_terminal_back() {
    for ask in ["Ctrl-C", "-TERM", "-HUP"] {
        if ask == "-HUP" && !hangs_up() {
            continue;
        }
        let place = Place::new();
        let Some(mut run) = running(&place) else { return };
        match ask {
            "Ctrl-C" => run.type_keys("\x03"),
            signal => assert!(run.kill(signal)),
        }
        assert_eq!(run.end(), Some(130), "{ask}: {:?}", run.written());
        let written = run.written();
        let left = written.rfind(LEAVE).unwrap_or_else(|| panic!("{ask}: {written:?}"));
        assert!(written.rfind(ENTER) < Some(left), "{ask}: it is not entered again");
        let after = &written[left..];
        for said in ["epoch 1 of 100000 done", "train --resume --output"] {
            assert!(after.contains(said), "{ask}: {said:?} is missing in {after:?}");
        }
        goes_on(&place);
    }
}

/// A terminal that is gone ends a run as well, with all that it learned.
#[test]
fn a_terminal_that_closes_saves_the_run() {
    if !hangs_up() {
        return;
    }
    let place = Place::new();
    let Some(mut run) = running(&place) else { return };
    run.script.kill().expect("killed");
    let begun = Instant::now();
    while run.kill("-0") {
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    goes_on(&place);
}
