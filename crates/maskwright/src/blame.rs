//! What an error is about, for programs that read it: a code, the file, what was expected and what was found.
//!
//! The codes are those of docs/exit-codes.md. Most errors of the libraries have the parts as fields; those that are only a text
//! have the form "WHAT: expected E, found F", from which the last two are read.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use serde::Serialize;
use {maskwright_data as data, maskwright_demo as demo, maskwright_doctor as doctor};
use {maskwright_image as image, maskwright_model as model, maskwright_predict as predict};
use {maskwright_prep as prep, maskwright_report as report, maskwright_train as train};

use crate::failure::{Damaged, Usage};

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// The command line makes no sense.
    Usage,
    /// A setting, on the command line or in a file, has a value that it cannot have.
    Setting,
    /// The content of a file.
    Data,
    /// A file or folder that is not there.
    FileMissing,
    /// A file or folder that cannot be read or written for another reason.
    File,
    /// A checkpoint, a device, what a model is given.
    Model,
    /// A run's folder, or what became of its training.
    Run,
    /// Stopped by Ctrl-C or a signal.
    Interrupted,
    /// None of these.
    Other,
}

/// What an error is about.
#[derive(Debug)]
pub(crate) struct Blame {
    pub(crate) code: Code,
    pub(crate) file: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) found: Option<String>,
}

impl Blame {
    pub(crate) fn new(code: Code) -> Blame {
        Blame { code, file: None, expected: None, found: None }
    }

    fn of(self, file: &Path) -> Blame {
        Blame { file: Some(file.to_string_lossy().into_owned()), ..self }
    }

    fn but(self, expected: impl ToString, found: impl ToString) -> Blame {
        Blame { expected: Some(expected.to_string()), found: Some(found.to_string()), ..self }
    }
}

/// What `error` is about, which is told as `text`.
pub(crate) fn of(error: &anyhow::Error, text: &str) -> Blame {
    let blame = error.chain().find_map(of_cause).unwrap_or(Blame::new(Code::Other));
    match parts(text) {
        Some((expected, found)) if blame.expected.is_none() => blame.but(expected, found),
        _ => blame,
    }
}

/// What a text says was expected and found.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("expected ")?;
    rest.split_once(", found ").or_else(|| rest.split_once("; found "))
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Blame> {
    None.or_else(|| cause.is::<Usage>().then(|| Blame::new(Code::Usage)))
        .or_else(|| cause.downcast_ref::<Damaged>().map(|it| Blame::new(Code::Data).of(&it.file)))
        .or_else(|| cause.downcast_ref().map(of_data))
        .or_else(|| cause.downcast_ref().map(of_demo))
        .or_else(|| cause.downcast_ref().map(of_doctor))
        .or_else(|| cause.downcast_ref().map(of_image))
        .or_else(|| cause.downcast_ref().map(of_model))
        .or_else(|| cause.downcast_ref().map(of_prediction))
        .or_else(|| cause.downcast_ref().map(of_prep))
        .or_else(|| cause.downcast_ref().map(of_report))
        .or_else(|| cause.downcast_ref().map(of_training))
        .or_else(|| cause.downcast_ref().map(of_io))
}

/// What the system says about a file.
fn of_io(error: &io::Error) -> Blame {
    Blame::new(match error.kind() {
        io::ErrorKind::NotFound => Code::FileMissing,
        _ => Code::File,
    })
}

fn of_image(error: &image::Error) -> Blame {
    use image::Error as E;
    let data = Blame::new(Code::Data);
    match error {
        E::BufferSize { expected, found, .. } => data.but(expected, found),
        E::TableSize { expected, found } | E::RleSizes { expected, found } => {
            data.but(expected, found)
        }
        E::InList { source, .. } => of_image(source),
        E::Environment { found, expected, .. } => {
            Blame::new(Code::Setting).but(expected.join(", "), found)
        }
        _ => data,
    }
}

fn of_data(error: &data::Error) -> Blame {
    use data::Error as E;
    let of = |code| match error.file() {
        Some(file) => Blame::new(code).of(file),
        None => Blame::new(code),
    };
    match error {
        E::Read { source, file } | E::Write { source, file } => of_io(source).of(file),
        E::Image { source, file, .. } | E::Annotation { source, file, .. } => {
            of_image(source).of(file)
        }
        E::Environment { source } => of_image(source),
        E::Setting { expected, found, .. } | E::SettingInFile { expected, found, .. } => {
            of(Code::Setting).but(expected, found)
        }
        E::Tar { expected, found, .. } => of(Code::Data).but(expected, found),
        E::SizeMismatch { image_size, mask_size, .. } => of(Code::Data).but(image_size, mask_size),
        E::FolderMissing { folder, .. } => of(Code::FileMissing).of(folder),
        E::FolderEmpty { folder, expected, found, .. } => {
            of(Code::Data).of(folder).but(expected, found)
        }
        E::Unpaired { images, .. } => of(Code::Data).of(images),
        E::DuplicateStem { folder, .. } => of(Code::Data).of(folder),
        E::MissingSubsets { root, .. } => of(Code::FileMissing).of(root),
        E::DataFile { .. } | E::UnknownKey { .. } | E::KeyValue { .. } => of(Code::Setting),
        E::TooFewRecords { .. } | E::NothingSelected { .. } | E::CrowdsLeftOut { .. } => {
            of(Code::Setting)
        }
        E::Threads { .. } | E::NoSuchRecord { .. } => of(Code::Other),
        E::BudgetExceeded { last, .. } => of_data(last),
        _ => of(Code::Data),
    }
}

fn of_demo(error: &demo::Error) -> Blame {
    use demo::Error as E;
    match error {
        E::Setting { expected, found, .. } => Blame::new(Code::Setting).but(expected, found),
        E::FolderTaken { folder, .. } => Blame::new(Code::Setting).of(folder),
        E::Read { file, source } | E::Write { file, source } => of_io(source).of(file),
        E::Image { file, source } => of_image(source).of(file),
        _ => Blame::new(Code::Other),
    }
}

fn of_doctor(error: &doctor::Error) -> Blame {
    use doctor::Error as E;
    let data = Blame::new(Code::Data);
    match error {
        E::Data(inner) => of_data(inner),
        E::Read { file, source } => of_io(source).of(file),
        E::NotRecognised { path, expected, found } => data.of(path).but(expected, found),
        E::Unclear { path, found, .. } => data.of(path).but("one data set", found),
        E::ImagesNotFound { annotations } => Blame::new(Code::FileMissing).of(annotations),
        _ => Blame::new(Code::Other),
    }
}

fn of_model(error: &model::Error) -> Blame {
    use model::Error as E;
    let (model, setting) = (Blame::new(Code::Model), Blame::new(Code::Setting));
    match error {
        E::UnknownModelType { name, known } => setting.but(known, name),
        E::Input { expected, found, .. }
        | E::Setting { expected, found, .. }
        | E::NoDevice { expected, found, .. } => setting.but(expected, found),
        E::Config { .. } | E::Prompt { .. } | E::NoModel => setting,
        E::WrongModel { file, expected, found, .. }
        | E::AdapterBase { file, expected, found, .. } => model.of(file).but(expected, found),
        E::ModelNotTold { file, .. } | E::Detect { file: Some(file), .. } => model.of(file),
        E::Io { path, source } => of_io(source).of(path),
        E::Checkpoint { path, .. } => model.of(path),
        E::Mismatch(misfits) => match &misfits.file {
            Some(file) => model.of(file),
            None => model,
        },
        E::Layout { path, expected, found, .. } => model.of(path).but(expected, found),
        _ => model,
    }
}

fn of_prediction(error: &predict::Error) -> Blame {
    use predict::Error as E;
    let setting = Blame::new(Code::Setting);
    match error {
        E::Model(inner) => of_model(inner),
        E::Image { file: Some(file), source } => of_image(source).of(file),
        E::Image { file: None, source } => of_image(source),
        E::Io { file, source, .. } => of_io(source).of(file),
        E::Setting { expected, found, .. } => setting.but(expected, found),
        E::Content { file, expected, found } => {
            Blame::new(Code::Data).of(file).but(expected, found)
        }
        E::FileName { file, expected } => setting.of(file).but(expected, file.display()),
        _ => Blame::new(Code::Other),
    }
}

fn of_prep(error: &prep::Error) -> Blame {
    use prep::Error as E;
    let setting = Blame::new(Code::Setting);
    match error {
        E::Data(inner) => of_data(inner),
        E::Doctor(inner) => of_doctor(inner),
        E::Predict(inner) => of_prediction(inner),
        E::Io { file, source, .. } => of_io(source).of(file),
        E::Setting { expected, found, .. } => setting.but(expected, found),
        E::OtherSettings { folder, expected, found, .. } => setting.of(folder).but(expected, found),
        E::ShardInUse { folder, .. } => Blame::new(Code::Run).of(folder),
        E::Content { file, expected, found } => {
            Blame::new(Code::Data).of(file).but(expected, found)
        }
        _ => Blame::new(Code::Other),
    }
}

fn of_report(error: &report::Error) -> Blame {
    use report::Error as E;
    match error {
        E::Train(inner) => of_training(inner),
        E::Data(inner) => of_data(inner),
        E::Model(inner) => of_model(inner),
        E::Image { file, source } => of_image(source).of(file),
        E::Io { file, source, .. } => of_io(source).of(file),
        E::Setting { expected, found, .. } => Blame::new(Code::Setting).but(expected, found),
        _ => Blame::new(Code::Other),
    }
}

fn of_training(error: &train::Error) -> Blame {
    use train::Error as E;
    let (run, setting) = (Blame::new(Code::Run), Blame::new(Code::Setting));
    match error {
        E::Data(inner) => of_data(inner),
        E::Model(inner) => of_model(inner),
        E::Image { file, source } => of_image(source).of(file),
        E::Io { file, source, .. } => of_io(source).of(file),
        E::Setting { expected, found, file: None, .. } => setting.but(expected, found),
        E::Setting { expected, found, file: Some(file), .. } => {
            setting.of(file).but(expected, found)
        }
        E::NoCheckpoint | E::NoSets { .. } => setting,
        E::OutputTaken { folder, found } => run.of(folder).but("no run", found),
        E::OutputInUse { folder, .. } => run.of(folder),
        E::OutputHoldsInput { folder, .. } => setting.of(folder),
        E::OtherInput { expected, found, .. } => run.but(expected, found),
        E::ValidationBudget { last, .. } => of_data(last),
        E::NoRoom { folder, needed, free } => Blame::new(Code::File).of(folder).but(needed, free),
        E::OutputExists { file } => Blame::new(Code::File).of(file),
        E::OutputName { file, expected, .. } => setting.of(file).but(expected, file.display()),
        E::NothingToResume { folder, expected, found, .. }
        | E::NoRun { folder, expected, found } => run.of(folder).but(expected, found),
        E::RunFile { file, expected, found } => run.of(file).but(expected, found),
        _ => run,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn of_error(error: impl StdError + Send + Sync + 'static) -> Blame {
        let error = anyhow::Error::from(error);
        let text = error.to_string();
        of(&error, &text)
    }

    #[test]
    fn fields_are_those_of_the_error() {
        let inner = train::Error::from(data::Error::Setting {
            key: "plan.size".into(),
            expected: "64 or more".into(),
            found: "3".into(),
        });
        let blame = of_error(inner);
        assert_eq!(blame.code, Code::Setting);
        assert_eq!(blame.expected.as_deref(), Some("64 or more"));
        assert_eq!(blame.found.as_deref(), Some("3"));
        assert_eq!(blame.file, None);
    }

    #[test]
    fn a_text_of_the_usual_form_has_parts_and_another_has_none() {
        let blame = of_error(Usage("--tile: expected 32 or more, found 3".into()));
        assert_eq!(blame.code, Code::Usage);
        assert_eq!(blame.expected.as_deref(), Some("32 or more"));
        assert_eq!(blame.found.as_deref(), Some("3"));
        let blame = of_error(Usage("nothing to write: give --output".into()));
        assert_eq!((blame.expected, blame.found), (None, None));
    }

    #[test]
    fn the_system_is_asked_whether_a_file_is_there() {
        let missing = Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)).context("a.png");
        assert_eq!(of(&missing.expect_err("missing"), "a.png").code, Code::FileMissing);
        let file = Path::new("a.pth").to_path_buf();
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let blame = of_error(model::Error::Io { path: file, source });
        assert_eq!((blame.code, blame.file.as_deref()), (Code::File, Some("a.pth")));
    }
}
