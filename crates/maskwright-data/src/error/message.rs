//! Messages that are put together from several parts.

use std::path::Path;

use maskwright_image::decode::Warning;
use maskwright_image::{Size, shown};

use super::written::{did_you_mean, path};
use super::{Cause, Error};
use crate::source::LeftOut;

/// Files without a partner, with the first of them by name.
pub(super) fn unpaired(
    set: &str,
    (images, images_without_mask): (&Path, usize),
    (masks, masks_without_image): (&Path, usize),
    first: &[String],
) -> String {
    let mut parts = Vec::new();
    if images_without_mask > 0 {
        parts.push(format!(
            "{images_without_mask} images of {} have no mask in {}",
            path(images),
            path(masks)
        ));
    }
    if masks_without_image > 0 {
        parts.push(format!(
            "{masks_without_image} masks of {} have no image in {}",
            path(masks),
            path(images)
        ));
    }
    let rest = images_without_mask + masks_without_image
        - first.len().min(images_without_mask + masks_without_image);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!(
        "set {}: {}: {}{more}; add the missing files or set unmatched = \"skip\"",
        shown(set),
        parts.join(" and "),
        shown(&first.join(", "))
    )
}

/// What has no counterpart, and the setting that leaves it out.
pub(super) fn unlisted(set: &str, file: &Path, left: &LeftOut) -> String {
    let LeftOut { count, what, first, .. } = left;
    format!(
        "set {}: {}: {count} {}, the first {}; correct the files or set unmatched = \"skip\"",
        shown(set),
        path(file),
        shown(what),
        shown(first)
    )
}

/// A mask and an image of different sizes.
pub(super) fn sizes(record: &str, mask: (&Path, Size), image: (&Path, Size)) -> String {
    let size = |size: Size| format!("{}x{}", size.width, size.height);
    format!(
        "record {}: the mask {} is {}, but the image {} is {} (width x height); expected the same size",
        shown(record),
        path(mask.0),
        size(mask.1),
        path(image.0),
        size(image.1)
    )
}

/// A folder without the files that are looked for.
pub(super) fn no_files(
    set: &str,
    role: &str,
    folder: &Path,
    expected: &str,
    found: &str,
) -> String {
    format!(
        "set {}: no {role} in {}: expected files that end in {}, found {}",
        shown(set),
        path(folder),
        shown(expected),
        shown(found)
    )
}

/// Files of one stem, and what tells them apart.
pub(super) fn one_name(
    set: &str,
    role: &str,
    folder: &Path,
    files: &[String],
    count: usize,
) -> String {
    format!(
        "set {}: two {role} of one name in {}: {} ({count} such names); \
         keep one of them or name the ending to use (image_ext, mask_ext)",
        shown(set),
        path(folder),
        shown(&files.join(" and "))
    )
}

/// A key that is not known, with the known ones.
pub(super) fn unknown_key(
    (file, line): (&Path, usize),
    key: &str,
    section: &str,
    nearest: Option<&str>,
    known: &[&str],
) -> String {
    format!(
        "{}, line {line}: unknown key `{}` in {}{}; known are {}",
        path(file),
        shown(key),
        shown(section),
        did_you_mean(nearest),
        known.join(", ")
    )
}

/// How many records were refused, and why.
pub(super) fn budget(
    refused: usize,
    records: usize,
    budget: usize,
    causes: &[Cause],
    last: &Error,
) -> String {
    let causes = causes.iter().map(Cause::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "{refused} of {records} records were refused, more than the budget of {budget}: {causes}; the last: {last}"
    )
}

/// A file that is damaged but decodable.
pub(super) fn damaged(record: &str, file: &Path, warning: &Warning) -> String {
    format!(
        "record {}: {}: {warning} (strict = true refuses such files)",
        shown(record),
        path(file)
    )
}

/// A mask without foreground.
pub(super) fn empty_mask(record: &str, file: &Path) -> String {
    format!(
        "record {}: the mask {} shows no object: no pixel is above 128 of 255",
        shown(record),
        path(file)
    )
}

/// A set that holds crowds alone.
pub(super) fn crowds(set: &str, found: &str) -> String {
    format!(
        "set {}: expected at least one record, found {}; crowds = true takes annotations of crowds",
        shown(set),
        shown(found)
    )
}

/// A line that no ledger has.
pub(super) fn no_ledger((file, line): (&Path, usize), found: &str) -> String {
    format!(
        "{}, line {line}: expected a ledger, one JSON object per line; {}",
        path(file),
        shown(found)
    )
}
