//! Images with masks: two folders, or side by side.

use std::collections::BTreeSet;
use std::path::Path;

use super::listing::{Listing, ending};
use super::{Reading, count, first_named};
use crate::error::Result;
use crate::source::endings::IMAGES_BESIDE_MASKS;
use crate::source::{PairsKeys, SetKind, SetSpec, partners};

/// Names that folders of images and of masks have, in the order in which they are tried.
pub(super) const IMAGES: [&str; 7] =
    ["images", "im", "image", "imgs", "img", "photos", "JPEGImages"];
const MASKS: [&str; 9] =
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
    if in_masks.pictures.is_empty() && (annotated || deeper) {
        return Ok(None);
    }
    let what = format!(
        "images with masks: {}, {}",
        count(in_images.pictures.len(), "image", "images"),
        count(in_masks.pictures.len(), "mask", "masks")
    );
    Ok(Some(Reading::train(what, SetSpec::pairs(name, images, masks))))
}

/// Images and masks in one folder, told apart by their endings or by what masks are called in addition.
pub(super) fn side_by_side(listing: &Listing, name: &str) -> Option<Reading> {
    let stems = |endings: &[&str]| -> BTreeSet<_> {
        let of = |file: &&std::path::PathBuf| endings.contains(&ending(file).as_str());
        listing.pictures.iter().filter(of).filter_map(|file| file.file_stem()).collect()
    };
    let (photos, masks) = (stems(&IMAGES_BESIDE_MASKS), stems(&["png"]));
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
