//! One set of a run, as a data file or the command line describes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::decode::{MaskChannel, MaskRule};
use serde::{Deserialize, Serialize};

use super::{ExifRule, PairsSource, Part, Source, Unmatched};
use crate::error::{Error, Result};

/// One set of images and masks; [`DataFile`](super::DataFile) describes the keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSpec {
    /// Name in reports, statistics and ledgers.
    pub name: String,
    /// How the files are laid out.
    #[serde(default)]
    pub kind: SetKind,
    /// The folder of the images.
    pub images: PathBuf,
    /// The folder of the masks.
    pub masks: PathBuf,
    /// Endings of images; `None` is the default for the layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_ext: Option<Extensions>,
    /// Endings of masks; `None` is the default for the layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_ext: Option<Extensions>,
    /// What the stem of a mask has more than that of its image.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mask_suffix: String,
    /// What to do with files without a counterpart.
    #[serde(default)]
    pub unmatched: Unmatched,
    /// Patterns of the names to take; none takes all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Patterns of the names to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// The share of what the patterns leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// How often the records come in an epoch of training; `None` is once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<f64>,
    /// Inverts the label.
    #[serde(default)]
    pub invert: bool,
    /// What to do with the orientation of images.
    #[serde(default)]
    pub exif: ExifRule,
    /// Which channel of a mask file holds the mask.
    #[serde(default)]
    pub mask_channel: ChannelChoice,
    /// The label of each number in a mask file. Keys are numbers; TOML has only text as keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mask_values: BTreeMap<String, u8>,
    /// The label of each colour in a mask file. Keys are colours like `#ff0000`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mask_colours: BTreeMap<String, u8>,
}

/// How the files of a set are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SetKind {
    /// A folder of images, a folder of masks, equal names.
    #[default]
    Pairs,
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
}

impl From<ChannelChoice> for MaskChannel {
    fn from(choice: ChannelChoice) -> MaskChannel {
        match choice {
            ChannelChoice::Auto => MaskChannel::Auto,
            ChannelChoice::Red => MaskChannel::Red,
            ChannelChoice::Green => MaskChannel::Green,
            ChannelChoice::Blue => MaskChannel::Blue,
            ChannelChoice::Alpha => MaskChannel::Alpha,
        }
    }
}

/// File endings, lower case and without the dot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "Vec<String>")]
pub struct Extensions(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a file ending like \"png\" or a list of them")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Extensions {
    fn from(endings: OneOrMany) -> Extensions {
        match endings {
            OneOrMany::One(one) => [one].into_iter().collect(),
            OneOrMany::Many(many) => many.into_iter().collect(),
        }
    }
}

impl From<Extensions> for Vec<String> {
    fn from(endings: Extensions) -> Vec<String> {
        endings.0
    }
}

impl<S: AsRef<str>> FromIterator<S> for Extensions {
    fn from_iter<I: IntoIterator<Item = S>>(endings: I) -> Extensions {
        let tidy = |ending: S| ending.as_ref().trim_start_matches('.').to_lowercase();
        Extensions(endings.into_iter().map(tidy).collect())
    }
}

impl Extensions {
    /// The endings in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether a lower-case ending is one of them.
    pub fn contains(&self, ending: &str) -> bool {
        self.iter().any(|known| known == ending)
    }
}

impl SetSpec {
    /// The names of the settings, as a data file spells them.
    pub const KEYS: &'static [&'static str] = &[
        "name",
        "kind",
        "images",
        "masks",
        "image_ext",
        "mask_ext",
        "mask_suffix",
        "unmatched",
        "include",
        "exclude",
        "part",
        "repeat",
        "mask_channel",
        "mask_values",
        "mask_colours",
        "invert",
        "exif",
    ];

    /// A folder of images with a folder of masks, everything else by default.
    pub fn pairs(
        name: impl Into<String>,
        images: impl Into<PathBuf>,
        masks: impl Into<PathBuf>,
    ) -> SetSpec {
        SetSpec {
            name: name.into(),
            kind: SetKind::Pairs,
            images: images.into(),
            masks: masks.into(),
            image_ext: None,
            mask_ext: None,
            mask_suffix: String::new(),
            unmatched: Unmatched::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            part: None,
            repeat: None,
            invert: false,
            exif: ExifRule::default(),
            mask_channel: ChannelChoice::Auto,
            mask_values: BTreeMap::new(),
            mask_colours: BTreeMap::new(),
        }
    }

    /// Opens the set: lists its files.
    pub fn open(&self) -> Result<Arc<dyn Source>> {
        match self.kind {
            SetKind::Pairs => Ok(Arc::new(PairsSource::open(self)?)),
        }
    }

    /// How the set's mask files become labels.
    pub fn mask_rule(&self) -> Result<MaskRule> {
        let refuse = |key: &str, expected: &str, found: &str| Error::Setting {
            key: format!("{key} of set {}", self.name),
            expected: expected.into(),
            found: found.into(),
        };
        let mut rule = MaskRule {
            channel: self.mask_channel.into(),
            invert: self.invert,
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
        Ok(rule)
    }
}

/// Red, green and blue of `#rrggbb`.
fn hex_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, rgb @ ..] = number.to_be_bytes();
    Some(rgb)
}
