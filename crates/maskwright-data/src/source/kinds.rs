//! Which keys each kind of set has.

use super::{SetKind, SetSpec};
use crate::error::{Error, Result};

/// Keys that not every kind has, with the kinds that have them.
const KEYS: &[(&[&str], &[SetKind])] = &[
    (&["masks", "list", "mask_suffix", "recursive"], &[SetKind::Pairs]),
    (&["images"], &[SetKind::Pairs, SetKind::Coco, SetKind::Lvis, SetKind::Sa1b]),
    (&["annotations", "categories", "crowds"], &[SetKind::Coco, SetKind::Lvis]),
    (&["shards"], &[SetKind::Sa1b, SetKind::WebDataset]),
    (
        &["image_ext", "mask_ext", "mask_channel", "mask_values", "mask_colours", "invert"],
        &[SetKind::Pairs, SetKind::WebDataset],
    ),
    (
        &["objects", "min_area", "max_area", "min_objects", "max_objects"],
        &[SetKind::Coco, SetKind::Lvis, SetKind::Sa1b, SetKind::WebDataset],
    ),
    (&["min_predicted_iou", "min_stability_score"], &[SetKind::Sa1b, SetKind::WebDataset]),
];

impl SetKind {
    /// The kind as a data file spells it.
    fn name(self) -> &'static str {
        match self {
            SetKind::Pairs => "\"pairs\"",
            SetKind::Coco => "\"coco\"",
            SetKind::Lvis => "\"lvis\"",
            SetKind::Sa1b => "\"sa1b\"",
            SetKind::WebDataset => "\"webdataset\"",
        }
    }
}

/// Refuses a key that the set's kind has no use for, and a set without the keys that it needs.
pub(super) fn check(spec: &SetSpec) -> Result<()> {
    let given = given(spec);
    let misplaced =
        KEYS.iter().filter(|(_, kinds)| !kinds.contains(&spec.kind)).find_map(|(keys, kinds)| {
            keys.iter().find(|key| given.contains(&**key)).map(|key| (*key, *kinds))
        });
    if let Some((key, kinds)) = misplaced {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        return Err(Error::Setting {
            key: format!("{key} of set {}", spec.name),
            expected: format!("a set of kind {}", kinds.join(" or ")),
            found: format!("kind {}", spec.kind.name()),
        });
    }
    let has = |key: &str| given.contains(&key);
    let (complete, expected) = match spec.kind {
        SetKind::Pairs => {
            (has("images") && has("masks") || has("list"), "images and masks, or a list")
        }
        SetKind::Coco | SetKind::Lvis => {
            (has("annotations") && has("images"), "annotations and images")
        }
        SetKind::Sa1b => (has("images") != has("shards"), "either images or shards"),
        SetKind::WebDataset => (has("shards"), "shards"),
    };
    if complete {
        return Ok(());
    }
    let found: Vec<&str> = ["images", "masks", "list", "annotations", "shards"]
        .into_iter()
        .filter(|key| has(key))
        .collect();
    Err(Error::Setting {
        key: format!("set {} of kind {}", spec.name, spec.kind.name()),
        expected: expected.into(),
        found: if found.is_empty() {
            "none of them".into()
        } else {
            format!("only {}", found.join(", "))
        },
    })
}

/// The keys whose values are not the default.
fn given(spec: &SetSpec) -> Vec<&'static str> {
    let plain = SetSpec::default();
    let set = |key: &str| match key {
        "images" => spec.images != plain.images,
        "masks" => spec.masks != plain.masks,
        "list" => spec.list != plain.list,
        "annotations" => spec.annotations != plain.annotations,
        "shards" => spec.shards != plain.shards,
        "image_ext" => spec.image_ext.is_some(),
        "mask_ext" => spec.mask_ext.is_some(),
        "mask_suffix" => spec.mask_suffix != plain.mask_suffix,
        "recursive" => spec.recursive,
        "objects" => spec.objects != plain.objects,
        "categories" => !spec.categories.is_empty(),
        "crowds" => spec.crowds,
        "min_area" => spec.min_area.is_some(),
        "max_area" => spec.max_area.is_some(),
        "min_predicted_iou" => spec.min_predicted_iou.is_some(),
        "min_stability_score" => spec.min_stability_score.is_some(),
        "min_objects" => spec.min_objects.is_some(),
        "max_objects" => spec.max_objects.is_some(),
        "mask_channel" => spec.mask_channel != plain.mask_channel,
        "mask_values" => !spec.mask_values.is_empty(),
        "mask_colours" => !spec.mask_colours.is_empty(),
        "invert" => spec.invert,
        _ => false,
    };
    SetSpec::KEYS.iter().copied().filter(|key| set(key)).collect()
}
