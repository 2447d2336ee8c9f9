//! The program as the studio needs it: its command lines, its words.

use std::path::Path;
use std::process::Command;

use maskwright_studio::api::TrainForm;
use maskwright_studio::{Blame, Error, Program, TrainJob};
use maskwright_train::trainer::Forecast;

use super::form::{flag_of, form, train_flags};
use crate::blame::Blamed;
use crate::commands::train;
use crate::words;

/// What is said where there is no model.
pub(super) const NO_MODEL: &str = "no model to click with: browsing and brush work all the same; start the studio with --checkpoint FILE (a SAM or \
     HQ-SAM checkpoint, or a name such as sam-hq-vit-b: `maskwright models`), or choose a run's model on its page";

/// This program.
pub(super) struct ThisProgram;

impl Program for ThisProgram {
    fn form(&self) -> TrainForm {
        form()
    }

    fn train(&self, job: &TrainJob) -> Result<Command, String> {
        let mut args = arguments(job)?;
        args.extend(["--output".into(), job.output.display().to_string()]);
        checked(&args)?;
        Ok(command(&args))
    }

    fn forecast(&self, job: &TrainJob) -> Result<Command, String> {
        let mut args = arguments(job)?;
        args.extend(["--dry-run".into(), "--json".into()]);
        checked(&args)?;
        Ok(command(&args))
    }

    fn forecast_words(&self, forecast: &Forecast) -> Vec<String> {
        train::forecast::lines(forecast)
    }

    fn resume(&self, output: &Path) -> Command {
        let output = output.display().to_string();
        command(&["train".into(), "--resume".into(), "--output".into(), output])
    }

    fn words(&self, error: &Error) -> String {
        words::of(error)
    }

    fn blame(&self, error: &Error) -> Blame {
        let blame = error.blame();
        let code = serde_json::to_value(blame.code).ok();
        Blame {
            code: code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default(),
            file: blame.file.map(|file| file.display().to_string()),
            expected: blame.expected,
            found: blame.found,
        }
    }

    fn how_to_get_a_model(&self) -> String {
        NO_MODEL.into()
    }
}

/// The arguments of a training but for where it writes.
fn arguments(job: &TrainJob) -> Result<Vec<String>, String> {
    let mut args = vec!["train".to_owned(), "--data".into(), job.data.display().to_string()];
    let given =
        |key: &str| job.values.iter().any(|(known, value)| known == key && !value.is_empty());
    let from_elsewhere = given("model.checkpoint");
    for (key, value) in job.values.iter().filter(|(_, value)| !value.is_empty()) {
        let flag = flag_of(key)
            .ok_or_else(|| format!("values: expected fields of the form, found {key}"))?;
        if value.chars().any(char::is_control) {
            return Err(format!("{key}: expected a value, found control characters"));
        }
        let long = flag.trim_start_matches('-');
        let takes_value = train_flags()
            .get_arguments()
            .any(|arg| arg.get_long() == Some(long) && arg.get_action().takes_values());
        match (takes_value, value.as_str()) {
            // As one word, whatever it begins with.
            (true, value) => args.push(format!("{flag}={value}")),
            (false, "true") => args.push(flag.to_owned()),
            (false, "false") => {}
            (false, other) => return Err(format!("{key}: expected true or false, found {other}")),
        }
    }
    if !from_elsewhere {
        if let Some(checkpoint) = &job.checkpoint {
            args.push(format!("--checkpoint={}", checkpoint.display()));
        }
        if let Some(size) = job.input_size.filter(|_| !given("model.input_size")) {
            args.push(format!("--input-size={size}"));
        }
    }
    Ok(args)
}

/// Has clap look at the arguments before a process is started for them.
fn checked(args: &[String]) -> Result<(), String> {
    match train_flags().try_get_matches_from(args) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let text = text.split("\n\n").next().unwrap_or_default();
            let text = text.strip_prefix("error: ").unwrap_or(text);
            Err(text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    }
}

/// This program with other arguments; from Python it is a module.
fn command(args: &[String]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "maskwright".into());
    let stem = program.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_python = stem.starts_with("python");
    let mut command = Command::new(program);
    if is_python {
        command.args(["-m", "maskwright"]);
    }
    command.args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(values: &[(&str, &str)]) -> TrainJob {
        TrainJob {
            data: "d.toml".into(),
            output: "runs/a".into(),
            values: values.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            checkpoint: Some("m.safetensors".into()),
            input_size: Some(256),
        }
    }

    fn line(values: &[(&str, &str)]) -> Result<String, String> {
        let command = ThisProgram.train(&job(values))?;
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        Ok(args.join(" "))
    }

    #[test]
    fn a_form_becomes_a_command_line() {
        insta::assert_snapshot!(line(&[("train.epochs", "3"), ("optimizer.learning_rate", "")]).expect("fine"), @"train --data d.toml --max-epoch-num=3 --checkpoint=m.safetensors --input-size=256 --output runs/a");
        insta::assert_snapshot!(line(&[("model.checkpoint", "-odd"), ("model.input_size", "512")]).expect("fine"), @"train --data d.toml --checkpoint=-odd --input-size=512 --output runs/a");
    }

    #[test]
    fn what_the_command_does_not_take_is_refused_before() {
        insta::assert_snapshot!(line(&[("train.epochs", "many")]).expect_err("refused"), @"invalid value 'many' for '--max-epoch-num <N>': invalid digit found in string");
        insta::assert_snapshot!(line(&[("output", "/etc")]).expect_err("refused"), @"values: expected fields of the form, found output");
        assert!(line(&[("train.epochs", "3\n4")]).is_err());
    }
}
