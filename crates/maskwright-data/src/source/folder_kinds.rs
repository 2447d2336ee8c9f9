//! The keys of sets that annotation tools write as folders: Labelme and YOLO.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::key_groups::{ObjectKeys, is_default};
use super::keys::{KeyFlaw, Reader};

/// A folder of Labelme: an annotation file beside each image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelmeKeys {
    /// The folder of the images, and of the annotation files where no other is given. Folders in it are searched, too.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// The folder of the annotation files where it is another one.
    #[serde(skip_serializing_if = "is_empty")]
    pub annotations: PathBuf,
    /// Labels to take; none takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
}

/// A set of YOLO's layout for segmentation: images and label files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct YoloKeys {
    /// The file that names folders and classes: `data.yaml`.
    #[serde(skip_serializing_if = "is_empty")]
    pub annotations: PathBuf,
    /// Which of that file's lists is taken.
    #[serde(skip_serializing_if = "is_default")]
    pub split: YoloSplit,
    /// The folder of the images, in place of such a file.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// Names of the classes to take, or their numbers where no file names them; none takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
}

/// One of the lists of images of a `data.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum YoloSplit {
    /// `train`.
    #[default]
    Train,
    /// `val`.
    Val,
    /// `test`.
    Test,
}

impl LabelmeKeys {
    pub(super) fn take(from: &mut Reader) -> Result<LabelmeKeys, KeyFlaw> {
        let keys: LabelmeKeys = from.take()?;
        Ok(LabelmeKeys { taken: from.take()?, ..keys })
    }

    /// Where the annotation files are.
    pub(super) fn notes(&self) -> &Path {
        if is_empty(&self.annotations) { &self.images } else { &self.annotations }
    }
}

impl YoloKeys {
    pub(super) fn take(from: &mut Reader) -> Result<YoloKeys, KeyFlaw> {
        let keys: YoloKeys = from.take()?;
        Ok(YoloKeys { taken: from.take()?, ..keys })
    }
}

/// Whether a path is not given.
pub(super) fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}
