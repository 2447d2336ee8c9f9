//! The kinds of sets, and the keys of each.
//!
//! A new kind is a struct of its keys, a variant of [`SetKind`], a line in [`SetKind::take`] and its opener in
//! `open.rs`. The keys of each kind are in `file_kinds.rs` and `folder_kinds.rs`; those that several kinds have in `key_groups.rs`.

use std::path::PathBuf;

use maskwright_image::decode::MaskRule;
use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, VariantArray};

use super::file_kinds::{CocoKeys, PairsKeys, Sa1bKeys, WebDatasetKeys};
use super::folder_kinds::{
    CvatKeys, LabelStudioKeys, LabelmeKeys, SuperviselyKeys, YoloKeys, is_empty,
};
use super::key_groups::{MaskKeys, ObjectKeys, ScoreKeys};
use super::keys::{KeyFlaw, Reader};
use super::objects::ObjectFilter;
use super::{Extensions, MaskContents, Objects, Patterns};
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
    /// A folder of Labelme: an annotation file for each image, beside it.
    Labelme(LabelmeKeys),
    /// YOLO's layout for segmentation: folders of images and of label files, named by a `data.yaml`.
    Yolo(YoloKeys),
    /// A project of Supervisely: folders of images and of annotation files.
    Supervisely(SuperviselyKeys),
    /// CVAT's own XML, one file for all images.
    Cvat(CvatKeys),
    /// Label Studio's JSON, one file for all images, or its brush masks as PNG.
    LabelStudio(LabelStudioKeys),
}

impl Default for SetKind {
    /// Pairs, of no folder yet.
    fn default() -> SetKind {
        SetKind::Pairs(PairsKeys::default())
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
            _ => None,
        }
    }

    /// The keys of annotated objects, where the kind has such.
    pub fn taken(&self) -> Option<&ObjectKeys> {
        match self {
            SetKind::Pairs(keys) if keys.shows_one_object() => None,
            SetKind::Pairs(keys) => Some(&keys.taken),
            SetKind::Coco(keys) | SetKind::Lvis(keys) => Some(&keys.taken),
            SetKind::Sa1b(keys) => Some(&keys.taken),
            SetKind::WebDataset(keys) => Some(&keys.taken),
            SetKind::Labelme(keys) => Some(&keys.taken),
            SetKind::Yolo(keys) => Some(&keys.taken),
            SetKind::Supervisely(keys) => Some(&keys.taken),
            SetKind::Cvat(keys) => Some(&keys.taken),
            SetKind::LabelStudio(keys) => Some(&keys.taken),
        }
    }

    /// As [`taken`](SetKind::taken), to be changed.
    pub fn taken_mut(&mut self) -> Option<&mut ObjectKeys> {
        match self {
            SetKind::Pairs(keys) if keys.shows_one_object() => None,
            SetKind::Pairs(keys) => Some(&mut keys.taken),
            SetKind::Coco(keys) | SetKind::Lvis(keys) => Some(&mut keys.taken),
            SetKind::Sa1b(keys) => Some(&mut keys.taken),
            SetKind::WebDataset(keys) => Some(&mut keys.taken),
            SetKind::Labelme(keys) => Some(&mut keys.taken),
            SetKind::Yolo(keys) => Some(&mut keys.taken),
            SetKind::Supervisely(keys) => Some(&mut keys.taken),
            SetKind::Cvat(keys) => Some(&mut keys.taken),
            SetKind::LabelStudio(keys) => Some(&mut keys.taken),
        }
    }

    /// Whether objects are their boxes alone.
    pub fn boxes_only(&self) -> bool {
        matches!(self, SetKind::Coco(keys) | SetKind::Lvis(keys) if keys.boxes_only)
    }

    /// Whether annotations may be run lengths.
    pub(super) fn has_runs(&self) -> bool {
        use SetKind::{Coco, Lvis, Sa1b, WebDataset};
        matches!(self, Coco(_) | Lvis(_) | Sa1b(_) | WebDataset(_))
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
            _ => (None, None),
        }
    }

    /// The files and folders that the keys name, and the patterns of files.
    pub(super) fn places_mut(&mut self) -> (Vec<&mut PathBuf>, Option<&mut Patterns>) {
        match self {
            SetKind::Pairs(PairsKeys { images, masks, list, names, .. }) => {
                (vec![images, masks, list, names], None)
            }
            SetKind::Coco(keys) | SetKind::Lvis(keys) => {
                (vec![&mut keys.images, &mut keys.annotations], None)
            }
            SetKind::Sa1b(keys) => (vec![&mut keys.images], Some(&mut keys.shards)),
            SetKind::WebDataset(keys) => (Vec::new(), Some(&mut keys.shards)),
            SetKind::Labelme(keys) => (vec![&mut keys.images, &mut keys.annotations], None),
            SetKind::Yolo(keys) => (vec![&mut keys.images, &mut keys.annotations], None),
            SetKind::Supervisely(keys) => (vec![&mut keys.images], None),
            SetKind::Cvat(keys) => (vec![&mut keys.images, &mut keys.annotations], None),
            SetKind::LabelStudio(LabelStudioKeys { images, annotations, masks, .. }) => {
                (vec![images, annotations, masks], None)
            }
        }
    }

    /// Takes the keys of a kind.
    pub(super) fn take(name: KindName, from: &mut Reader) -> Result<SetKind, KeyFlaw> {
        Ok(match name {
            KindName::Pairs => {
                let keys: PairsKeys = from.take()?;
                let keys = PairsKeys { mask_files: from.take()?, ..keys };
                // A mask of one object has none to choose from.
                let taken =
                    if keys.shows_one_object() { ObjectKeys::default() } else { from.take()? };
                SetKind::Pairs(PairsKeys { taken, ..keys })
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
            KindName::Labelme => SetKind::Labelme(LabelmeKeys::take(from)?),
            KindName::Yolo => SetKind::Yolo(YoloKeys::take(from)?),
            KindName::Supervisely => SetKind::Supervisely(SuperviselyKeys::take(from)?),
            KindName::Cvat => SetKind::Cvat(CvatKeys::take(from)?),
            KindName::LabelStudio => SetKind::LabelStudio(LabelStudioKeys::take(from)?),
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
            SetKind::Labelme(keys) => {
                let [images, annotations] = [&keys.images, &keys.annotations].map(given);
                let places = vec![("images", images), ("annotations", annotations)];
                (places, images, "images, the folder of images and annotation files")
            }
            SetKind::Yolo(keys) => {
                let [images, annotations] = [&keys.images, &keys.annotations].map(given);
                let places = vec![("images", images), ("annotations", annotations)];
                (places, images != annotations, "either annotations, a data.yaml, or images")
            }
            SetKind::Supervisely(keys) => {
                let images = given(&keys.images);
                (vec![("images", images)], images, "images, the folder of a project or a data set")
            }
            SetKind::Cvat(keys) => {
                let [images, annotations] = [&keys.images, &keys.annotations].map(given);
                let places = vec![("images", images), ("annotations", annotations)];
                (places, images && annotations, "annotations, an annotations.xml, and images")
            }
            SetKind::LabelStudio(keys) => {
                let [images, annotations, masks] =
                    [&keys.images, &keys.annotations, &keys.masks].map(given);
                let places =
                    vec![("images", images), ("annotations", annotations), ("masks", masks)];
                let complete = images && annotations != masks;
                (places, complete, "images, and either annotations, the JSON, or masks")
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
        if let SetKind::Pairs(keys) = self
            && given(&keys.list)
            && given(&keys.names)
        {
            return Err(Error::Setting {
                key: format!("names of set {set}"),
                expected: "either a list or folders with a file of names".into(),
                found: "both".into(),
            });
        }
        self.mask_rule(set)?;
        if let SetKind::WebDataset(WebDatasetKeys { mask_files, .. }) = self
            && mask_files.mask_kind != MaskContents::Object
        {
            return Err(Error::Setting {
                key: format!("mask_kind of set {set}"),
                expected: "\"object\" in a set of kind \"webdataset\"; sets of kind \"pairs\" have the others".into(),
                found: format!("\"{}\"", mask_files.mask_kind.name()),
            });
        }
        let areas = self.taken().into_iter().flat_map(ObjectKeys::bounds);
        let scores = self.scores().into_iter().flat_map(ScoreKeys::bounds);
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
            _ => None,
        }
    }

    /// Which objects and images are let through.
    pub(super) fn object_filter(&self) -> ObjectFilter {
        let taken = self.taken().cloned().unwrap_or_default();
        let scores = self.scores().cloned().unwrap_or_default();
        let (crowds, categories) = match self {
            SetKind::Coco(keys) | SetKind::Lvis(keys) => (keys.crowds, keys.categories.clone()),
            SetKind::Labelme(keys) => (false, keys.categories.clone()),
            SetKind::Yolo(keys) => (false, keys.categories.clone()),
            SetKind::Supervisely(keys) => (false, keys.categories.clone()),
            SetKind::Cvat(keys) => (false, keys.categories.clone()),
            SetKind::LabelStudio(keys) => (false, keys.categories.clone()),
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
            boxes_only: self.boxes_only(),
        }
    }

    /// How mask files become labels; `set` is named in errors.
    pub(super) fn mask_rule(&self, set: &str) -> Result<MaskRule> {
        self.mask_files().map_or_else(|| Ok(MaskRule::default()), |keys| keys.rule(set))
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
