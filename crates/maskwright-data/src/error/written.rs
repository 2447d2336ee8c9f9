//! Parts of messages: paths, places and lists as they are shown.

use std::path::{Path, PathBuf};

use maskwright_image::shown;

/// A path as it may be shown: what is no Unicode text of it is replaced.
pub(crate) fn path(path: &Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// Several paths, separated by commas.
pub(super) fn paths(all: &[PathBuf]) -> String {
    all.iter().map(|one| path(one)).collect::<Vec<_>>().join(", ")
}

/// Where in a file something is, behind the file's name; nothing where it is about the whole file.
pub(super) fn in_place(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(", {}", shown(place)) }
}

/// As [`shown`], of a text of several lines.
pub(super) fn lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
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
