//! Images with masks: two folders, or side by side.

use std::collections::BTreeSet;
use std::path::Path;

use super::listing::{Listing, ending, name_of};
use super::{Reading, TRAIN, VALID, count, first_named};
use crate::error::Result;
use crate::source::endings::IMAGES_BESIDE_MASKS;
use crate::source::{DataFile, MaskContents, MaskKeys, PairsKeys, SetKind, SetSpec, partners};

/// Names that folders of images and of masks have, in the order in which they are tried.
pub(super) const IMAGES: [&str; 7] =
    ["images", "im", "image", "imgs", "img", "photos", "JPEGImages"];
pub(super) const MASKS: [&str; 9] =
    ["masks", "gt", "mask", "labels", "annotations", "masks_max255", "seg", "matte", "alpha"];

/// A folder of images and a folder of masks.
pub(super) fn folders(listing: &Listing, name: &str) -> Result<Option<Reading>> {
    let (Some(images), Some(masks)) = (first_named(listing, &IMAGES), first_named(listing, &MASKS))
    else {
        return Ok(None);
    };
    let (in_images, in_masks) = (Listing::of(images)?, Listing::of(masks)?);
    // Text and JSON beside images are annotations of another kind.
    let annotated = in_masks.ending(&["txt", "json", "xml"]).next().is_some();
    let deeper = in_masks.pictures.is_empty() && !in_masks.folders.is_empty();
    if in_masks.pictures.is_empty() && deeper && !annotated {
        return parts(listing, &in_images, &in_masks, name);
    }
    if in_masks.pictures.is_empty() && annotated {
        return Ok(None);
    }
    let what = format!(
        "images with masks: {}, {}",
        count(in_images.pictures.len(), "image", "images"),
        count(in_masks.pictures.len(), "mask", "masks")
    );
    Ok(Some(Reading::train(what, SetSpec::pairs(name, images, masks))))
}

/// Folders of images and of masks with the same folders in each, such as `training` and `validation`.
fn parts(
    listing: &Listing,
    images: &Listing,
    masks: &Listing,
    name: &str,
) -> Result<Option<Reading>> {
    // Masks of ADE20K have the numbers of classes; 0 is what has none.
    let ade = ["objectInfo150.txt", "sceneCategories.txt"];
    let ade = ade.iter().any(|file| listing.path.join(file).is_file());
    let mask_kind = if ade { MaskContents::Instances } else { MaskContents::Object };
    let (mut data, mut counts) = (DataFile::default(), [0, 0]);
    let part = |names: &[&str]| {
        names.iter().find_map(|name| Some((images.folder(name)?, masks.folder(name)?)))
    };
    for (names, trains) in [(&TRAIN[..], true), (&VALID[..], false)] {
        let Some((images, masks)) = part(names) else { continue };
        let (in_images, in_masks) = (Listing::of(images)?, Listing::of(masks)?);
        if in_masks.pictures.is_empty() {
            continue;
        }
        counts = [counts[0] + in_images.pictures.len(), counts[1] + in_masks.pictures.len()];
        let mask_files = MaskKeys { mask_kind, ..MaskKeys::default() };
        let keys = PairsKeys {
            images: images.clone(),
            masks: masks.clone(),
            mask_files,
            ..PairsKeys::default()
        };
        let set = SetSpec::new(format!("{name}/{}", name_of(images)), SetKind::Pairs(keys));
        if trains { data.train.push(set) } else { data.valid.push(set) }
    }
    let what = format!(
        "{}: {}, {}",
        if ade { "ADE20K" } else { "images with masks" },
        count(counts[0], "image", "images"),
        count(counts[1], "mask", "masks")
    );
    Ok((counts[1] > 0).then_some(Reading { what, data }))
}

/// Images and masks in one folder, told apart by their endings or by what masks are called in addition.
pub(super) fn side_by_side(listing: &Listing, name: &str) -> Option<Reading> {
    let stems = |endings: &[&str]| -> BTreeSet<_> {
        let of = |file: &&std::path::PathBuf| endings.contains(&ending(file).as_str());
        listing.pictures.iter().filter(of).filter_map(|file| file.file_stem()).collect()
    };
    let masks = stems(&["png"]);
    if masks.is_empty() {
        return None;
    }
    let photos = stems(&IMAGES_BESIDE_MASKS);
    let paired = photos.intersection(&masks).count();
    let folder =
        |path: &Path| PairsKeys { images: path.into(), masks: path.into(), ..PairsKeys::default() };
    let beside = folder(&listing.path);
    let (keys, pairs) = if paired > 0 {
        (beside, paired)
    } else {
        let pictures = photos.len() + masks.len();
        let found = partners::suffix(&beside).filter(|found| 3 * found.explains > pictures)?;
        let pairs = found.explains;
        (PairsKeys { mask_suffix: found.suffix, ..beside }, pairs)
    };
    let suffix = match keys.mask_suffix.as_str() {
        "" => String::new(),
        suffix => format!(" called *{suffix}"),
    };
    let what = format!("images with masks beside them{suffix}: {}", count(pairs, "pair", "pairs"));
    Some(Reading::train(what, SetSpec::new(name, SetKind::Pairs(keys))))
}
