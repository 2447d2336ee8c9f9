//! Messages that are put together from several parts.

use std::path::Path;

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
            images.display(),
            masks.display()
        ));
    }
    if masks_without_image > 0 {
        parts.push(format!(
            "{masks_without_image} masks of {} have no image in {}",
            masks.display(),
            images.display()
        ));
    }
    let rest = images_without_mask + masks_without_image
        - first.len().min(images_without_mask + masks_without_image);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!(
        "set {set}: {}: {}{more}; add the missing files or set unmatched = \"skip\"",
        parts.join(" and "),
        first.join(", ")
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
