//! The forms in which training reads what was saved.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// In which form the set of what was saved is written.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum CorrectionsForm {
    /// COCO's instances: run lengths, with the names of the objects.
    #[default]
    Coco,
    /// A black and white PNG for each object, and a list of images and masks.
    Masks,
    /// A PNG for each image in which every object has its number, and such a list.
    Instances,
}

impl CorrectionsForm {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Coco, Self::Masks, Self::Instances];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
