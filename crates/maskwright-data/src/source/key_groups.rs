//! Keys that sets of several kinds have: what mask files hold, and which annotated objects are taken.

use std::collections::{BTreeMap, BTreeSet};

use maskwright_image::decode::{MaskChannel, MaskRule};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::classes::hex_colour;
use super::{Classes, MaskContents, Objects};
use crate::error::{Error, Result};

/// What mask files hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskKeys {
    /// How many objects a mask file shows, and what tells them apart.
    #[serde(skip_serializing_if = "is_default")]
    pub mask_kind: MaskContents,
    /// Which channel of a mask file holds the mask.
    pub mask_channel: ChannelChoice,
    /// The label of each number in a mask file. Keys are numbers; TOML has only text as keys.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mask_values: BTreeMap<String, u8>,
    /// The label of each colour in a mask file. Keys are colours like `#ff0000`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mask_colours: BTreeMap<String, u8>,
    /// The classes to take, by name; everything else is background.
    #[serde(skip_serializing_if = "Classes::is_empty")]
    pub classes: Classes,
    /// Inverts the label.
    pub invert: bool,
    /// Numbers in mask files whose pixels shall not count: neither in prompts nor in the loss nor in metrics.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "numbers_of_masks")]
    pub ignore_values: BTreeSet<u16>,
}

/// Which objects of an annotated image are taken, and how they become records.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectKeys {
    /// How the objects of an image become records.
    #[serde(skip_serializing_if = "is_default")]
    pub objects: Objects,
    /// Smallest area of an object in pixels of its image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_area: Option<f64>,
    /// Largest area of an object in pixels of its image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_area: Option<f64>,
    /// Fewest objects of an image, of those that the other keys let through; `None` is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_objects: Option<u32>,
    /// Most objects of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_objects: Option<u32>,
}

/// Bounds of the scores that SA-1B's annotations have.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreKeys {
    /// Smallest `predicted_iou` of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_predicted_iou: Option<f64>,
    /// Smallest `stability_score` of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_stability_score: Option<f64>,
}

/// Which channel of a mask file holds the mask, as a data file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelChoice {
    /// By the rules of [`MaskRule`].
    #[default]
    Auto,
    /// Red, or grey.
    Red,
    /// Green, or grey.
    Green,
    /// Blue, or grey.
    Blue,
    /// Alpha.
    Alpha,
    /// All three colours together, where each is the number of an object.
    Rgb,
}

impl From<ChannelChoice> for MaskChannel {
    fn from(choice: ChannelChoice) -> MaskChannel {
        match choice {
            ChannelChoice::Auto => MaskChannel::Auto,
            ChannelChoice::Red => MaskChannel::Red,
            ChannelChoice::Green => MaskChannel::Green,
            ChannelChoice::Blue => MaskChannel::Blue,
            ChannelChoice::Alpha => MaskChannel::Alpha,
            ChannelChoice::Rgb => MaskChannel::Rgb,
        }
    }
}

impl MaskKeys {
    /// How mask files become labels; `set` is named in errors.
    pub(super) fn rule(&self, set: &str) -> Result<MaskRule> {
        let refuse = |key: &str, expected: &str, found: &str| Error::Setting {
            key: format!("{key} of set {set}"),
            expected: expected.into(),
            found: found.into(),
        };
        let mut rule = MaskRule {
            channel: self.mask_channel.into(),
            invert: self.invert,
            ignore: self.ignore_values.clone(),
            objects: self.mask_kind.into(),
            ..MaskRule::default()
        };
        for (value, &label) in &self.mask_values {
            let number = value
                .parse()
                .map_err(|_| refuse("mask_values", "whole numbers from 0 to 65535", value))?;
            rule.values.insert(number, label);
        }
        for (colour, &label) in &self.mask_colours {
            let rgb = hex_colour(colour)
                .ok_or_else(|| refuse("mask_colours", "colours like \"#ff0000\"", colour))?;
            rule.colours.insert(rgb, label);
        }
        if let Some(both) = rule.ignore.iter().find(|&number| rule.values.contains_key(number)) {
            let expected = "numbers that mask_values does not name";
            return Err(refuse("ignore_values", expected, &both.to_string()));
        }
        let mapped = !(rule.values.is_empty() && rule.colours.is_empty());
        if self.mask_kind == MaskContents::Instances && (mapped || rule.invert) {
            let key = if rule.invert { "invert" } else { "mask_values and mask_colours" };
            let expected = "none of them where every number is an object";
            return Err(refuse(key, expected, "mask_kind = \"instances\""));
        }
        if self.mask_channel == ChannelChoice::Rgb
            && self.mask_kind != MaskContents::Instances
            && self.classes.is_empty()
        {
            let expected = "mask_kind = \"instances\" beside \"rgb\"";
            return Err(refuse(
                "mask_channel",
                expected,
                &format!("mask_kind = \"{}\"", self.mask_kind.name()),
            ));
        }
        if !self.classes.is_empty() {
            self.classes.enter(&mut rule, self.mask_kind, set)?;
        }
        Ok(rule)
    }
}

impl ObjectKeys {
    /// The bounds of areas, with their keys.
    pub(super) fn bounds(&self) -> [(&'static str, Option<f64>); 2] {
        [("min_area", self.min_area), ("max_area", self.max_area)]
    }
}

impl ScoreKeys {
    /// The bounds of scores, with their keys.
    pub(super) fn bounds(&self) -> [(&'static str, Option<f64>); 2] {
        [
            ("min_predicted_iou", self.min_predicted_iou),
            ("min_stability_score", self.min_stability_score),
        ]
    }
}

/// A list of numbers that a mask file may hold.
fn numbers_of_masks<'a, D: Deserializer<'a>>(from: D) -> Result<BTreeSet<u16>, D::Error> {
    let number = |number: i64| {
        u16::try_from(number).map_err(|_| {
            de::Error::custom(format_args!(
                "expected whole numbers from 0 to 65535, found {number}"
            ))
        })
    };
    Vec::deserialize(from)?.into_iter().map(number).collect()
}

/// Whether a key has the value that it has where it is not given.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
