//! What serde says of a key or a value, in the words of somebody who writes settings.

use super::keys::nearest;
use crate::error::did_you_mean;

/// A message of serde about an unknown key, an unknown name or a value of a wrong type, without the names of Rust's types
/// and with the nearest known word; any other text as it is.
///
/// ```
/// use maskwright_data::source::in_words;
///
/// let message = r#"invalid type: string "abc", expected usize"#;
/// assert_eq!(in_words(message), r#"expected a whole number, found the text "abc""#);
/// let message = "unknown field `epoch`, expected one of `epochs`, `seed`";
/// assert_eq!(in_words(message), "unknown key `epoch` (did you mean `epochs`?); known are epochs, seed");
/// ```
pub fn in_words(message: &str) -> String {
    let unknown = |kind: &str, what: &str| -> Option<String> {
        let (before, rest) = message.split_once(kind)?;
        let (word, rest) = rest.strip_prefix('`')?.split_once('`')?;
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let meant = did_you_mean(nearest(word, &known));
        let known = match &known[..] {
            [] => String::new(),
            known => format!("; known are {}", known.join(", ")),
        };
        Some(format!("{before}unknown {what} `{word}`{meant}{known}"))
    };
    let value = |kind: &str| -> Option<String> {
        let (before, rest) = message.split_once(kind)?;
        let (found, expected) = rest.rsplit_once(", expected ")?;
        let (kind, place) = match expected.split_once(['\n', ' ']) {
            Some((kind, place)) if type_in_words(kind).is_some() => (kind, place.trim()),
            _ => (expected.trim_end(), ""),
        };
        let kind = type_in_words(kind).unwrap_or(kind);
        let place = if place.is_empty() { String::new() } else { format!(" {place}") };
        Some(format!("{before}expected {kind}{place}, found {}", value_in_words(found)))
    };
    unknown("unknown field ", "key")
        .or_else(|| unknown("unknown variant ", "name"))
        .or_else(|| value("invalid type: "))
        .or_else(|| value("invalid value: "))
        .unwrap_or_else(|| message.to_owned())
}

/// One of Rust's types, or serde's words for one.
fn type_in_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "usize" | "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            "a whole number"
        }
        "f32" | "f64" => "a number",
        _ => return None,
    })
}

/// What serde found: its kind and the value.
fn value_in_words(found: &str) -> String {
    let bare = |text: &str| text.trim_matches('`').to_owned();
    match found.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean", value)) => bare(value),
        Some(("floating", rest)) => bare(rest.strip_prefix("point ").unwrap_or(rest)),
        _ => match found {
            "map" => "a section".into(),
            "sequence" => "a list".into(),
            other => other.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn types_and_keys_are_said_in_words() {
        let lines = [
            r#"invalid type: string "abc", expected usize"#,
            "invalid type: string \"high\", expected f64\nin `learning_rate`\n",
            "invalid type: floating point `1.5`, expected u64",
            "invalid value: integer `-1`, expected usize",
            "invalid type: integer `3`, expected a boolean",
            "invalid type: map, expected a string",
            "unknown field `warmup_step`, expected one of `kind`, `warmup_steps`",
            "unknown variant `adams`, expected `adam` or `adamw`",
            "unknown field `a`, there are no fields",
            "something else",
        ]
        .map(in_words);
        insta::assert_snapshot!(lines.join("\n"), @r#"
        expected a whole number, found the text "abc"
        expected a number in `learning_rate`, found the text "high"
        expected a whole number, found 1.5
        expected a whole number, found -1
        expected a boolean, found 3
        expected a string, found a section
        unknown key `warmup_step` (did you mean `warmup_steps`?); known are kind, warmup_steps
        unknown name `adams` (did you mean `adam`?); known are adam, adamw
        unknown key `a`
        something else
        "#);
    }
}
