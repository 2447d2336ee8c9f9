//! The shapes that a data set is written in, by name.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// What a data set is written as.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Shape {
    /// A folder of images and COCO's instances file, masks as compressed run lengths.
    Coco,
    /// A folder of images, a folder of masks, one for each object, and a list of both.
    Masks,
    /// A folder of images and a folder of masks of the same names, in which every number is an object.
    Instances,
    /// SA-1B: a JSON file beside each image.
    Sa1b,
    /// YOLO for segmentation: a polygon for each object.
    Yolo,
    /// Tar files with an image and a JSON file of SA-1B's layout for each record.
    WebDataset,
}
