//! Errors of all crates as exceptions, mapped in this one place.
//!
//! What an error is about is what the command says, too ([`maskwright::blame`]). The classes are in
//! `python/maskwright/_errors.py`: all are `Error` and have the fields `path`, `expected` and `found`.

use std::error::Error as StdError;
use std::path::Path;

use maskwright::blame::{Blame, Blamed, Code};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use {
    maskwright_data as data, maskwright_doctor as doctor, maskwright_image as image,
    maskwright_model as model, maskwright_predict as predict, maskwright_prep as prep,
    maskwright_report as report, maskwright_train as train,
};

/// The class of errors of a kind; `Error`, the base, where no other class is about them.
fn class_of(code: Code) -> &'static str {
    match code {
        Code::Data => "DataError",
        Code::FileMissing => "FileMissingError",
        Code::File => "FileError",
        Code::Model => "ModelError",
        Code::Run => "RunError",
        Code::Usage | Code::Setting => "SettingError",
        Code::Interrupted | Code::Other => "Error",
    }
}

/// What an exception is made of.
pub(crate) struct Raised {
    message: String,
    blame: Blame,
    /// An exception that Python code of the user raised: it is raised again as it is.
    original: Option<Box<PyErr>>,
}

impl Raised {
    pub(crate) fn new(code: Code, message: impl ToString) -> Raised {
        Raised { message: message.to_string(), blame: Blame::new(code), original: None }
    }

    pub(crate) fn of(self, path: impl AsRef<Path>) -> Raised {
        Raised { blame: self.blame.of(path.as_ref()), ..self }
    }

    pub(crate) fn but(self, expected: impl ToString, found: impl ToString) -> Raised {
        Raised { blame: self.blame.but(expected, found), ..self }
    }

    /// An argument that is not possible.
    pub(crate) fn setting(key: &str, expected: impl ToString, found: impl ToString) -> Raised {
        let (expected, found) = (expected.to_string(), found.to_string());
        let message = format!("{key}: expected {expected}, found {found}");
        Raised::new(Code::Setting, message).but(expected, found)
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
    let Blame { code, file, expected, found } = &raised.blame;
    let class = py.import("maskwright._errors")?.getattr(class_of(*code))?;
    let path = file.as_ref().map(|path| path.to_string_lossy().into_owned());
    let made = class.call1((&raised.message, path, expected, found))?;
    Ok(PyErr::from_value(made.cast_into::<PyBaseException>()?.into_any()))
}

/// An error of a crate as an exception.
pub(crate) fn to_python(error: impl Into<Raised>) -> PyErr {
    error.into().into()
}

/// What Python code of the user raised while it was read from.
fn original(error: &(dyn StdError + 'static)) -> Option<Box<PyErr>> {
    let causes = std::iter::successors(Some(error), |cause| (**cause).source());
    let raised = causes
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>()?.get_ref())
        .find_map(|inner| inner.downcast_ref::<PyErr>())?;
    Some(Box::new(Python::attach(|py| raised.clone_ref(py))))
}

macro_rules! from {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Raised {
            fn from(error: $error) -> Raised {
                let original = original(&error);
                Raised { message: error.to_string(), blame: error.blame(), original }
            }
        })*
    };
}

from!(
    image::Error,
    data::Error,
    model::Error,
    predict::Error,
    train::Error,
    doctor::Error,
    prep::Error,
    report::Error
);
