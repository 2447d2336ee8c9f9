//! The data of a run, described in TOML.
//!
//! ```toml
//! [[train]]
//! name = "leaves"
//! kind = "pairs"                # a folder of images, a folder of masks
//! images = "leaves/photos"      # relative to this file
//! masks = "leaves/masks"
//! part = "90%"
//!
//! [[valid]]
//! name = "leaves-rest"
//! images = "leaves/photos"
//! masks = "leaves/masks"
//! part = "rest of 90%"
//!
//! [plan]                        # optional: how samples are cut out
//! scale_min = 0.5
//!
//! [prompts]                     # optional: what the model is told
//! kinds = { box = 2, points = 1, noise_mask = 0 }
//! ```
//!
//! A set has these keys:
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `name` | name in reports and ledgers, different for every set of a list | |
//! | `kind` | `"pairs"` | `"pairs"` |
//! | `images`, `masks` | folders; may be the same | |
//! | `image_ext`, `mask_ext` | endings, one or a list, any case | `["jpg", "jpeg", "png"]`, `["png", "jpg"]`; in one folder `["jpg", "jpeg"]`, `["png"]` |
//! | `mask_suffix` | what a mask's name has more than its image's: `"_mask"` | `""` |
//! | `unmatched` | `"error"`, or `"skip"` files without a counterpart | `"error"` |
//! | `include`, `exclude` | patterns with `*`, `?`, `[a-z]` on names | all, none |
//! | `part` | `"90%"`, or `"rest of 90%"`; see [`Part`] | all |
//! | `mask_channel` | `"auto"`, `"red"`, `"green"`, `"blue"` or `"alpha"` | `"auto"` |
//! | `mask_values` | label 0..255 of each number in a mask file: `{ 1 = 255 }` | by stated rules |
//! | `mask_colours` | label 0..255 of each colour in a mask file: `{ "#ff0000" = 255 }` | by stated rules |
//! | `invert` | dark objects on bright ground | `false` |
//! | `exif` | `"auto"` or `"ignore"`; see [`ExifRule`] | `"auto"` |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_image::decode::{MaskChannel, MaskRule};
use serde::{Deserialize, Serialize};

use super::keys::{self, Section};
use super::{ExifRule, PairsSource, Part, Source, Unmatched};
use crate::error::{Error, Result};
use crate::plan::PlanConfig;
use crate::prompt::PromptConfig;
use crate::sample::SampleConfig;

/// The sets of a run, and how samples and prompts are drawn from them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataFile {
    /// The sets to train on.
    pub train: Vec<SetSpec>,
    /// The sets to validate on, each for itself.
    pub valid: Vec<SetSpec>,
    /// How training samples are cut out.
    pub plan: PlanConfig,
    /// How prompts are drawn.
    pub prompts: PromptConfig,
}

/// One set of images and masks; the keys are described in the [data file](DataFile)'s table.
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

impl DataFile {
    const KEYS: &'static [&'static str] = &["train", "valid", "plan", "prompts"];

    /// A single training set from two folders, as `--images` and `--masks` give it.
    pub fn from_folders(images: impl Into<PathBuf>, masks: impl Into<PathBuf>) -> DataFile {
        let (images, masks) = (images.into(), masks.into());
        // "leaves/images" and "leaves/masks" are the set "leaves".
        let shared = images.parent().filter(|parent| masks.parent() == Some(parent));
        let named = shared.and_then(Path::file_name).or(images.file_name());
        let name = named.map_or("images".into(), |name| name.to_string_lossy().into_owned());
        DataFile { train: vec![SetSpec::pairs(name, images, masks)], ..DataFile::default() }
    }

    /// Reads a data file. Relative folders are taken relative to the file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no TOML; a key that is not known (the error names the
    /// nearest that is); a value that a setting cannot have. Folders are not looked at before a set
    /// is [opened](SetSpec::open).
    pub fn read(path: &Path) -> Result<DataFile> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { file: path.into(), source })?;
        let mut data = DataFile::parse(&text, path)?;
        let folder = std::path::absolute(path)
            .map_err(|source| Error::Read { file: path.into(), source })?;
        let folder = folder.parent().unwrap_or(Path::new(""));
        for set in data.train.iter_mut().chain(&mut data.valid) {
            set.images = folder.join(&set.images);
            set.masks = folder.join(&set.masks);
        }
        Ok(data)
    }

    /// Parses the text of a data file; `path` is named in errors. Relative folders stay as they
    /// are.
    pub fn parse(text: &str, path: &Path) -> Result<DataFile> {
        const SET: Section = Section { keys: SetSpec::KEYS, inner: &[] };
        const ROOT: Section = Section {
            keys: DataFile::KEYS,
            inner: &[
                ("train", &SET),
                ("valid", &SET),
                ("plan", &Section { keys: PlanConfig::KEYS, inner: &[] }),
                (
                    "prompts",
                    &Section {
                        keys: PromptConfig::KEYS,
                        inner: &[(
                            "kinds",
                            &Section { keys: crate::prompt::KindWeights::KEYS, inner: &[] },
                        )],
                    },
                ),
            ],
        };
        keys::check(text, path, &ROOT)?;
        let data: DataFile = toml::from_str(text).map_err(|error| Error::DataFile {
            file: path.into(),
            message: error.to_string().trim_end().into(),
        })?;
        data.validate()?;
        Ok(data)
    }

    /// Refuses sets of one name in a list, settings that make no sense, and a file without any set.
    pub fn validate(&self) -> Result<()> {
        if self.train.is_empty() && self.valid.is_empty() {
            return Err(Error::Setting {
                key: "data".into(),
                expected: "at least one [[train]] or [[valid]] set".into(),
                found: "none".into(),
            });
        }
        for (list, sets) in [("train", &self.train), ("valid", &self.valid)] {
            for (at, set) in sets.iter().enumerate() {
                let twice = sets[..at].iter().any(|other| other.name == set.name);
                if twice || set.name.is_empty() {
                    return Err(Error::Setting {
                        key: format!("name of [[{list}]] set {}", at + 1),
                        expected: "a name that no other set of the list has".into(),
                        found: format!("\"{}\"", set.name),
                    });
                }
                set.mask_rule()?;
            }
        }
        self.plan.validate()?;
        self.prompts.validate()
    }

    /// How samples are made for a model with an input of `size` x `size` pixels and mask prompts of
    /// `mask_size` x `mask_size`.
    pub fn sample_config(&self, size: usize, mask_size: usize) -> SampleConfig {
        SampleConfig {
            plan: PlanConfig { size, ..self.plan.clone() },
            prompts: PromptConfig { mask_size, ..self.prompts.clone() },
            ..SampleConfig::default()
        }
    }

    /// Opens all training sets.
    pub fn open_train(&self) -> Result<Vec<Arc<dyn Source>>> {
        self.train.iter().map(SetSpec::open).collect()
    }

    /// Opens all validation sets.
    pub fn open_valid(&self) -> Result<Vec<Arc<dyn Source>>> {
        self.valid.iter().map(SetSpec::open).collect()
    }

    /// The data file as TOML, with every setting it was resolved to. Reading it gives the same
    /// data.
    ///
    /// Fails if a folder's path is not Unicode text, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| Error::Setting {
            key: "data".into(),
            expected: "settings that TOML can hold".into(),
            found: error.to_string(),
        })
    }
}
