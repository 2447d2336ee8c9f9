//! What the process says and returns when a command ends.
//!
//! 0 done; 1 the data, a file or the machine is at fault; 2 the command line is; 130
//! stopped by Ctrl-C with the state saved. docs/exit-codes.md says it to people who write scripts.

use std::ffi::OsString;
use std::sync::{Once, OnceLock};

use maskwright_image::is_obeyed;
use maskwright_train as train;
use serde::Serialize;
use {maskwright_demo as demo, maskwright_doctor as doctor};
use {maskwright_model as model, maskwright_predict as predict};
use {maskwright_prep as prep, maskwright_report as report, maskwright_studio as studio};

use crate::blame::{self, Blame, Code};
pub(crate) use crate::failure::{Interrupted, Unfit, Usage};
use crate::shown::shown_json;
use crate::{tell, words};

/// What the help of the program ends with.
pub(crate) const STATUSES: &str = "\
Exit status:
  0    done
  1    the data, a file or the machine is at fault
  2    the command line is at fault
  130  stopped by Ctrl-C or a signal; what was finished is kept

An error is one line on standard error; one about flags has lines behind it that say how they
are used. With --json it is a line of JSON with code, file, expected, found (docs/exit-codes.md).";

/// How this process tells its error, once its arguments are known.
static TOLD: OnceLock<Told> = OnceLock::new();

/// The work that was asked to stop, and the thread that ends it where it does not, say so once between them.
static STOPPED: Once = Once::new();

/// How an error is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A line for people.
    Line,
    /// A line of JSON.
    Json,
}

impl Told {
    /// As these arguments ask for it, whether they make sense or not.
    pub(crate) fn of(args: &[OsString]) -> Told {
        let mut flags = args.iter().take_while(|arg| *arg != "--");
        if flags.any(|arg| arg == "--json") { Told::Json } else { Told::Line }
    }

    /// Whoever ends the process tells it so from now on.
    pub(crate) fn keep(self) {
        // A process has one command line.
        let _ = TOLD.set(self);
    }
}

/// Says, unless that was said, that a signal stopped the work; the process then ends with status 130.
pub(crate) fn say_stopped(text: impl FnOnce() -> String) {
    STOPPED.call_once(|| match TOLD.get() {
        Some(Told::Json) => json(&text(), 130, Blame::new(Code::Interrupted)),
        _ => tell::say_last(text()),
    });
}

/// The line of JSON; docs/schemas/error.json describes it.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    error: Failure<'a>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: Code,
    message: &'a str,
    file: Option<String>,
    expected: Option<String>,
    found: Option<String>,
    status: u8,
}

/// Has a process that aborts end with status 1. That is what happens when no more memory can be had, which the standard library has said
/// by then ("memory allocation of 4096 bytes failed"); nothing that was saved is lost.
#[cfg(unix)]
pub(crate) fn abort_is_an_error() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    let always = Arc::new(AtomicBool::new(true));
    // Where it cannot be, the status is that of the signal.
    let _ =
        signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGABRT, 1, always);
}

#[cfg(not(unix))]
pub(crate) fn abort_is_an_error() {}

/// Prints the error, if there is one, as one line, and gives the exit status.
pub(crate) fn status(done: anyhow::Result<()>, told: Told) -> u8 {
    let Err(error) = done else {
        return 0;
    };
    if error.is::<Unfit>() {
        return 1;
    }
    let stopped = match error.downcast_ref::<Interrupted>() {
        Some(Interrupted(text)) => Some(text.as_str()),
        None => matches!(error.downcast_ref(), Some(train::Error::Stopped)).then_some("stopped"),
    };
    if let Some(text) = stopped {
        say_stopped(|| text.to_owned());
        return 130;
    }
    let (text, status) = (one_line(&error), if is_usage(&error) { 2 } else { 1 });
    match told {
        Told::Line => tell::error(&text),
        Told::Json => json(&text, status, blame::of(&error, &text)),
    }
    status
}

/// Says what clap has to say, help or what is wrong with the arguments, and gives the exit status.
pub(crate) fn of_arguments(args: &[OsString], error: &clap::Error, told: Told) -> u8 {
    let status = u8::try_from(error.exit_code()).unwrap_or(2);
    if told == Told::Json && error.use_stderr() {
        let text = error.to_string();
        // Behind it stands how the command is used.
        let text = text.split("\n\n").next().unwrap_or_default();
        let text = text.strip_prefix("error: ").unwrap_or(text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        json(&text, status, Blame::new(Code::Usage));
        return status;
    }
    // Its messages repeat arguments as they are, which may be names that strangers gave to files.
    if args.iter().any(|arg| arg.to_string_lossy().chars().any(is_obeyed)) {
        error.to_string().trim_end().lines().for_each(tell::say);
    } else {
        // Where it cannot be written there is nobody to tell.
        let _ = error.print();
    }
    status
}

/// Says an error as JSON on one line.
fn json(message: &str, status: u8, blame: Blame) {
    let Blame { code, file, expected, found } = blame;
    let file = file.map(|file| file.to_string_lossy().into_owned());
    let error = Failure { code, message, file, expected, found, status };
    let document = Document { schema: 1, error };
    let line = serde_json::to_string(&document).unwrap_or_default();
    tell::document(shown_json(&line));
}

/// Whether the command line is at fault rather than the data, a file or the machine.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>()
        || error.downcast_ref().is_some_and(of_data)
        || error.downcast_ref().is_some_and(of_doctor)
        || error.downcast_ref().is_some_and(of_demo)
        || error.downcast_ref().is_some_and(of_model)
        || error.downcast_ref().is_some_and(of_prediction)
        || error.downcast_ref().is_some_and(of_training)
        || error.downcast_ref().is_some_and(of_report)
        || error.downcast_ref().is_some_and(of_prep)
        || error.downcast_ref().is_some_and(of_studio)
}

fn of_data(error: &maskwright_data::Error) -> bool {
    matches!(error, maskwright_data::Error::Setting { .. })
}

fn of_doctor(error: &doctor::Error) -> bool {
    use doctor::Error;
    match error {
        Error::NotRecognised { .. } | Error::Unclear { .. } | Error::ImagesNotFound { .. } => true,
        Error::Data(error) => of_data(error),
        _ => false,
    }
}

fn of_demo(error: &demo::Error) -> bool {
    use demo::Error;
    matches!(error, Error::Setting { .. } | Error::FolderTaken { .. })
}

fn of_model(error: &model::Error) -> bool {
    use model::Error;
    matches!(
        error,
        Error::UnknownModelType { .. }
            | Error::Config { .. }
            | Error::Setting { .. }
            | Error::NoModel
            | Error::NoDevice { .. }
            | Error::ModelNotTold { .. }
    )
}

fn of_prediction(error: &predict::Error) -> bool {
    use predict::Error;
    match error {
        Error::Setting { .. } | Error::FileName { .. } | Error::OtherSettings { .. } => true,
        Error::Model(error) => of_model(error),
        _ => false,
    }
}

fn of_training(error: &train::Error) -> bool {
    use train::Error;
    match error {
        Error::Setting { file, .. } => file.is_none(),
        Error::NoCheckpoint
        | Error::NoSets { .. }
        | Error::OutputTaken { .. }
        | Error::OutputInUse { .. }
        | Error::OutputHoldsInput { .. }
        | Error::OutputExists { .. }
        | Error::OutputName { .. }
        | Error::NothingToResume { .. }
        | Error::NoRun { .. } => true,
        Error::Model(error) => of_model(error),
        Error::Data(error) => of_data(error),
        _ => false,
    }
}

fn of_report(error: &report::Error) -> bool {
    use report::Error;
    match error {
        Error::Setting { .. } => true,
        Error::Train(error) => of_training(error),
        Error::Model(error) => of_model(error),
        Error::Data(error) => of_data(error),
        _ => false,
    }
}

fn of_studio(error: &studio::Error) -> bool {
    use studio::Error;
    match error {
        Error::Setting { .. } | Error::Listen { .. } => true,
        Error::Data(error) => of_data(error),
        Error::Doctor(error) => of_doctor(error),
        Error::Predict(error) => of_prediction(error),
        Error::Report(error) => of_report(error),
        Error::Train(error) => of_training(error),
        _ => false,
    }
}

fn of_prep(error: &prep::Error) -> bool {
    use prep::Error;
    match error {
        Error::Setting { .. } | Error::OtherSettings { .. } | Error::ShardInUse { .. } => true,
        Error::Data(error) => of_data(error),
        Error::Doctor(error) => of_doctor(error),
        Error::Predict(error) => of_prediction(error),
        _ => false,
    }
}

/// The error and its causes, each told once: many errors name their cause in their own text.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = words::of(cause);
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text.trim_end().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::one_line;

    #[test]
    fn a_cause_is_told_once_and_on_one_line() {
        let inner = || std::io::Error::other("no space\nleft");
        let named = anyhow::anyhow!("a.png: {}", inner());
        assert_eq!(one_line(&named), "a.png: no space left");
        let error = Err::<(), _>(inner()).context("a.png").unwrap_err();
        assert_eq!(one_line(&error), "a.png: no space left");
    }
}
