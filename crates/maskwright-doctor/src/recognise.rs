//! What a path that someone in a hurry gives holds: a data file, pairs, annotations, or images alone.

use std::path::Path;

use maskwright_data::source::{
    DataFile, OpenContext, Recognised, SetSpec, images_of, recognise as look,
};

use crate::Settings;
use crate::error::{Error, Result};
use crate::subject::{Role, Subject};

/// The sets at a path.
#[derive(Debug)]
pub struct Contents {
    /// What a folder was taken for, and how much of it there is: "YOLO: 8 images, 8 label files"; none of a file, whose
    /// ending says what it is.
    pub what: Option<String>,
    /// The sets, opened.
    pub subjects: Vec<Subject>,
    /// Training's defaults, or what a data file says of plan and prompts.
    pub settings: Settings,
}

/// Returns the sets that are at a path, and the settings of a run if the path gives them.
///
/// | the path | what it is taken for |
/// |---|---|
/// | a `.toml` file | a data file, with all of its sets |
/// | a `.json` file | annotations in COCO's layout; the folder of the images is searched for near the file |
/// | a `.tar` file | SA-1B |
/// | a folder | what [`maskwright_data::source::recognise`] takes it for; images alone are looked at without masks |
///
/// # Errors
///
/// A path that is not there or cannot be read, a data file with a mistake, a folder that holds none of these, or of which
/// several readings are likely.
pub fn recognise(path: &Path, context: &OpenContext<'_>) -> Result<Contents> {
    let about = std::fs::metadata(path).map_err(Error::unreadable(path))?;
    if about.is_file() {
        let (subjects, settings) = file(path, context)?;
        return Ok(Contents { what: None, subjects, settings });
    }
    let not_recognised =
        |expected, found| Err(Error::NotRecognised { path: path.into(), expected, found });
    let (what, subjects) = match look(path)? {
        Recognised::Set(reading) => (reading.what, Subject::of_data(&reading.data, context)),
        Recognised::ImagesAlone { images } => {
            let many = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
            (format!("{many} without masks"), vec![Subject::images_alone(name_of(path), path)?])
        }
        Recognised::NotRead { what, instead } => {
            return not_recognised(instead, what.to_owned());
        }
        Recognised::Unclear { found, likely } if !likely.is_empty() => {
            return Err(Error::Unclear { path: path.into(), found, likely });
        }
        Recognised::Unclear { found, .. } => return not_recognised(FOLDERS, found),
        other => return not_recognised(FOLDERS, format!("{other:?}")),
    };
    Ok(Contents { what: Some(what), subjects, settings: Settings::default() })
}

/// What a folder may be.
const FOLDERS: &str = "a folder of images and masks (images/ and masks/, im/ and gt/, or side by side), \
                       of COCO, Labelme, YOLO or SA-1B, a data file, or COCO's .json";

fn file(path: &Path, context: &OpenContext<'_>) -> Result<(Vec<Subject>, Settings)> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "toml" => {
            let data = DataFile::read(path)?;
            Ok((Subject::of_data(&data, context), Settings::of(&data)))
        }
        "json" => {
            let images = images_of(path)?
                .ok_or_else(|| Error::ImagesNotFound { annotations: path.into() })?;
            let spec = SetSpec::coco(name_of(path), path, images);
            Ok((vec![Subject::open(&spec, Role::Train, context)], Settings::default()))
        }
        "tar" => {
            let spec = SetSpec::sa1b(name_of(path), path);
            Ok((vec![Subject::open(&spec, Role::Train, context)], Settings::default()))
        }
        _ => Err(Error::NotRecognised {
            path: path.into(),
            expected: "a folder, or a file that ends in .toml, .json or .tar",
            found: if ending.is_empty() { "no ending".into() } else { format!(".{ending}") },
        }),
    }
}

fn name_of(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let name = if path.is_file() { whole.file_stem() } else { whole.file_name() };
    name.map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
}
