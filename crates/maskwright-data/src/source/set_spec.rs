//! One set of a run, as a data file or the command line describes it.

use std::path::PathBuf;

use maskwright_image::decode::{Format, MaskRule};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use strum::VariantArray;

use super::file_kinds::{CocoKeys, PairsKeys, Sa1bKeys};
use super::index::Fingerprint;
use super::keys::{KeyFlaw, Reader, names_of, nearest};
use super::kinds::{KindName, SetKind};
use super::value_range::ValueRangeKey;
use super::{ExifRule, LabelmeKeys, ObjectKeys, Part, Patterns, YoloKeys, YoloSplit};
use crate::error::Result;

/// What to do with images or masks that have no counterpart, and with damaged annotation files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// Opening the set is an error that names the first of them.
    #[default]
    Error,
    /// They are left out. [`Source::left_out`](super::Source::left_out) counts them.
    Skip,
}

/// One set of images and masks; [`DataFile`](super::DataFile) describes the keys.
///
/// The keys that every set has are here; those of its kind are in [`kind`](SetSpec::kind).
// Derived as functions of its own: the kind may be left out, and errors about keys name what was meant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct SetSpec {
    /// The name in reports, statistics and ledgers.
    pub name: String,
    /// How the files are laid out, and where they are.
    #[serde(flatten, skip_deserializing)]
    pub kind: SetKind,
    /// What to do with files without a counterpart.
    #[serde(default)]
    pub unmatched: Unmatched,
    /// Patterns of the names to take; an empty list takes all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Patterns of the names to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// The share that is taken of the records that the patterns let through; `None` takes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// How often each record comes in an epoch of training; `None` is once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<f64>,
    /// What to do with the orientation of images.
    #[serde(default)]
    pub exif: ExifRule,
    /// Which stored numbers of images of more than 8 bits are black and white; `None` is the whole range of their bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_range: Option<ValueRangeKey>,
}

impl Serialize for SetSpec {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        SetSpec::serialize(self, into)
    }
}

impl<'a> Deserialize<'a> for SetSpec {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<SetSpec, D::Error> {
        let table = toml::Table::deserialize(from)?;
        SetSpec::from_table(table).map_err(de::Error::custom)
    }
}

/// The key that tells which others there are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindKey {
    #[serde(default)]
    kind: KindName,
}

/// The keys of every kind of set.
struct SharedKeys(SetSpec);

impl<'a> Deserialize<'a> for SharedKeys {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<SharedKeys, D::Error> {
        SetSpec::deserialize(from).map(SharedKeys)
    }
}

impl SetSpec {
    /// Returns a set of a kind, with defaults for everything else.
    pub fn new(name: impl Into<String>, kind: SetKind) -> SetSpec {
        SetSpec { name: name.into(), kind, ..SetSpec::default() }
    }

    /// Returns a set of a folder of images and a folder of masks, with defaults for everything else.
    pub fn pairs(
        name: impl Into<String>,
        images: impl Into<PathBuf>,
        masks: impl Into<PathBuf>,
    ) -> SetSpec {
        let (images, masks) = (images.into(), masks.into());
        SetSpec::new(name, SetKind::Pairs(PairsKeys { images, masks, ..PairsKeys::default() }))
    }

    /// Returns a set of an instances file of COCO or LVIS and its folder of images.
    pub fn coco(
        name: impl Into<String>,
        annotations: impl Into<PathBuf>,
        images: impl Into<PathBuf>,
    ) -> SetSpec {
        let (annotations, images) = (annotations.into(), images.into());
        SetSpec::new(name, SetKind::Coco(CocoKeys { annotations, images, ..CocoKeys::default() }))
    }

    /// Returns a set of SA-1B: of its tar files if `place` ends in `.tar`, which may be a pattern with
    /// braces, otherwise of a folder.
    pub fn sa1b(name: impl Into<String>, place: impl Into<PathBuf>) -> SetSpec {
        let place = place.into();
        let keys = match place.to_str().filter(|text| text.ends_with(".tar")) {
            Some(pattern) => {
                Sa1bKeys { shards: Patterns(vec![pattern.into()]), ..Sa1bKeys::default() }
            }
            None => Sa1bKeys { images: place, ..Sa1bKeys::default() },
        };
        SetSpec::new(name, SetKind::Sa1b(keys))
    }

    /// Returns a set of a folder of Labelme's annotation files, with the images beside them.
    pub fn labelme(name: impl Into<String>, images: impl Into<PathBuf>) -> SetSpec {
        let keys = LabelmeKeys { images: images.into(), ..LabelmeKeys::default() };
        SetSpec::new(name, SetKind::Labelme(keys))
    }

    /// Returns a set of one of the splits of YOLO's `data.yaml`.
    pub fn yolo(
        name: impl Into<String>,
        annotations: impl Into<PathBuf>,
        split: YoloSplit,
    ) -> SetSpec {
        let annotations = annotations.into();
        SetSpec::new(name, SetKind::Yolo(YoloKeys { annotations, split, ..YoloKeys::default() }))
    }

    /// Reads a set's table.
    pub(super) fn from_table(table: toml::Table) -> Result<SetSpec, KeyFlaw> {
        let set = table.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        SetSpec::read(table).map_err(|flaw| flaw.of_set(&set))
    }

    fn read(table: toml::Table) -> Result<SetSpec, KeyFlaw> {
        let mut keys = Reader::new(table);
        let KindKey { kind: name } = keys.take()?;
        let (_, table) = keys.finish();
        let mut keys = Reader::new(table);
        let SharedKeys(shared) = keys.take()?;
        let (of_all, table) = keys.finish();
        let mut keys = Reader::new(table);
        let spec = SetSpec { kind: SetKind::take(name, &mut keys)?, ..shared };
        let (of_kind, rest) = keys.finish();
        for (key, value) in rest {
            let others: Vec<KindName> =
                KindName::VARIANTS.iter().copied().filter(|kind| kind.has(&key)).collect();
            if others.is_empty() {
                // In the order of a data file.
                let known = [&["name", "kind"], &of_kind[..], &of_all[1..]].concat();
                return Err(KeyFlaw::Unknown { nearest: nearest(&key, &known), key, known });
            }
            // A run's settings have been written with defaults of other kinds.
            if others.iter().any(|kind| kind.is_default(&key, &value)) {
                continue;
            }
            let kinds: Vec<String> = others.iter().map(|kind| format!("\"{kind}\"")).collect();
            let kinds = kinds.join(" or ");
            // Pairs have objects to choose from where their masks show several.
            let of_objects = names_of::<ObjectKeys>();
            let several = name == KindName::Pairs && of_objects.contains(&key.as_str());
            let more =
                if several { ", or mask_kind = \"instances\" or \"components\"" } else { "" };
            let message = format!("expected a set of kind {kinds}{more}, found kind \"{name}\"");
            return Err(KeyFlaw::Value { key: Some(key), message });
        }
        Ok(spec)
    }

    /// Checks that the set has the keys that its kind needs, and that all values are possible.
    pub fn validate(&self) -> Result<()> {
        self.kind.validate(&self.name)
    }

    /// Returns how the set's mask files become labels.
    pub fn mask_rule(&self) -> Result<MaskRule> {
        self.kind.mask_rule(&self.name)
    }

    /// Everything that chooses the set's records, for the fingerprint of an index.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.setting("kind", self.kind.name());
        print.setting("objects", self.kind.objects());
        print.setting("filter", self.kind.object_filter());
        print.setting("unmatched", self.unmatched);
        print.setting("include, exclude", (&self.include, &self.exclude));
        print.setting("part", self.part);
        print.setting("endings", self.kind.endings());
        // Sets of these kinds find their images by ending: an index of fewer formats is not theirs.
        if matches!(self.kind, SetKind::Sa1b(_) | SetKind::WebDataset(_)) {
            print.setting("formats", Format::ALL);
        }
        // An index of before has objects whose run lengths are no mask.
        if self.kind.has_runs() {
            print.setting("run lengths", "checked");
        }
        print
    }
}
