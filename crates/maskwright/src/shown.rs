//! Texts as a terminal may be given them.
//!
//! Files, records, tar members and tensors have names that strangers gave them, and a terminal obeys control
//! characters. What leaves the program for people or as JSON goes through here.

use std::borrow::Cow;

use maskwright_image::is_obeyed;

/// The line with its control characters escaped, as `\n` and `\u{1b}`, and those that turn the direction
/// of writing. Empty lines before it are layout.
pub(crate) fn shown(line: &str) -> Cow<'_, str> {
    let text = line.trim_start_matches('\n');
    let (layout, text) = line.split_at(line.len() - text.len());
    escaped(text, layout, |c, out| out.extend(c.escape_default()))
}

/// A JSON document with the same characters escaped where JSON leaves it open. Those that it escapes
/// itself stand for its own layout here.
pub(crate) fn shown_json(document: &str) -> Cow<'_, str> {
    escaped(document, "", |c, out| match c {
        '\n' => out.push(c),
        c => out.push_str(&format!("\\u{:04x}", u32::from(c))),
    })
}

fn escaped<'a>(text: &'a str, before: &str, escape: impl Fn(char, &mut String)) -> Cow<'a, str> {
    if before.is_empty() && !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = before.to_owned();
    for c in text.chars() {
        if is_obeyed(c) { escape(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_nothing_else() {
        assert_eq!(
            shown("\n  a\tb\nc\u{1b}[2J\u{9b}1m\u{7f}\r"),
            "\n  a\\tb\\nc\\u{1b}[2J\\u{9b}1m\\u{7f}\\r"
        );
        assert_eq!(shown("gnp.\u{202e}exe\u{2069}\u{200f}"), "gnp.\\u{202e}exe\\u{2069}\\u{200f}");
        for plain in ["", "naïve.png", "叶子_1.jpg", "a\\b \u{a0}\u{200d}é", "\n", "\u{fffd}"] {
            assert_eq!(shown(plain), plain);
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let names = ["a\u{1b}\n\u{7f}", "\u{9b}2J", "x\u{202e}y", "叶"];
        let text = serde_json::to_string_pretty(&names).expect("plain");
        let safe = shown_json(&text);
        assert_eq!(safe.chars().filter(|&c| is_obeyed(c)).collect::<String>(), "\n".repeat(5));
        assert_eq!(serde_json::from_str::<Vec<String>>(&safe).expect("JSON"), names);
    }
}
