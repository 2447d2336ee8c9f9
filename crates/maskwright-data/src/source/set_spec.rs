//! One set of a run, as a data file or the command line describes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::decode::{MaskChannel, MaskRule};
use serde::{Deserialize, Serialize};

use super::index::{Fingerprint, OpenContext};
use super::objects::ObjectFilter;
use super::{ExifRule, Extensions, Objects, PairsSource, Part, Patterns, Source, Unmatched};
use super::{coco, kinds, sa1b, shards};
use crate::error::{Error, Result};

/// One set of images and masks; [`DataFile`](super::DataFile) describes the keys.
///
/// A key that the set's kind has no use for stays at its default; [`validate`](SetSpec::validate)
/// refuses others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSpec {
    /// Name in reports, statistics and ledgers.
    pub name: String,
    /// How the files are laid out.
    #[serde(default)]
    pub kind: SetKind,
    /// The folder of the images.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub images: PathBuf,
    /// The folder of the masks.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub masks: PathBuf,
    /// A CSV file with the columns `image` and `mask`, in place of listing the folders.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub list: PathBuf,
    /// The annotation file of all images.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub annotations: PathBuf,
    /// Tar files: names, or patterns with `{000..127}`, `{a,b}`, `*`, `?`, `[a-z]`.
    #[serde(default, skip_serializing_if = "Patterns::is_empty")]
    pub shards: Patterns,
    /// Endings of images; `None` is the default for the layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_ext: Option<Extensions>,
    /// Endings of masks; `None` is the default for the layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_ext: Option<Extensions>,
    /// What the stem of a mask has more than that of its image.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mask_suffix: String,
    /// Whether folders in the folders are searched too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
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
    /// How the objects of an image become records.
    #[serde(default, skip_serializing_if = "is_default")]
    pub objects: Objects,
    /// Names of the categories to take; none takes all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Whether annotations of crowds are taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub crowds: bool,
    /// Smallest area of an object in pixels of its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_area: Option<f64>,
    /// Largest area of an object in pixels of its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_area: Option<f64>,
    /// Smallest `predicted_iou` of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_predicted_iou: Option<f64>,
    /// Smallest `stability_score` of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_stability_score: Option<f64>,
    /// Fewest objects of an image, of those that the other keys let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_objects: Option<u32>,
    /// Most objects of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_objects: Option<u32>,
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

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How the files of a set are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SetKind {
    /// Image files with mask files of equal names, or a list of both.
    #[default]
    Pairs,
    /// Images with one annotation file for all: COCO's instances.
    Coco,
    /// As [`Coco`](SetKind::Coco): LVIS has the same layout.
    Lvis,
    /// SA-1B: an annotation file for each image, in folders or in its tar files.
    Sa1b,
    /// Tar files of WebDataset's layout, with a mask file or an annotation file for each image.
    #[serde(rename = "webdataset")]
    WebDataset,
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

impl SetSpec {
    /// The names of the settings, as a data file spells them.
    pub const KEYS: &'static [&'static str] = &[
        "name",
        "kind",
        "images",
        "masks",
        "list",
        "annotations",
        "shards",
        "image_ext",
        "mask_ext",
        "mask_suffix",
        "recursive",
        "unmatched",
        "include",
        "exclude",
        "part",
        "objects",
        "categories",
        "crowds",
        "min_area",
        "max_area",
        "min_predicted_iou",
        "min_stability_score",
        "min_objects",
        "max_objects",
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
            images: images.into(),
            masks: masks.into(),
            ..SetSpec::default()
        }
    }

    /// An instances file of COCO or LVIS with its folder of images.
    pub fn coco(
        name: impl Into<String>,
        annotations: impl Into<PathBuf>,
        images: impl Into<PathBuf>,
    ) -> SetSpec {
        SetSpec {
            name: name.into(),
            kind: SetKind::Coco,
            annotations: annotations.into(),
            images: images.into(),
            ..SetSpec::default()
        }
    }

    /// A folder of SA-1B, or with a name that ends in `.tar` its tar files, braces and all.
    pub fn sa1b(name: impl Into<String>, place: impl Into<PathBuf>) -> SetSpec {
        let place = place.into();
        let mut spec = SetSpec { name: name.into(), kind: SetKind::Sa1b, ..SetSpec::default() };
        match place.to_str().filter(|text| text.ends_with(".tar")) {
            Some(pattern) => spec.shards = Patterns(vec![pattern.into()]),
            None => spec.images = place,
        }
        spec
    }

    /// Opens the set: lists its files, or opens its index, which is made where none is kept.
    pub fn open(&self, context: &OpenContext<'_>) -> Result<Arc<dyn Source>> {
        self.validate()?;
        Ok(match self.kind {
            SetKind::Pairs => Arc::new(PairsSource::open(self)?),
            SetKind::Coco | SetKind::Lvis => Arc::new(coco::open(self, context)?),
            SetKind::Sa1b if self.shards.is_empty() => Arc::new(sa1b::open(self, context)?),
            SetKind::Sa1b | SetKind::WebDataset => Arc::new(shards::open(self, context)?),
        })
    }

    /// Refuses keys that the set's kind has no use for, and missing ones.
    pub fn validate(&self) -> Result<()> {
        kinds::check(self)?;
        self.mask_rule()?;
        for (key, bound) in [
            ("min_area", self.min_area),
            ("max_area", self.max_area),
            ("min_predicted_iou", self.min_predicted_iou),
            ("min_stability_score", self.min_stability_score),
        ] {
            if bound.is_some_and(|bound| !(bound.is_finite() && bound >= 0.0)) {
                return Err(Error::Setting {
                    key: format!("{key} of set {}", self.name),
                    expected: "a number from 0".into(),
                    found: bound.unwrap_or_default().to_string(),
                });
            }
        }
        Ok(())
    }

    /// The settings about objects.
    pub(crate) fn object_filter(&self) -> ObjectFilter {
        ObjectFilter {
            min_area: self.min_area,
            max_area: self.max_area,
            min_predicted_iou: self.min_predicted_iou,
            min_stability_score: self.min_stability_score,
            min_objects: self.min_objects.unwrap_or(1),
            max_objects: self.max_objects,
            crowds: self.crowds,
            categories: self.categories.clone(),
        }
    }

    /// Everything that chooses the set's records, for the fingerprint of an index.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.setting("kind", self.kind);
        print.setting("objects", self.objects);
        print.setting("filter", self.object_filter());
        print.setting("unmatched", self.unmatched);
        print.setting("include, exclude", (&self.include, &self.exclude));
        print.setting("part", self.part);
        print.setting("endings", (&self.image_ext, &self.mask_ext));
        print
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
