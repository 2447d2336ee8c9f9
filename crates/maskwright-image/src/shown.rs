//! Names as they may be shown.

use std::borrow::Cow;
use std::fmt::Write;

/// A text with every character escaped that a terminal would not show but obey: control characters (C0, DEL, C1), and those
/// that turn the direction of writing around or say where a line ends. Names in files of strangers may hold any of them.
///
/// ```
/// use maskwright_image::shown;
/// assert_eq!(shown("leaf 1.jpg"), "leaf 1.jpg");
/// assert_eq!(shown("a\u{1b}[2Jb\n.jpg"), r"a\u{1b}[2Jb\n.jpg");
/// assert_eq!(shown("gpj.\u{202e}.exe"), r"gpj.\u{202e}.exe");
/// ```
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_obeyed(letter) {
            // Writing to a text cannot fail.
            let _ = write!(out, "{}", letter.escape_debug());
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal may do something for a character rather than show it: C0, delete and C1, separators of
/// lines, and what turns the direction of writing.
pub fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_obey() {
        for letter in '\0'..=char::MAX {
            let text = format!("a{letter}b");
            let out = shown(&text);
            assert!(!out.chars().any(is_obeyed), "{letter:?}");
            assert_eq!(matches!(out, Cow::Borrowed(_)), !is_obeyed(letter), "{letter:?}");
            if is_obeyed(letter) {
                assert!(out.starts_with("a\\") && out.ends_with('b'), "{out}");
            }
        }
        assert_eq!(shown("Blätter/葉 🍃.jpg"), "Blätter/葉 🍃.jpg");
    }
}
