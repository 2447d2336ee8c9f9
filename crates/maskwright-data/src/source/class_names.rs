//! What the classes of a set's objects are called.

use std::collections::{BTreeMap, HashMap};

use maskwright_image::decode::MaskRule;

use super::annotation::read_coco;
use super::yolo_yaml::DataYaml;
use super::{MaskBuffer, MaskContents, OpenContext, SetKind, SetSpec, label_studio_masks};
use crate::error::Result;

/// Number of the annotation file, which nothing here asks for.
const ANNOTATIONS: u32 = 1;

/// The names of a set's classes.
#[derive(Debug)]
pub enum ClassNames {
    /// The set knows of no classes.
    None,
    /// All objects are of one class.
    One(String),
    /// By the key of a category in COCO's file.
    Categories(HashMap<u32, String>),
    /// By the number of an object in a mask file.
    Numbers(HashMap<u64, String>),
    /// By the number of which an object in a mask file is a connected piece.
    Pieces {
        /// The names by number.
        names: HashMap<u32, String>,
        /// How the numbers are read.
        rule: Box<MaskRule>,
    },
    /// The label that an outline has is the name.
    Labels,
    /// The label that an outline has is the number of the name.
    LabelNumbers(BTreeMap<u32, String>),
}

impl ClassNames {
    /// The names that a set's files give; what they are read from is read once more.
    ///
    /// # Errors
    ///
    /// Those of opening the set.
    pub fn of(spec: &SetSpec, context: &OpenContext<'_>) -> Result<ClassNames> {
        Ok(match &spec.kind {
            SetKind::Coco(keys) | SetKind::Lvis(keys) => {
                let filter = spec.kind.object_filter();
                let file = read_coco(&keys.annotations, ANNOTATIONS, &filter, &spec.name, context)?;
                ClassNames::Categories(file.categories.into_iter().collect())
            }
            SetKind::Labelme(_) | SetKind::Supervisely(_) | SetKind::Cvat(_) => ClassNames::Labels,
            SetKind::LabelStudio(keys) if keys.masks.as_os_str().is_empty() => ClassNames::Labels,
            SetKind::LabelStudio(keys) => ClassNames::Categories(
                (0..).zip(label_studio_masks::labels(&keys.masks)?).collect(),
            ),
            SetKind::Yolo(keys) if keys.annotations.as_os_str().is_empty() => {
                ClassNames::LabelNumbers(BTreeMap::new())
            }
            SetKind::Yolo(keys) => {
                ClassNames::LabelNumbers(DataYaml::read(&keys.annotations)?.names)
            }
            SetKind::Pairs(keys) => {
                let classes = &keys.mask_files.classes.0;
                match keys.mask_files.mask_kind {
                    MaskContents::Instances => ClassNames::Numbers(
                        classes
                            .iter()
                            .map(|(name, mark)| (mark.number().into(), name.clone()))
                            .collect(),
                    ),
                    MaskContents::Components if !classes.is_empty() => ClassNames::Pieces {
                        names: classes
                            .iter()
                            .map(|(name, mark)| (mark.number(), name.clone()))
                            .collect(),
                        rule: Box::new(spec.mask_rule()?),
                    },
                    _ if classes.len() == 1 => {
                        ClassNames::One(classes.keys().next().cloned().unwrap_or_default())
                    }
                    _ => ClassNames::None,
                }
            }
            SetKind::Sa1b(_) | SetKind::WebDataset(_) => ClassNames::None,
        })
    }

    /// The names that are known before any object is looked at, in order.
    pub fn known(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            ClassNames::None | ClassNames::Labels => Vec::new(),
            ClassNames::One(name) => vec![name.clone()],
            ClassNames::Categories(names) | ClassNames::Pieces { names, .. } => {
                names.values().cloned().collect()
            }
            ClassNames::Numbers(names) => names.values().cloned().collect(),
            ClassNames::LabelNumbers(names) => names.values().cloned().collect(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// The class of the object whose mask was taken last; none where the set does not say.
    pub fn name(&self, mask: &MaskBuffer) -> Option<String> {
        match self {
            ClassNames::None => None,
            ClassNames::One(name) => Some(name.clone()),
            ClassNames::Categories(names) => names.get(&mask.category).cloned(),
            ClassNames::Numbers(names) => names.get(&mask.object?).cloned(),
            ClassNames::Pieces { names, rule } => names.get(&mask.stored_number(rule)?).cloned(),
            ClassNames::Labels => mask.label().map(str::to_owned),
            ClassNames::LabelNumbers(names) => {
                let label = mask.label()?;
                let name = label.parse().ok().and_then(|number: u32| names.get(&number));
                Some(name.map_or_else(|| label.to_owned(), Clone::clone))
            }
        }
    }
}
