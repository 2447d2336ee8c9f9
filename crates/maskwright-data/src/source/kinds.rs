//! The kinds of sets, and the keys of each.
//!
//! A new kind is a struct of its keys, a variant of [`SetKind`], a line in [`SetKind::take`] and its opener in
//! `open.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use maskwright_image::decode::{MaskChannel, MaskRule};
use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, VariantArray};

use super::keys::{KeyFlaw, Reader};
use super::objects::ObjectFilter;
use super::{Extensions, Objects, Patterns};
use crate::error::{Error, Result};

/// How the files of a set are laid out, with the keys that say where they are.
#[derive(Debug, Clone, PartialEq, Serialize, EnumDiscriminants)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[strum_discriminants(name(KindName), doc = "The name of a kind of set.")]
#[strum_discriminants(derive(Default, Deserialize, strum::Display, VariantArray))]
#[strum_discriminants(serde(rename_all = "lowercase"), strum(serialize_all = "lowercase"))]
#[non_exhaustive]
pub enum SetKind {
    /// Image files with mask files of equal names, or a list of both.
    #[strum_discriminants(default)]
    Pairs(PairsKeys),
    /// Images with one annotation file for all: COCO's instances.
    Coco(CocoKeys),
    /// As [`Coco`](SetKind::Coco): LVIS has the same layout.
    Lvis(CocoKeys),
    /// SA-1B: an annotation file for each image, in folders or in its tar files.
    Sa1b(Sa1bKeys),
    /// Tar files of WebDataset's layout, with a mask file or an annotation file for each image.
    WebDataset(WebDatasetKeys),
}

impl Default for SetKind {
    /// Pairs, of no folder yet.
    fn default() -> SetKind {
        SetKind::Pairs(PairsKeys::default())
    }
}

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
    /// Endings of images; `None` is `jpg`, `jpeg`, `png`, without `png` where masks lie beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_ext: Option<Extensions>,
    /// Endings of masks; `None` is `png`, `jpg`, without `jpg` where images lie beside them.
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
    /// Endings of images; `None` is `jpg`, `jpeg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_ext: Option<Extensions>,
    /// Endings of masks; `None` is `png`, `mask.png`, `seg.png`.
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

/// What mask files hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskKeys {
    /// Which channel of a mask file holds the mask.
    pub mask_channel: ChannelChoice,
    /// The label of each number in a mask file. Keys are numbers; TOML has only text as keys.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mask_values: BTreeMap<String, u8>,
    /// The label of each colour in a mask file. Keys are colours like `#ff0000`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mask_colours: BTreeMap<String, u8>,
    /// Inverts the label.
    pub invert: bool,
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

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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

impl SetKind {
    /// The word for the kind.
    pub fn name(&self) -> KindName {
        self.into()
    }

    /// The keys of mask files, where the kind has such.
    pub fn mask_files(&self) -> Option<&MaskKeys> {
        match self {
            SetKind::Pairs(keys) => Some(&keys.mask_files),
            SetKind::WebDataset(keys) => Some(&keys.mask_files),
            SetKind::Coco(_) | SetKind::Lvis(_) | SetKind::Sa1b(_) => None,
        }
    }

    /// The keys of annotated objects, where the kind has such.
    pub fn taken(&self) -> Option<&ObjectKeys> {
        match self {
            SetKind::Pairs(_) => None,
            SetKind::Coco(keys) | SetKind::Lvis(keys) => Some(&keys.taken),
            SetKind::Sa1b(keys) => Some(&keys.taken),
            SetKind::WebDataset(keys) => Some(&keys.taken),
        }
    }

    /// As [`taken`](SetKind::taken), to be changed.
    pub fn taken_mut(&mut self) -> Option<&mut ObjectKeys> {
        match self {
            SetKind::Pairs(_) => None,
            SetKind::Coco(keys) | SetKind::Lvis(keys) => Some(&mut keys.taken),
            SetKind::Sa1b(keys) => Some(&mut keys.taken),
            SetKind::WebDataset(keys) => Some(&mut keys.taken),
        }
    }

    /// How the objects of an image become records.
    pub(super) fn objects(&self) -> Objects {
        self.taken().map_or_else(Objects::default, |keys| keys.objects)
    }

    /// The endings of images and of masks, where others are given than the layout's own.
    pub(super) fn endings(&self) -> (Option<&Extensions>, Option<&Extensions>) {
        match self {
            SetKind::Pairs(keys) => (keys.image_ext.as_ref(), keys.mask_ext.as_ref()),
            SetKind::WebDataset(keys) => (keys.image_ext.as_ref(), keys.mask_ext.as_ref()),
            SetKind::Coco(_) | SetKind::Lvis(_) | SetKind::Sa1b(_) => (None, None),
        }
    }

    /// The files and folders that the keys name, and the patterns of files.
    pub(super) fn places_mut(&mut self) -> (Vec<&mut PathBuf>, Option<&mut Patterns>) {
        match self {
            SetKind::Pairs(keys) => (vec![&mut keys.images, &mut keys.masks, &mut keys.list], None),
            SetKind::Coco(keys) | SetKind::Lvis(keys) => {
                (vec![&mut keys.images, &mut keys.annotations], None)
            }
            SetKind::Sa1b(keys) => (vec![&mut keys.images], Some(&mut keys.shards)),
            SetKind::WebDataset(keys) => (Vec::new(), Some(&mut keys.shards)),
        }
    }

    /// Takes the keys of a kind.
    pub(super) fn take(name: KindName, from: &mut Reader) -> Result<SetKind, KeyFlaw> {
        Ok(match name {
            KindName::Pairs => {
                let keys: PairsKeys = from.take()?;
                SetKind::Pairs(PairsKeys { mask_files: from.take()?, ..keys })
            }
            KindName::Coco => SetKind::Coco(CocoKeys::take(from)?),
            KindName::Lvis => SetKind::Lvis(CocoKeys::take(from)?),
            KindName::Sa1b => {
                let keys: Sa1bKeys = from.take()?;
                SetKind::Sa1b(Sa1bKeys { taken: from.take()?, scores: from.take()?, ..keys })
            }
            KindName::WebDataset => {
                let keys: WebDatasetKeys = from.take()?;
                SetKind::WebDataset(WebDatasetKeys {
                    mask_files: from.take()?,
                    taken: from.take()?,
                    scores: from.take()?,
                    ..keys
                })
            }
        })
    }

    /// Refuses keys that say too little or too much about where the files are, and values that make no
    /// sense; `set` is named in errors.
    pub(super) fn validate(&self, set: &str) -> Result<()> {
        let given = |path: &PathBuf| !is_empty(path);
        let (places, complete, expected) = match self {
            SetKind::Pairs(keys) => {
                let [images, masks, list] = [&keys.images, &keys.masks, &keys.list].map(given);
                let places = vec![("images", images), ("masks", masks), ("list", list)];
                (places, images && masks || list, "images and masks, or a list")
            }
            SetKind::Coco(keys) | SetKind::Lvis(keys) => {
                let [images, annotations] = [&keys.images, &keys.annotations].map(given);
                let places = vec![("images", images), ("annotations", annotations)];
                (places, images && annotations, "annotations and images")
            }
            SetKind::Sa1b(keys) => {
                let (images, shards) = (given(&keys.images), !keys.shards.is_empty());
                let places = vec![("images", images), ("shards", shards)];
                (places, images != shards, "either images or shards")
            }
            SetKind::WebDataset(keys) => {
                let shards = !keys.shards.is_empty();
                (vec![("shards", shards)], shards, "shards")
            }
        };
        if !complete {
            let found: Vec<&str> =
                places.into_iter().filter_map(|(key, given)| given.then_some(key)).collect();
            return Err(Error::Setting {
                key: format!("set {set} of kind \"{}\"", self.name()),
                expected: expected.into(),
                found: if found.is_empty() {
                    "none of them".into()
                } else {
                    format!("only {}", found.join(", "))
                },
            });
        }
        self.mask_rule(set)?;
        let taken = self.taken().into_iter();
        let areas =
            taken.flat_map(|keys| [("min_area", keys.min_area), ("max_area", keys.max_area)]);
        let scores = self.scores().into_iter().flat_map(|keys| {
            [
                ("min_predicted_iou", keys.min_predicted_iou),
                ("min_stability_score", keys.min_stability_score),
            ]
        });
        for (key, bound) in areas.chain(scores) {
            if let Some(bound) = bound.filter(|bound| !(bound.is_finite() && *bound >= 0.0)) {
                return Err(Error::Setting {
                    key: format!("{key} of set {set}"),
                    expected: "a number from 0".into(),
                    found: bound.to_string(),
                });
            }
        }
        Ok(())
    }

    fn scores(&self) -> Option<&ScoreKeys> {
        match self {
            SetKind::Sa1b(keys) => Some(&keys.scores),
            SetKind::WebDataset(keys) => Some(&keys.scores),
            SetKind::Pairs(_) | SetKind::Coco(_) | SetKind::Lvis(_) => None,
        }
    }

    /// Which objects and images are let through.
    pub(super) fn object_filter(&self) -> ObjectFilter {
        let taken = self.taken().cloned().unwrap_or_default();
        let scores = self.scores().cloned().unwrap_or_default();
        let (crowds, categories) = match self {
            SetKind::Coco(keys) | SetKind::Lvis(keys) => (keys.crowds, keys.categories.clone()),
            SetKind::Pairs(_) | SetKind::Sa1b(_) | SetKind::WebDataset(_) => (false, Vec::new()),
        };
        ObjectFilter {
            min_area: taken.min_area,
            max_area: taken.max_area,
            min_predicted_iou: scores.min_predicted_iou,
            min_stability_score: scores.min_stability_score,
            min_objects: taken.min_objects.unwrap_or(1),
            max_objects: taken.max_objects,
            crowds,
            categories,
        }
    }

    /// How mask files become labels; `set` is named in errors.
    pub(super) fn mask_rule(&self, set: &str) -> Result<MaskRule> {
        let Some(keys) = self.mask_files() else { return Ok(MaskRule::default()) };
        let refuse = |key: &str, expected: &str, found: &str| Error::Setting {
            key: format!("{key} of set {set}"),
            expected: expected.into(),
            found: found.into(),
        };
        let mut rule = MaskRule {
            channel: keys.mask_channel.into(),
            invert: keys.invert,
            ..MaskRule::default()
        };
        for (value, &label) in &keys.mask_values {
            let number = value
                .parse()
                .map_err(|_| refuse("mask_values", "whole numbers from 0 to 65535", value))?;
            rule.values.insert(number, label);
        }
        for (colour, &label) in &keys.mask_colours {
            let rgb = hex_colour(colour)
                .ok_or_else(|| refuse("mask_colours", "colours like \"#ff0000\"", colour))?;
            rule.colours.insert(rgb, label);
        }
        Ok(rule)
    }
}

impl KindName {
    /// Whether sets of the kind have a key.
    pub(super) fn has(self, key: &str) -> bool {
        let mut keys = Reader::new(toml::Table::new());
        let taken = SetKind::take(self, &mut keys);
        debug_assert!(taken.is_ok(), "every key has a default: {taken:?}");
        keys.finish().0.contains(&key)
    }

    /// Whether a value of a key is the one that the key has where it is not given.
    pub(super) fn is_default(self, key: &str, value: &toml::Value) -> bool {
        let read = |table| SetKind::take(self, &mut Reader::new(table)).ok();
        let given = toml::Table::from_iter([(key.to_owned(), value.clone())]);
        read(given) == read(toml::Table::new())
    }
}

impl CocoKeys {
    fn take(from: &mut Reader) -> Result<CocoKeys, KeyFlaw> {
        let keys: CocoKeys = from.take()?;
        Ok(CocoKeys { taken: from.take()?, ..keys })
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
