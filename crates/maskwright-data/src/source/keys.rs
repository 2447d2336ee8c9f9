//! The keys of a data file: which there are, asked of the types that hold them, and which was meant
//! where one is misspelt.
//!
//! No list of keys is kept anywhere. serde knows the fields of every settings type and names them when
//! it meets an unknown one, which is how [`names_of`] asks.

use std::cell::RefCell;
use std::fmt::Display;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess};
use serde::{Deserialize, de};

use crate::error::did_you_mean;

/// What serde says is expected where something unknown is found.
#[derive(Debug)]
struct Expected(&'static [&'static str]);

impl Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Expected {}

impl de::Error for Expected {
    fn custom<T: Display>(_: T) -> Expected {
        Expected(&[])
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Expected {
        Expected(expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Expected {
        Expected(expected)
    }
}

/// What is expected in place of the last of these entries.
fn expected<'a, T: Deserialize<'a>>(entries: &[(&'static str, &'static str)]) -> Names {
    let entries = entries.iter().map(|&(key, value)| {
        let value: StrDeserializer<'_, Expected> = value.into_deserializer();
        (key, value)
    });
    T::deserialize(MapDeserializer::new(entries)).err().map_or(&[], |error: Expected| error.0)
}

/// Keys as a data file spells them.
pub(super) type Names = &'static [&'static str];

/// The keys of a settings type that denies unknown fields.
pub(super) fn names_of<'a, T: Deserialize<'a>>() -> Names {
    expected::<T>(&[("", "")])
}

/// The keys of all variants of a settings type that denies unknown fields and is told apart by `tag`, which
/// comes first.
pub(super) fn names_of_variants<'a, T: Deserialize<'a>>(tag: &'static str) -> Vec<&'static str> {
    let mut names = vec![tag];
    for variant in expected::<T>(&[(tag, "")]) {
        for name in expected::<T>(&[(tag, variant), ("", "")]) {
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    names
}

/// What is wrong with a key of a table.
#[derive(Debug)]
pub(super) enum KeyFlaw {
    /// There is no such key.
    Unknown { key: String, nearest: Option<&'static str>, known: Vec<&'static str> },
    /// The key has a value that it cannot have, or no place here; none is absent.
    Value { key: Option<String>, message: String },
}

impl KeyFlaw {
    /// The flaw with the name of the set that the key belongs to.
    pub(super) fn of_set(self, set: &str) -> KeyFlaw {
        match self {
            KeyFlaw::Value { key: Some(key), message } => {
                let message = format!("{key} of set {set}: {message}");
                KeyFlaw::Value { key: Some(key), message }
            }
            other => other,
        }
    }
}

impl Display for KeyFlaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeyFlaw::Value { message, .. } => f.write_str(message),
            KeyFlaw::Unknown { key, nearest, known } => {
                let meant = did_you_mean(*nearest);
                write!(f, "unknown key `{key}`{meant}; known are {}", known.join(", "))
            }
        }
    }
}

/// A table whose keys are taken group by group.
pub(super) struct Reader {
    table: toml::Table,
    /// The keys of all groups taken so far.
    known: Vec<&'static str>,
}

impl Reader {
    pub(super) fn new(table: toml::Table) -> Reader {
        Reader { table, known: Vec::new() }
    }

    /// Takes the keys of `T` and reads their values.
    pub(super) fn take<'a, T: Deserialize<'a>>(&mut self) -> Result<T, KeyFlaw> {
        let names = names_of::<T>();
        self.known.extend(names);
        let entries: Vec<_> =
            names.iter().filter_map(|&name| Some((name, self.table.remove(name)?))).collect();
        let current = RefCell::new(None);
        let keys = Traced { entries: entries.into_iter(), value: None, current: &current };
        T::deserialize(MapAccessDeserializer::new(keys)).map_err(|error| KeyFlaw::Value {
            key: current.take().map(str::to_owned),
            message: error.message().to_owned(),
        })
    }

    /// The keys of all groups, and what is left of the table.
    pub(super) fn finish(self) -> (Vec<&'static str>, toml::Table) {
        (self.known, self.table)
    }
}

/// The entries of a table, with a note of the key at hand for errors about its value.
struct Traced<'a> {
    entries: std::vec::IntoIter<(&'static str, toml::Value)>,
    value: Option<toml::Value>,
    current: &'a RefCell<Option<&'static str>>,
}

impl<'a> MapAccess<'a> for Traced<'_> {
    type Error = toml::de::Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        let next = self.entries.next();
        *self.current.borrow_mut() = next.as_ref().map(|entry| entry.0);
        let Some((key, value)) = next else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, Self::Error> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        seed.deserialize(self.value.take().expect("a key comes before its value"))
    }
}

/// The known word that is spelt most like `word`, if it is close enough to be meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let word = plain(word);
    // The beginning of a key (`scale` for `scale_min`) is closer than any other word of that
    // distance.
    let begins = |key: &str| plain(key).starts_with(&word) || word.starts_with(&plain(key));
    let distance = |key: &str| strsim::damerau_levenshtein(&word, &plain(key));
    let key = known.iter().min_by_key(|key| (!begins(key), distance(key)))?;
    (begins(key) || distance(key) <= 2.max(word.len() / 3)).then_some(*key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlanConfig, Transform};

    #[test]
    fn types_tell_their_keys() {
        let plan = names_of::<PlanConfig>();
        assert!(plan.contains(&"scale_min") && plan.contains(&"transforms"), "{plan:?}");
        let steps = names_of_variants::<Transform>("kind");
        assert_eq!(steps, ["kind", "probability", "min", "max", "size"]);
    }
}
