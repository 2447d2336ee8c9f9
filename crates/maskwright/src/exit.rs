//! What the process says and returns when a command ends.
//!
//! 0 done; 1 the data, a file or the machine is at fault; 2 the command line is; 130
//! stopped by Ctrl-C with the state saved.

use std::ffi::OsString;

use maskwright_image::is_obeyed;
use {maskwright_demo as demo, maskwright_doctor as doctor};
use {maskwright_model as model, maskwright_predict as predict};
use {maskwright_prep as prep, maskwright_report as report, maskwright_train as train};

use crate::{tell, words};

/// A mistake on the command line that clap cannot see: one flag contradicts another.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A run that Ctrl-C stopped.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Data that training would refuse; what is wrong with it is printed already.
#[derive(Debug)]
pub(crate) struct Unfit;

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the data has errors")
    }
}

impl std::error::Error for Unfit {}

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
pub(crate) fn status(done: anyhow::Result<()>) -> u8 {
    let Err(error) = done else {
        return 0;
    };
    if let Some(Interrupted(text)) = error.downcast_ref::<Interrupted>() {
        tell::say(text);
        return 130;
    }
    if let Some(train::Error::Stopped) = error.downcast_ref() {
        tell::say("stopped");
        return 130;
    }
    if error.is::<Unfit>() {
        return 1;
    }
    tell::say(format_args!("error: {}", one_line(&error)));
    if is_usage(&error) { 2 } else { 1 }
}

/// Says what clap has to say, help or what is wrong with the arguments, and gives the exit status.
pub(crate) fn of_arguments(args: &[OsString], error: &clap::Error) -> u8 {
    // Its messages repeat arguments as they are, which may be names that strangers gave to files.
    if args.iter().any(|arg| arg.to_string_lossy().chars().any(is_obeyed)) {
        error.to_string().trim_end().lines().for_each(tell::say);
    } else {
        // Where it cannot be written there is nobody to tell.
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
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
        Error::Setting { .. } | Error::FileName { .. } => true,
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
