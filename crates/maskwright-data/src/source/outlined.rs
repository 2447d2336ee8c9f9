//! Files of outlines, one for each image: read whole, whoever wrote them.

use std::path::{Path, PathBuf};

use maskwright_image::Size;

use super::annotation::{Flawed, LabelmeFile, OutlineFile, read_yolo};
use crate::error::{Error, Result};

/// Whose files of outlines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutlineFormat {
    /// Labelme's JSON.
    Labelme,
    /// YOLO's text.
    Yolo,
}

impl OutlineFormat {
    /// What the object of a number is called in a file.
    pub(super) fn place(self, number: u64) -> String {
        match self {
            OutlineFormat::Labelme => format!("shape {number}"),
            OutlineFormat::Yolo => format!("line {number}"),
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
    let flaw = match format {
        OutlineFormat::Labelme => {
            match LabelmeFile::parse(bytes).and_then(|labelme| labelme.outlines(size)) {
                Ok(outlines) => return Ok(outlines),
                Err(flaw) => flaw,
            }
        }
        OutlineFormat::Yolo => match std::str::from_utf8(bytes).map(|text| read_yolo(text, size)) {
            Ok(Ok(outlines)) => return Ok(outlines),
            Ok(Err((line, message))) => Flawed { place: format.place(line), message },
            Err(_) => {
                let message = "expected lines of text, found other bytes".into();
                Flawed { place: String::new(), message }
            }
        },
    };
    Err(flaw_in(&file()?, flaw))
}
