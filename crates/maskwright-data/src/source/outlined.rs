//! Files of outlines, one for each image, or parts of a file for all of them: read whole, whoever wrote them.

use std::path::{Path, PathBuf};

use maskwright_image::Size;

use super::annotation::{
    Flawed, LabelmeFile, OutlineFile, SuperviselyFile, Task, read_cvat, read_yolo,
};
use crate::error::{Error, Result};

/// Whose files of outlines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutlineFormat {
    /// Labelme's JSON.
    Labelme,
    /// YOLO's text.
    Yolo,
    /// Supervisely's JSON.
    Supervisely,
    /// The element of an image in CVAT's XML.
    Cvat,
    /// A task in Label Studio's JSON.
    LabelStudio,
}

impl OutlineFormat {
    /// What the object of a number is called in a file.
    pub(super) fn place(self, number: u64) -> String {
        match self {
            OutlineFormat::Labelme | OutlineFormat::Cvat => format!("shape {number}"),
            OutlineFormat::Yolo => format!("line {number}"),
            OutlineFormat::Supervisely => format!("object {number}"),
            OutlineFormat::LabelStudio => format!("result {number}"),
        }
    }
}

/// The error about what is wrong in a file.
pub(super) fn flaw_in(file: &Path, flaw: Flawed) -> Error {
    Error::AnnotationFile { file: file.into(), place: flaw.place, message: flaw.message }
}

/// Reads a file of an image of `size`; `file` is asked for its path by errors alone.
pub(super) fn read_outlines(
    format: OutlineFormat,
    bytes: &[u8],
    size: Size,
    file: impl FnOnce() -> Result<PathBuf>,
) -> Result<OutlineFile> {
    let read = match format {
        OutlineFormat::Labelme => LabelmeFile::parse(bytes).and_then(|file| file.outlines(size)),
        OutlineFormat::Supervisely => {
            SuperviselyFile::parse(bytes).and_then(|file| file.outlines(size))
        }
        OutlineFormat::Cvat => read_cvat(bytes, size),
        OutlineFormat::LabelStudio => Task::parse(bytes).and_then(|task| task.outlines(size)),
        OutlineFormat::Yolo => match std::str::from_utf8(bytes).map(|text| read_yolo(text, size)) {
            Ok(read) => {
                read.map_err(|(line, message)| Flawed { place: format.place(line), message })
            }
            Err(_) => {
                let message = "expected lines of text, found other bytes".into();
                Err(Flawed { place: String::new(), message })
            }
        },
    };
    match read {
        Ok(outlines) => Ok(outlines),
        Err(flaw) => Err(flaw_in(&file()?, flaw)),
    }
}
