//! Messages that are put together from several parts.

use std::path::Path;

use maskwright_image::shown;

/// A path as it may be shown: what is no Unicode text of it is replaced.
pub(crate) fn path(path: &Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// Where in a file something is, behind the file's name; nothing where it is about the whole file.
pub(super) fn in_place(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(", {}", shown(place)) }
}

/// As [`shown`], of a text of several lines.
pub(super) fn lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// Files without a partner, with the first of them by name.
pub(super) fn unpaired(
    set: &str,
    images: &Path,
    masks: &Path,
    images_without_mask: usize,
    masks_without_image: usize,
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

/// A proposal for a key that is not known.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// "box, points or noise_mask".
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}
