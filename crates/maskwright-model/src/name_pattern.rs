//! Patterns of official tensor names.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::words;

/// What may stand in the place of patterns.
pub(crate) const WORDS: [&str; 4] = ["hq", "decoder", "lora", "all"];

/// A pattern of official tensor names. Each `*` stands for any number of characters, including dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Returns whether the pattern matches the whole name.
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        // Of a pattern without `*` the first piece is all of it.
        let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl FromStr for NamePattern {
    type Err = Error;

    /// Reads a pattern of letters, digits, `_`, `.` and `*`. It must contain a dot or a `*`, so that it
    /// is not taken for one of the words.
    fn from_str(text: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.*".contains(c);
        if text.contains(['.', '*']) && text.chars().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Config {
            field: "what learns",
            value: text.to_owned(),
            reason: format!(
                "known: {}, and patterns of tensor names such as mask_decoder.hf_*",
                words::list(&WORDS, "and")
            ),
        })
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.*", "a.b.c", true),
            ("a.*", "a.", true),
            ("a.*", "b.a.", false),
            ("*.weight", "a.b.weight", true),
            ("*.weight", "a.weights", false),
            ("a.*.c", "a.b.b.c", true),
            ("a.*.c", "a.c", false),
            ("*", "", true),
            ("**", "a", true),
            ("a*b*a", "aba", true),
            ("a*b*a", "abba.a", true),
            ("aa*aa", "aaa", false),
            ("*norm*.bias", "blocks.0.norm1.bias", true),
        ] {
            assert_eq!(NamePattern(pattern.into()).matches(name), expected, "{pattern} and {name}");
        }
    }
}
