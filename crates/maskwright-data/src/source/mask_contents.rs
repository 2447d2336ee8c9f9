//! How many objects a mask file shows, by name.

use maskwright_image::decode::MaskObjects;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// How many objects a mask file shows, and what tells them apart, as a data file names it.
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
pub enum MaskContents {
    /// One object.
    #[default]
    Object,
    /// An object for each number but 0.
    Instances,
    /// An object for each connected piece of the foreground; pixels that touch at a corner are connected.
    Components,
}

impl MaskContents {
    /// The word for it.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl From<MaskContents> for MaskObjects {
    fn from(contents: MaskContents) -> MaskObjects {
        match contents {
            MaskContents::Object => MaskObjects::One,
            MaskContents::Instances => MaskObjects::Numbers,
            MaskContents::Components => MaskObjects::Components,
        }
    }
}
