//! The keys of sets as annotation tools write them: Labelme, YOLO, Supervisely, CVAT, Label Studio.

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

/// A project or a data set of Supervisely: folders `img` and `ann`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SuperviselyKeys {
    /// The folder of the project, or of one of its data sets.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// Classes to take; none takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
}

/// CVAT's own XML for images.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CvatKeys {
    /// `annotations.xml`.
    #[serde(skip_serializing_if = "is_empty")]
    pub annotations: PathBuf,
    /// The folder of the images.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// Labels to take; none takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
}

/// Label Studio's JSON, or its brush masks as PNG.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelStudioKeys {
    /// The export "JSON" or "JSON-MIN".
    #[serde(skip_serializing_if = "is_empty")]
    pub annotations: PathBuf,
    /// The folder of the export "Brush labels to PNG", in place of such a file.
    #[serde(skip_serializing_if = "is_empty")]
    pub masks: PathBuf,
    /// The folder of the images.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// Labels to take; none takes all.
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

impl SuperviselyKeys {
    pub(super) fn take(from: &mut Reader) -> Result<SuperviselyKeys, KeyFlaw> {
        let keys: SuperviselyKeys = from.take()?;
        Ok(SuperviselyKeys { taken: from.take()?, ..keys })
    }
}

impl CvatKeys {
    pub(super) fn take(from: &mut Reader) -> Result<CvatKeys, KeyFlaw> {
        let keys: CvatKeys = from.take()?;
        Ok(CvatKeys { taken: from.take()?, ..keys })
    }
}

impl LabelStudioKeys {
    pub(super) fn take(from: &mut Reader) -> Result<LabelStudioKeys, KeyFlaw> {
        let keys: LabelStudioKeys = from.take()?;
        Ok(LabelStudioKeys { taken: from.take()?, ..keys })
    }
}

/// Whether a path is not given.
pub(super) fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}
