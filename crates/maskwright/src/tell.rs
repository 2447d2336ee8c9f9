//! The command's words about its work: lines on standard error, and in a log file if there is one.
//!
//! Everything but clap's messages and the progress bars goes through here. A reader that is gone, a closed
//! terminal or a full disk costs the words and never the work: that they could not be written is told to
//! nobody. Results go to standard output, through `output`.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use anyhow::Context;
use serde::Serialize;

use crate::flags::log::{Level, LogFlags, LogFormat};
use crate::shown::{shown, shown_json};

/// How this process speaks, once its flags are read.
static VOICE: OnceLock<Voice> = OnceLock::new();

/// Whether standard error gets notes and errors only.
static QUIET: AtomicBool = AtomicBool::new(false);

/// How the process speaks.
struct Voice {
    format: LogFormat,
    level: Level,
    file: Option<Mutex<File>>,
}

/// Speaks from now on as these flags say.
pub(crate) fn begin(flags: &LogFlags) -> anyhow::Result<()> {
    let open = |path: &Path| {
        let file = File::options().create(true).append(true).open(path);
        file.with_context(|| format!("{}: cannot write", path.display())).map(Mutex::new)
    };
    let file = flags.log_file.as_deref().map(open).transpose()?;
    // A process has one command line.
    let _ = VOICE.set(Voice { format: flags.log_format, level: flags.log_level, file });
    Ok(())
}

/// Says on standard error, from now on, only what is odd, and errors. A log file gets all.
pub(crate) fn quietly() {
    QUIET.store(true, Ordering::SeqCst);
}

/// Says a line.
pub(crate) fn say(text: impl Display) {
    write(Level::Info, &text.to_string());
}

/// Says the line that the command ends with, which is said quietly, too.
pub(crate) fn say_last(text: impl Display) {
    QUIET.store(false, Ordering::SeqCst);
    say(text);
}

/// Says what a person should know and what stops nothing.
pub(crate) fn note(text: impl Display) {
    write(Level::Warn, &text.to_string());
}

/// Says what ended the command.
pub(crate) fn error(text: impl Display) {
    write(Level::Error, &text.to_string());
}

/// Says a line that has its form already.
pub(crate) fn document(line: impl Display) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).ok();
    to_file(&line);
}

/// A line as JSON.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    message: &'a str,
}

fn write(level: Level, text: &str) {
    let voice = VOICE.get();
    if voice.is_some_and(|voice| level > voice.level) {
        return;
    }
    let json = voice.is_some_and(|voice| voice.format == LogFormat::Json);
    // One write, so that the lines of several processes do not mix.
    let line = match json {
        true => as_json(level, text),
        false => format!("{}{}\n", mark(level), shown(text)),
    };
    if level < Level::Info || !QUIET.load(Ordering::SeqCst) {
        std::io::stderr().write_all(line.as_bytes()).ok();
    }
    match (voice.is_some_and(|voice| voice.file.is_some()), json) {
        (false, _) => {}
        (true, true) => to_file(&line),
        (true, false) => {
            let name: &str = level.into();
            to_file(&format!("{} {name:5} {}\n", now(), shown(text)));
        }
    }
}

fn to_file(line: &str) {
    let file = VOICE.get().and_then(|voice| voice.file.as_ref());
    if let Some(mut file) = file.and_then(|file| file.lock().ok()) {
        file.write_all(line.as_bytes()).ok();
    }
}

/// What a line for people begins with.
fn mark(level: Level) -> &'static str {
    match level {
        Level::Error => "error: ",
        Level::Warn => "note: ",
        Level::Info => "",
    }
}

fn as_json(level: Level, message: &str) -> String {
    let line = Line { time: now(), level: level.into(), message };
    format!("{}\n", shown_json(&serde_json::to_string(&line).unwrap_or_default()))
}

fn now() -> String {
    maskwright_train::times::now()
}
