//! Values as annotation tools write them: an id may be a number or a text, a number may be a text, and anything may be
//! missing.
//!
//! Any JSON value is a [`Said`]; whoever needs it asks what it says, and can then name the annotation and the field that say
//! something else. [`Ids`] makes numbers of ids, equal ones of equal ids.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Whole numbers up to here have one spelling as `f64`.
const EXACT: f64 = (1u64 << 53) as f64;

/// What stands at a key.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Said<'a> {
    /// Nothing, or `null`.
    #[default]
    Nothing,
    Bool(bool),
    /// A whole number from 0, however it is spelt: `7` and `7.0`.
    Whole(u64),
    /// Another number.
    Number(f64),
    Text(Cow<'a, str>),
    /// A list or a mapping.
    Other(&'static str),
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Said<'a>, D::Error> {
        from.deserialize_any(Anything)
    }
}

struct Anything;

impl<'a> Visitor<'a> for Anything {
    type Value = Said<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Said<'a>, E> {
        Ok(Said::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Said<'a>, E> {
        Ok(Said::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Said<'a>, E> {
        Ok(Said::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Said<'a>, E> {
        Ok(u64::try_from(value).map_or(Said::Number(value as f64), Said::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Said<'a>, E> {
        Ok(whole(value).map_or(Said::Number(value), Said::Whole))
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Said<'a>, E> {
        Ok(Said::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Said<'a>, E> {
        Ok(Said::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Said<'a>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Said::Other("a list"))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut items: A) -> Result<Said<'a>, A::Error> {
        while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Said::Other("a mapping"))
    }
}

/// A number from 0 on that is whole, as `f64` holds it exactly.
fn whole(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..EXACT).contains(&value)).then_some(value as u64)
}

impl Said<'_> {
    /// Whether nothing is said: an empty text is what NaN is read as.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Said::Nothing => true,
            Said::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// The whole number from 0 that is said, as a number or as a text.
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Said::Whole(value) => Some(*value),
            Said::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            _ => None,
        }
    }

    /// The number that is said, as a number or as a text.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Said::Whole(value) => Some(*value as f64),
            Said::Number(value) => Some(*value),
            Said::Text(text) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        }
    }

    /// The text that is said.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Said::Text(text) if !self.is_nothing() => Some(text),
            _ => None,
        }
    }

    /// Whether a flag is set: by `true`, by a number other than 0, or by either as a text.
    pub(super) fn is_set(&self) -> bool {
        match self {
            Said::Bool(value) => *value,
            Said::Text(text) if text.trim().eq_ignore_ascii_case("true") => true,
            _ => self.number().is_some_and(|value| value != 0.0),
        }
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Nothing => f.write_str("none"),
            Said::Bool(value) => write!(f, "{value}"),
            Said::Whole(value) => write!(f, "{value}"),
            Said::Number(value) => write!(f, "{value}"),
            Said::Text(text) => write!(f, "\"{}\"", text.chars().take(80).collect::<String>()),
            Said::Other(what) => f.write_str(what),
        }
    }
}

/// The highest bit of a key: it stands for a text.
const TEXT: u64 = 1 << 63;

/// The ids of a file. Numbers are their own keys, texts get one each; a text that says a number is that number.
#[derive(Debug, Default)]
pub(super) struct Ids {
    keys: HashMap<Box<str>, u64>,
    texts: Vec<Box<str>>,
}

impl Ids {
    /// The key of an id; none for what is no id.
    pub(super) fn key(&mut self, id: &Said<'_>) -> Option<u64> {
        match id {
            Said::Whole(number) if *number < TEXT => Some(*number),
            Said::Whole(number) => Some(self.text(&number.to_string())),
            Said::Number(number) if number.fract() == 0.0 && number.abs() < EXACT => {
                Some(self.text(&number.to_string()))
            }
            Said::Text(text) if !id.is_nothing() => {
                let text = text.trim();
                Some(number_of(text).unwrap_or_else(|| self.text(text)))
            }
            _ => None,
        }
    }

    fn text(&mut self, text: &str) -> u64 {
        if let Some(key) = self.keys.get(text) {
            return *key;
        }
        let key = TEXT | self.texts.len() as u64;
        self.keys.insert(text.into(), key);
        self.texts.push(text.into());
        key
    }

    /// The id of a key, as a text.
    pub(super) fn shown(&self, key: u64) -> Cow<'_, str> {
        match self.texts.get((key & !TEXT) as usize) {
            Some(text) if key >= TEXT => Cow::Borrowed(text),
            _ => Cow::Owned(key.to_string()),
        }
    }
}

/// The number that an id says as a text: `7` and `7.0`, but not `007`, which may be another one.
fn number_of(text: &str) -> Option<u64> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    let plain = digits == "0" || digits.starts_with(|c: char| matches!(c, '1'..='9'));
    digits.parse().ok().filter(|&number: &u64| plain && number < TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> Said<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn any_value_says_something() {
        for (json, whole, number, set) in [
            ("7", Some(7), Some(7.0), true),
            ("7.0", Some(7), Some(7.0), true),
            ("\" 7 \"", Some(7), Some(7.0), true),
            ("\"7.0\"", Some(7), Some(7.0), true),
            ("7.5", None, Some(7.5), true),
            ("-1", None, Some(-1.0), true),
            ("0", Some(0), Some(0.0), false),
            ("\"0\"", Some(0), Some(0.0), false),
            ("1e400", None, None, false),
            ("true", None, None, true),
            ("\"True\"", None, None, true),
            ("false", None, None, false),
            ("null", None, None, false),
            ("\"\"", None, None, false),
            ("\"inf\"", None, None, false),
            ("[1, [2]]", None, None, false),
            ("{\"a\": {}}", None, None, false),
            ("18446744073709551615", Some(u64::MAX), Some(u64::MAX as f64), true),
        ] {
            let Ok(value) = serde_json::from_str::<Said<'_>>(json) else {
                assert_eq!(json, "1e400");
                continue;
            };
            assert_eq!(
                (value.whole(), value.number(), value.is_set()),
                (whole, number, set),
                "{json}"
            );
        }
        assert!(said("null").is_nothing() && said("\" \"").is_nothing() && !said("0").is_nothing());
        assert_eq!(said("\"a\\u00e9\"").text(), Some("aé"));
        let words =
            ["null", "3.5", "\"x\"", "[1]", "{}", "true"].map(|json| said(json).to_string());
        assert_eq!(words, ["none", "3.5", "\"x\"", "a list", "a mapping", "true"]);
    }

    #[test]
    fn ids_are_equal_that_say_the_same() {
        let mut ids = Ids::default();
        let mut key = |json: &str| ids.key(&said(json));
        assert_eq!(key("7"), Some(7));
        assert!(["\"7\"", "7.0", "\"7.0\"", "\" 7\""].iter().all(|json| key(json) == Some(7)));
        let others = ["\"07\"", "\"+7\"", "-7", "\"a\"", "\"7.5\"", "18446744073709551615"];
        let keys: Vec<u64> = others.iter().map(|json| key(json).unwrap()).collect();
        let again: Vec<u64> = others.iter().map(|json| key(json).unwrap()).collect();
        assert_eq!(keys, again);
        assert!(keys.iter().enumerate().all(|(n, key)| *key == TEXT | n as u64), "{keys:?}");
        assert_eq!(key("\"-7\""), Some(keys[2]));
        for json in ["null", "\"\"", "true", "[7]", "7.5", "1e300"] {
            assert_eq!(key(json), None, "{json}");
        }
        assert_eq!(ids.shown(7), "7");
        assert_eq!(
            keys.iter().map(|&key| ids.shown(key)).collect::<Vec<_>>()[..4],
            ["07", "+7", "-7", "a"]
        );
    }
}
