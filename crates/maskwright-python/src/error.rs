//! Errors of all crates as exceptions, mapped in this one place.
//!
//! The classes are in `python/maskwright/_errors.py`: all are [`Error`](Class::Error) and have the fields `path`,
//! `expected` and `found`.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use {
    maskwright_data as data, maskwright_doctor as doctor, maskwright_image as image,
    maskwright_model as model, maskwright_predict as predict, maskwright_prep as prep,
    maskwright_report as report, maskwright_train as train,
};

/// The classes of exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The base, for what no other class is about.
    Error,
    /// The content of a file or an array.
    Data,
    /// A file or folder that is not there.
    FileMissing,
    /// A file or folder that cannot be read or written for another reason.
    File,
    /// A checkpoint, a device, what a model is given.
    Model,
    /// A run's folder, or what became of its training.
    Run,
    /// An argument or a setting; also a `ValueError`.
    Setting,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Error => "Error",
            Class::Data => "DataError",
            Class::FileMissing => "FileMissingError",
            Class::File => "FileError",
            Class::Model => "ModelError",
            Class::Run => "RunError",
            Class::Setting => "SettingError",
        }
    }

    /// The class of what the system says about a file.
    fn of_io(source: &std::io::Error) -> Class {
        match source.kind() {
            std::io::ErrorKind::NotFound => Class::FileMissing,
            _ => Class::File,
        }
    }
}

/// What an exception is made of.
pub(crate) struct Raised {
    class: Class,
    message: String,
    path: Option<PathBuf>,
    expected: Option<String>,
    found: Option<String>,
    /// An exception that Python code of the user raised: it is raised again as it is.
    original: Option<Box<PyErr>>,
}

impl Raised {
    pub(crate) fn new(class: Class, message: impl ToString) -> Raised {
        let message = message.to_string();
        Raised { class, message, path: None, expected: None, found: None, original: None }
    }

    pub(crate) fn of(self, path: impl AsRef<Path>) -> Raised {
        Raised { path: Some(path.as_ref().into()), ..self }
    }

    pub(crate) fn but(self, expected: impl ToString, found: impl ToString) -> Raised {
        Raised { expected: Some(expected.to_string()), found: Some(found.to_string()), ..self }
    }

    /// An argument that is not possible.
    pub(crate) fn setting(key: &str, expected: impl ToString, found: impl ToString) -> Raised {
        let (expected, found) = (expected.to_string(), found.to_string());
        let message = format!("{key}: expected {expected}, found {found}");
        Raised::new(Class::Setting, message).but(expected, found)
    }

    /// As another class, where the parts are those of an error inside.
    fn said(self, message: impl ToString) -> Raised {
        Raised { message: message.to_string(), ..self }
    }
}

impl From<Raised> for PyErr {
    fn from(raised: Raised) -> PyErr {
        if let Some(original) = raised.original {
            return *original;
        }
        Python::attach(|py| exception(py, &raised).unwrap_or_else(|error| error))
    }
}

fn exception(py: Python<'_>, raised: &Raised) -> PyResult<PyErr> {
    let class = py.import("maskwright._errors")?.getattr(raised.class.name())?;
    let path = raised.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let made = class.call1((&raised.message, path, &raised.expected, &raised.found))?;
    Ok(PyErr::from_value(made.cast_into::<PyBaseException>()?.into_any()))
}

/// An error of a crate as an exception.
pub(crate) fn to_python(error: impl Into<Raised>) -> PyErr {
    error.into().into()
}

impl From<&image::Error> for Raised {
    fn from(error: &image::Error) -> Raised {
        use image::Error as E;
        let data = Raised::new(Class::Data, error);
        match error {
            E::BufferSize { expected, found, .. } => data.but(expected, found),
            E::TableSize { expected, found } | E::RleSizes { expected, found } => {
                data.but(expected, found)
            }
            E::RleSum { expected, found, .. } => data.but(expected, found),
            E::ObjectsChanged { expected, found, .. } => data.but(expected, found),
            E::RleByte { byte, .. } => data.but("48 to 111", byte),
            E::InList { source, .. } => Raised::from(&**source).said(error),
            E::Environment { found, expected, .. } => {
                Raised { class: Class::Setting, ..data }.but(expected.join(", "), found)
            }
            _ => data,
        }
    }
}

impl From<&data::Error> for Raised {
    fn from(error: &data::Error) -> Raised {
        use data::Error as E;
        let of = |class| {
            let raised = Raised::new(class, error);
            match error.file() {
                Some(file) => raised.of(file),
                None => raised,
            }
        };
        match error {
            E::Read { source, .. } | E::Write { source, .. } => {
                let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<PyErr>());
                let original =
                    inner.map(|inner| Box::new(Python::attach(|py| inner.clone_ref(py))));
                Raised { original, ..of(Class::of_io(source)) }
            }
            E::Image { source, .. } | E::Annotation { source, .. } => {
                let Raised { expected, found, .. } = Raised::from(source);
                Raised { expected, found, ..of(Class::Data) }
            }
            E::Environment { source } => Raised::from(source),
            E::Setting { expected, found, .. } | E::SettingInFile { expected, found, .. } => {
                of(Class::Setting).but(expected, found)
            }
            E::Tar { expected, found, .. } => of(Class::Data).but(expected, found),
            E::SizeMismatch { image_size, mask_size, .. } => {
                of(Class::Data).but(image_size, mask_size)
            }
            E::FolderMissing { folder, .. } => of(Class::FileMissing).of(folder),
            E::FolderEmpty { folder, expected, found, .. } => {
                of(Class::Data).of(folder).but(expected, found)
            }
            E::Unpaired { images, .. } => of(Class::Data).of(images),
            E::DuplicateStem { folder, .. } => of(Class::Data).of(folder),
            E::MissingSubsets { root, .. } => of(Class::FileMissing).of(root),
            E::OtherState { expected, found, .. } => of(Class::Setting).but(expected, found),
            E::StatePosition { most, found } => {
                of(Class::Setting).but(format!("at most {most}"), found)
            }
            E::DataFile { .. } | E::UnknownKey { .. } | E::KeyValue { .. } => of(Class::Setting),
            E::TooFewRecords { .. } | E::NothingSelected { .. } | E::CrowdsLeftOut { .. } => {
                of(Class::Setting)
            }
            E::Threads { .. } | E::NoSuchRecord { .. } => of(Class::Error),
            E::BudgetExceeded { last, .. } => {
                // Its class and parts; the message also says how many went before.
                let last = Raised::from(&**last);
                Raised { original: None, ..last }.said(error)
            }
            _ => of(Class::Data),
        }
    }
}

impl From<&model::Error> for Raised {
    fn from(error: &model::Error) -> Raised {
        use model::Error as E;
        let of = |class| Raised::new(class, error);
        match error {
            E::Config { .. } => of(Class::Setting),
            E::UnknownModelType { name, known } => of(Class::Setting).but(known, name),
            E::Input { expected, found, .. } | E::Setting { expected, found, .. } => {
                of(Class::Setting).but(expected, found)
            }
            E::Prompt { .. } => of(Class::Setting),
            E::NoDevice { expected, found, .. } => of(Class::Setting).but(expected, found),
            E::WrongModel { file, expected, found, .. } => {
                of(Class::Model).of(file).but(expected, found)
            }
            E::ModelNotTold { file, .. } => of(Class::Model).of(file),
            E::Io { path, source } => of(Class::of_io(source)).of(path),
            E::Checkpoint { path, .. } => of(Class::Model).of(path),
            E::Detect { file: Some(file), .. } => of(Class::Model).of(file),
            E::Mismatch(misfits) => match &misfits.file {
                Some(file) => of(Class::Model).of(file),
                None => of(Class::Model),
            },
            E::AdapterBase { file, expected, found, .. } => {
                of(Class::Model).of(file).but(expected, found)
            }
            E::Layout { path, expected, found, .. } => {
                of(Class::Model).of(path).but(expected, found)
            }
            _ => of(Class::Model),
        }
    }
}

impl From<&predict::Error> for Raised {
    fn from(error: &predict::Error) -> Raised {
        use predict::Error as E;
        let of = |class| Raised::new(class, error);
        match error {
            E::Model(inner) => Raised::from(&**inner),
            E::Image { file, source } => {
                let image = Raised::from(source).said(error);
                Raised { path: file.clone(), ..image }
            }
            E::Io { file, source, .. } => of(Class::of_io(source)).of(file),
            E::Setting { expected, found, .. } => of(Class::Setting).but(expected, found),
            E::Content { file, expected, found } => of(Class::Data).of(file).but(expected, found),
            E::FileName { file, expected } => {
                of(Class::Setting).of(file).but(expected, file.display())
            }
            _ => of(Class::Error),
        }
    }
}

impl From<&train::Error> for Raised {
    fn from(error: &train::Error) -> Raised {
        use train::Error as E;
        let of = |class| Raised::new(class, error);
        match error {
            E::Data(inner) => Raised::from(&**inner),
            E::Model(inner) => Raised::from(&**inner),
            E::Image { file, source } => Raised::from(source).said(error).of(file),
            E::Io { file, source, .. } => of(Class::of_io(source)).of(file),
            E::Setting { expected, found, file, .. } => {
                Raised { path: file.clone(), ..of(Class::Setting).but(expected, found) }
            }
            E::NoCheckpoint | E::NoSets { .. } => of(Class::Setting),
            E::OutputTaken { folder, found } => of(Class::Run).of(folder).but("no run", found),
            E::OutputInUse { folder, .. } => of(Class::Run).of(folder),
            E::OutputHoldsInput { folder, .. } => of(Class::Setting).of(folder),
            E::OtherInput { expected, found, .. } => of(Class::Run).but(expected, found),
            E::ValidationBudget { last, .. } => {
                let last = Raised::from(&**last);
                Raised { original: None, ..last }.said(error)
            }
            E::NoRoom { folder, needed, free } => of(Class::File).of(folder).but(needed, free),
            E::OutputExists { file } => of(Class::File).of(file),
            E::OutputName { file, expected, .. } => {
                of(Class::Setting).of(file).but(expected, file.display())
            }
            E::NothingToResume { folder, expected, found, .. }
            | E::NoRun { folder, expected, found } => {
                of(Class::Run).of(folder).but(expected, found)
            }
            E::RunFile { file, expected, found } => of(Class::Run).of(file).but(expected, found),
            _ => of(Class::Run),
        }
    }
}

impl From<&doctor::Error> for Raised {
    fn from(error: &doctor::Error) -> Raised {
        use doctor::Error as E;
        let of = |class| Raised::new(class, error);
        match error {
            E::Data(inner) => Raised::from(&**inner),
            E::Read { file, source } => of(Class::of_io(source)).of(file),
            E::NotRecognised { path, expected, found } => {
                of(Class::Data).of(path).but(expected, found)
            }
            E::Unclear { path, found, .. } => of(Class::Data).of(path).but("one data set", found),
            E::ImagesNotFound { annotations } => of(Class::FileMissing).of(annotations),
            _ => of(Class::Error),
        }
    }
}

impl From<&report::Error> for Raised {
    fn from(error: &report::Error) -> Raised {
        use report::Error as E;
        let of = |class| Raised::new(class, error);
        match error {
            E::Train(inner) => Raised::from(&**inner),
            E::Data(inner) => Raised::from(&**inner),
            E::Model(inner) => Raised::from(&**inner),
            E::Image { file, source } => Raised::from(source).said(error).of(file),
            E::Io { file, source, .. } => of(Class::of_io(source)).of(file),
            E::Setting { expected, found, .. } => of(Class::Setting).but(expected, found),
            _ => of(Class::Error),
        }
    }
}

impl From<&prep::Error> for Raised {
    fn from(error: &prep::Error) -> Raised {
        use prep::Error as E;
        let of = |class| Raised::new(class, error);
        match error {
            E::Data(inner) => Raised::from(&**inner),
            E::Doctor(inner) => Raised::from(&**inner),
            E::Predict(inner) => Raised::from(&**inner),
            E::Io { file, source, .. } => of(Class::of_io(source)).of(file),
            E::Setting { expected, found, .. } => of(Class::Setting).but(expected, found),
            E::OtherSettings { folder, expected, found, .. } => {
                of(Class::Setting).of(folder).but(expected, found)
            }
            E::ShardInUse { folder, .. } => of(Class::Run).of(folder),
            E::Content { file, expected, found } => of(Class::Data).of(file).but(expected, found),
            _ => of(Class::Error),
        }
    }
}

macro_rules! from_owned {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Raised {
            fn from(error: $error) -> Raised {
                Raised::from(&error)
            }
        })*
    };
}

from_owned!(
    image::Error,
    data::Error,
    model::Error,
    predict::Error,
    train::Error,
    doctor::Error,
    prep::Error,
    report::Error
);
