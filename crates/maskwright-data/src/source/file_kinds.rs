//! The keys of sets of image files with mask files, of COCO's instances files, of SA-1B and of WebDataset.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::folder_kinds::is_empty;
use super::key_groups::{MaskKeys, ObjectKeys, ScoreKeys};
use super::keys::{KeyFlaw, Reader};
use super::{Extensions, MaskContents, Patterns};

/// Image files with mask files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairsKeys {
    /// The folder of the images.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// The folder of the masks.
    #[serde(skip_serializing_if = "is_empty")]
    pub masks: PathBuf,
    /// A CSV file with the columns `image` and `mask`, in place of listing the folders.
    #[serde(skip_serializing_if = "is_empty")]
    pub list: PathBuf,
    /// A text file with a name in each line: only images of these names are taken of the folders.
    #[serde(skip_serializing_if = "is_empty")]
    pub names: PathBuf,
    /// Endings of images; `None` is [`IMAGE_ENDINGS`](super::IMAGE_ENDINGS), without `png` where masks lie beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_ext: Option<Extensions>,
    /// Endings of masks; `None` is [`MASK_ENDINGS`](super::MASK_ENDINGS), or `png` where images lie beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_ext: Option<Extensions>,
    /// What the stem of a mask has more than that of its image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mask_suffix: String,
    /// Whether folders in the folders are searched too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// What the mask files hold.
    #[serde(flatten, skip_deserializing)]
    pub mask_files: MaskKeys,
    /// Which objects are taken where a mask file shows several; nothing else may be set where it shows one.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
}

/// An instances file of COCO or LVIS.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CocoKeys {
    /// The annotation file of all images.
    #[serde(skip_serializing_if = "is_empty")]
    pub annotations: PathBuf,
    /// The folder of the images.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// Names of the categories to take; none takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Whether annotations of crowds are taken.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub crowds: bool,
    /// Whether objects are their boxes, with or without a mask that is not looked at: for prompts alone. [`SetSpec::open_boxes`]
    /// opens such a set.
    ///
    /// [`SetSpec::open_boxes`]: super::SetSpec::open_boxes
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub boxes_only: bool,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
}

/// SA-1B, in folders or in tar files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sa1bKeys {
    /// The folder of the images and annotation files.
    #[serde(skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// Tar files: names, or patterns with `{000..127}`, `{a,b}`, `*`, `?`, `[a-z]`.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub shards: Patterns,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
    /// Which objects are taken by their scores.
    #[serde(flatten, skip_deserializing)]
    pub scores: ScoreKeys,
}

/// Tar files of WebDataset's layout.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebDatasetKeys {
    /// Tar files: names, or patterns with `{000..127}`, `{a,b}`, `*`, `?`, `[a-z]`.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub shards: Patterns,
    /// Endings of images; `None` is [`IMAGE_ENDINGS`](super::IMAGE_ENDINGS) without `png`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_ext: Option<Extensions>,
    /// Endings of masks; `None` is `png`, `mask.png`, `seg.png`, and `mask.` or `seg.` before others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_ext: Option<Extensions>,
    /// What the mask files hold.
    #[serde(flatten, skip_deserializing)]
    pub mask_files: MaskKeys,
    /// Which objects are taken.
    #[serde(flatten, skip_deserializing)]
    pub taken: ObjectKeys,
    /// Which objects are taken by their scores.
    #[serde(flatten, skip_deserializing)]
    pub scores: ScoreKeys,
}

impl PairsKeys {
    /// Whether every mask file is the mask of one object.
    pub fn shows_one_object(&self) -> bool {
        self.mask_files.mask_kind == MaskContents::Object
    }
}

impl CocoKeys {
    pub(super) fn take(from: &mut Reader) -> Result<CocoKeys, KeyFlaw> {
        let keys: CocoKeys = from.take()?;
        Ok(CocoKeys { taken: from.take()?, ..keys })
    }
}
