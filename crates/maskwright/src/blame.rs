//! What an error is about, for programs that read it: a code, the file, what was expected and what was found.
//!
//! The command tells it as JSON, by the codes of docs/exit-codes.md, and the Python package as classes of exceptions with
//! fields. Most errors of the libraries have the parts as fields; of those that are only a text, "WHAT: expected E, found F", the command
//! reads the last two.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use maskwright_train as train;
use serde::Serialize;
use {maskwright_data as data, maskwright_demo as demo, maskwright_doctor as doctor};
use {maskwright_image as image, maskwright_model as model, maskwright_predict as predict};
use {maskwright_prep as prep, maskwright_report as report, maskwright_studio as studio};

use crate::failure::{Damaged, Missing, Usage};

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
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
pub struct Blame {
    /// Its kind.
    pub code: Code,
    /// The file or folder.
    pub file: Option<PathBuf>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub found: Option<String>,
}

impl Blame {
    /// Of an error of this kind, of which nothing more is known.
    #[must_use]
    pub fn new(code: Code) -> Blame {
        Blame { code, file: None, expected: None, found: None }
    }

    /// With the file or folder.
    #[must_use]
    pub fn of(self, file: &Path) -> Blame {
        Blame { file: Some(file.to_owned()), ..self }
    }

    /// With what was expected and what was found.
    #[must_use]
    pub fn but(self, expected: impl ToString, found: impl ToString) -> Blame {
        Blame { expected: Some(expected.to_string()), found: Some(found.to_string()), ..self }
    }
}

/// An error that knows what it is about.
pub trait Blamed {
    /// What it is about.
    fn blame(&self) -> Blame;
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
    fn of<E: Blamed + StdError + 'static>(cause: &(dyn StdError + 'static)) -> Option<Blame> {
        cause.downcast_ref::<E>().map(Blamed::blame)
    }
    let all = [
        of::<Usage>,
        of::<Damaged>,
        of::<Missing>,
        of::<data::Error>,
        of::<demo::Error>,
        of::<doctor::Error>,
        of::<image::Error>,
        of::<model::Error>,
        of::<predict::Error>,
        of::<prep::Error>,
        of::<report::Error>,
        of::<studio::Error>,
        of::<train::Error>,
        of::<io::Error>,
    ];
    all.iter().find_map(|of| of(cause))
}

impl Blamed for Usage {
    fn blame(&self) -> Blame {
        Blame::new(Code::Usage)
    }
}

impl Blamed for Damaged {
    fn blame(&self) -> Blame {
        Blame::new(Code::Data).of(&self.file)
    }
}

impl Blamed for Missing {
    fn blame(&self) -> Blame {
        Blame::new(Code::FileMissing).of(&self.file)
    }
}

/// What the system says about a file.
impl Blamed for io::Error {
    fn blame(&self) -> Blame {
        Blame::new(match self.kind() {
            io::ErrorKind::NotFound => Code::FileMissing,
            _ => Code::File,
        })
    }
}

impl Blamed for image::Error {
    fn blame(&self) -> Blame {
        use image::Error as E;
        let data = Blame::new(Code::Data);
        match self {
            E::BufferSize { expected, found, .. } => data.but(expected, found),
            E::TableSize { expected, found } | E::RleSizes { expected, found } => {
                data.but(expected, found)
            }
            E::RleSum { expected, found, .. } => data.but(expected, found),
            E::ObjectsChanged { expected, found, .. } => data.but(expected, found),
            E::RleByte { byte, .. } => data.but("48 to 111", byte),
            E::InList { source, .. } => source.blame(),
            E::Environment { found, expected, .. } => {
                Blame::new(Code::Setting).but(expected.join(", "), found)
            }
            _ => data,
        }
    }
}

impl Blamed for data::Error {
    fn blame(&self) -> Blame {
        use data::Error as E;
        let of = |code| Blame { file: self.file().map(Path::to_owned), ..Blame::new(code) };
        match self {
            E::Read { source, file } | E::Write { source, file } => source.blame().of(file),
            E::Image { source, .. } | E::Annotation { source, .. } => {
                let Blame { expected, found, .. } = source.blame();
                Blame { expected, found, ..of(Code::Data) }
            }
            E::Environment { source } => source.blame(),
            E::Setting { expected, found, .. } | E::SettingInFile { expected, found, .. } => {
                of(Code::Setting).but(expected, found)
            }
            E::Tar { expected, found, .. } => of(Code::Data).but(expected, found),
            E::SizeMismatch { image_size, mask_size, .. } => {
                of(Code::Data).but(image_size, mask_size)
            }
            E::FolderMissing { folder, .. } => of(Code::FileMissing).of(folder),
            E::FolderEmpty { folder, expected, found, .. } => {
                of(Code::Data).of(folder).but(expected, found)
            }
            E::Unpaired { images, .. } => of(Code::Data).of(images),
            E::DuplicateStem { folder, .. } => of(Code::Data).of(folder),
            E::MissingSubsets { root, .. } | E::NoSubsets { root, .. } => {
                of(Code::FileMissing).of(root)
            }
            E::NoSuchFolder { folder } => of(Code::FileMissing).of(folder),
            E::OtherState { expected, found, .. } => of(Code::Setting).but(expected, found),
            E::StatePosition { most, found } => {
                of(Code::Setting).but(format!("at most {most}"), found)
            }
            E::DataFile { .. } | E::UnknownKey { .. } | E::KeyValue { .. } => of(Code::Setting),
            E::TooFewRecords { .. } | E::NothingSelected { .. } | E::CrowdsLeftOut { .. } => {
                of(Code::Setting)
            }
            E::Threads { .. } | E::NoSuchRecord { .. } => of(Code::Other),
            E::BudgetExceeded { last, .. } => last.blame(),
            _ => of(Code::Data),
        }
    }
}

impl Blamed for demo::Error {
    fn blame(&self) -> Blame {
        use demo::Error as E;
        match self {
            E::Setting { expected, found, .. } => Blame::new(Code::Setting).but(expected, found),
            E::FolderTaken { folder, .. } => Blame::new(Code::Setting).of(folder),
            E::Read { file, source } | E::Write { file, source } => source.blame().of(file),
            E::Image { file, source } => source.blame().of(file),
            _ => Blame::new(Code::Other),
        }
    }
}

impl Blamed for doctor::Error {
    fn blame(&self) -> Blame {
        use doctor::Error as E;
        let data = Blame::new(Code::Data);
        match self {
            E::Data(inner) => inner.blame(),
            E::Read { file, source } => source.blame().of(file),
            E::NotRecognised { path, expected, found } => data.of(path).but(expected, found),
            E::Unclear { path, found, .. } => data.of(path).but("one data set", found),
            E::ImagesNotFound { annotations } => Blame::new(Code::FileMissing).of(annotations),
            _ => Blame::new(Code::Other),
        }
    }
}

impl Blamed for model::Error {
    fn blame(&self) -> Blame {
        use model::Error as E;
        let (model, setting) = (Blame::new(Code::Model), Blame::new(Code::Setting));
        match self {
            E::UnknownModelType { name, known } => setting.but(known, name),
            E::Input { expected, found, .. }
            | E::Setting { expected, found, .. }
            | E::NoDevice { expected, found, .. } => setting.but(expected, found),
            E::Config { .. } | E::Prompt { .. } => setting,
            E::WrongModel { file, expected, found, .. }
            | E::AdapterBase { file, expected, found, .. } => model.of(file).but(expected, found),
            E::ModelNotTold { file, .. } | E::Detect { file: Some(file), .. } => model.of(file),
            E::Io { path, source } => source.blame().of(path),
            E::Checkpoint { path, .. } => model.of(path),
            E::Mismatch(misfits) => Blame { file: misfits.file.clone(), ..model },
            E::Layout { path, expected, found, .. } => model.of(path).but(expected, found),
            _ => model,
        }
    }
}

impl Blamed for predict::Error {
    fn blame(&self) -> Blame {
        use predict::Error as E;
        let setting = Blame::new(Code::Setting);
        match self {
            E::Model(inner) => inner.blame(),
            E::Image { file, source } => Blame { file: file.clone(), ..source.blame() },
            E::Io { file, source, .. } => source.blame().of(file),
            E::Setting { expected, found, .. } => setting.but(expected, found),
            E::Content { file, expected, found } => {
                Blame::new(Code::Data).of(file).but(expected, found)
            }
            E::FileName { file, expected } => setting.of(file).but(expected, file.display()),
            E::OtherSettings { folder, expected, found, .. } => {
                setting.of(folder).but(expected, found)
            }
            E::Damaged { file, .. } => Blame::new(Code::Data).of(file),
            E::NoImage { input, name, found, .. } => {
                Blame::new(Code::Data).of(input).but(format!("one image {name}"), found)
            }
            E::Refused { .. } => Blame::new(Code::Data),
            E::Stopped => Blame::new(Code::Interrupted),
            _ => Blame::new(Code::Other),
        }
    }
}

impl Blamed for prep::Error {
    fn blame(&self) -> Blame {
        use prep::Error as E;
        let setting = Blame::new(Code::Setting);
        match self {
            E::Data(inner) => inner.blame(),
            E::Doctor(inner) => inner.blame(),
            E::Predict(inner) => inner.blame(),
            E::Io { file, source, .. } => source.blame().of(file),
            E::Setting { expected, found, .. } => setting.but(expected, found),
            E::OtherSettings { folder, expected, found, .. } => {
                setting.of(folder).but(expected, found)
            }
            E::ShardInUse { folder, .. } => Blame::new(Code::Run).of(folder),
            E::Content { file, expected, found } => {
                Blame::new(Code::Data).of(file).but(expected, found)
            }
            _ => Blame::new(Code::Other),
        }
    }
}

impl Blamed for studio::Error {
    fn blame(&self) -> Blame {
        use studio::Error as E;
        match self {
            E::Data(inner) => inner.blame(),
            E::Doctor(inner) => inner.blame(),
            E::Predict(inner) => inner.blame(),
            E::Report(inner) => inner.blame(),
            E::Train(inner) => inner.blame(),
            E::Image { file, source } => source.blame().of(file),
            E::Io { file, source, .. } => source.blame().of(file),
            E::Setting { expected, found, .. } => Blame::new(Code::Setting).but(expected, found),
            E::Content { file, expected, found } => {
                Blame::new(Code::Data).of(file).but(expected, found)
            }
            E::Refused { .. } => Blame::new(Code::Setting),
            E::NoModel { .. } => Blame::new(Code::Model),
            E::Child { .. } => Blame::new(Code::Run),
            E::Listen { .. } => Blame::new(Code::Usage),
            _ => Blame::new(Code::Other),
        }
    }
}

impl Blamed for report::Error {
    fn blame(&self) -> Blame {
        use report::Error as E;
        match self {
            E::Train(inner) => inner.blame(),
            E::Data(inner) => inner.blame(),
            E::Model(inner) => inner.blame(),
            E::Image { file, source } => source.blame().of(file),
            E::Io { file, source, .. } => source.blame().of(file),
            E::Setting { expected, found, .. } => Blame::new(Code::Setting).but(expected, found),
            _ => Blame::new(Code::Other),
        }
    }
}

impl Blamed for train::Error {
    fn blame(&self) -> Blame {
        use train::Error as E;
        let (run, setting) = (Blame::new(Code::Run), Blame::new(Code::Setting));
        match self {
            E::Data(inner) => inner.blame(),
            E::Model(inner) => inner.blame(),
            E::Image { file, source } => source.blame().of(file),
            E::Io { file, source, .. } => source.blame().of(file),
            E::Setting { expected, found, file, .. } => {
                Blame { file: file.clone(), ..setting.but(expected, found) }
            }
            E::NoCheckpoint | E::NoSets { .. } => setting,
            E::OutputTaken { folder, found } => run.of(folder).but("no run", found),
            E::OutputInUse { folder, .. } => run.of(folder),
            E::OutputHoldsInput { folder, .. } => setting.of(folder),
            E::OtherInput { expected, found, .. } => run.but(expected, found),
            E::ValidationBudget { last, .. } => last.blame(),
            E::NoRoom { folder, needed, free } => {
                Blame::new(Code::File).of(folder).but(needed, free)
            }
            E::OutputExists { file } => Blame::new(Code::File).of(file),
            E::OutputName { file, expected, .. } => setting.of(file).but(expected, file.display()),
            E::NothingToResume { folder, expected, found, .. }
            | E::NoRun { folder, expected, found } => run.of(folder).but(expected, found),
            E::RunFile { file, expected, found } => run.of(file).but(expected, found),
            _ => run,
        }
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
        assert_eq!((blame.code, blame.file.as_deref()), (Code::File, Some(Path::new("a.pth"))));
    }
}
