//! Checks the keys of a data file before its values are read, so that a misspelt one is
//! reported with its line and the key that was meant.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::keys::{KeyFlaw, Names, names_of, names_of_variants, nearest};
use super::{MixConfig, SetSpec};
use crate::error::{Error, Result};
use crate::plan::{PlanConfig, Transform};
use crate::prompt::{KindWeights, PromptConfig};

/// The keys that a table may have, and what stands in it.
struct Section {
    keys: Vec<&'static str>,
    inner: Vec<(&'static str, Inner)>,
}

/// What a key holds.
enum Inner {
    /// A table, or a list of tables.
    Section(Section),
    /// A list of sets, whose keys are those of their kind.
    Sets,
}

impl Section {
    fn new(keys: &[&'static str]) -> Section {
        Section { keys: keys.to_vec(), inner: Vec::new() }
    }

    fn with(mut self, key: &'static str, inner: Inner) -> Section {
        self.inner.push((key, inner));
        self
    }
}

/// The whole file, whose own keys are `keys`.
fn root(keys: Names) -> Section {
    let steps = Section::new(&names_of_variants::<Transform>("kind"));
    let plan = Section::new(names_of::<PlanConfig>()).with("transforms", Inner::Section(steps));
    let weights = Section::new(names_of::<KindWeights>());
    let prompts = Section::new(names_of::<PromptConfig>()).with("kinds", Inner::Section(weights));
    Section::new(keys)
        .with("train", Inner::Sets)
        .with("valid", Inner::Sets)
        .with("mix", Inner::Section(Section::new(names_of::<MixConfig>())))
        .with("plan", Inner::Section(plan))
        .with("prompts", Inner::Section(prompts))
}

/// A data file that is looked through.
struct Text<'a> {
    text: &'a str,
    file: &'a Path,
}

/// Refuses the first key of `text` that a data file does not have, and the first value of a set that its
/// key cannot have; `keys` are those of the whole file.
pub(super) fn check(text: &str, file: &Path, keys: Names) -> Result<()> {
    let table = DeTable::parse(text).map_err(|error| Error::DataFile {
        file: file.into(),
        message: error.to_string().trim_end().into(),
    })?;
    Text { text, file }.table(table.get_ref(), &root(keys), "a data file")
}

impl Text<'_> {
    /// The line, from 1, of a byte.
    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    fn table(&self, table: &DeTable<'_>, section: &Section, name: &str) -> Result<()> {
        // In the order of the file, so that the first mistake is reported first.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let word = key.get_ref().as_ref();
            if !section.keys.contains(&word) {
                return Err(Error::UnknownKey {
                    file: self.file.into(),
                    line: self.line(key.span().start),
                    key: word.into(),
                    section: name.into(),
                    nearest: nearest(word, &section.keys),
                    known: section.keys.as_slice().into(),
                });
            }
            let Some((_, inner)) = section.inner.iter().find(|(known, _)| *known == word) else {
                continue;
            };
            // A value where a table belongs is reported with the types.
            match (value.get_ref(), inner) {
                (DeValue::Table(table), Inner::Section(inner)) => {
                    self.table(table, inner, &format!("[{word}]"))?;
                }
                (DeValue::Array(list), inner) => {
                    for item in list.iter() {
                        match (item.get_ref(), inner) {
                            (DeValue::Table(table), Inner::Section(inner)) => {
                                self.table(table, inner, &format!("[[{word}]]"))?;
                            }
                            (DeValue::Table(_), Inner::Sets) => self.set(item, word)?,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a set's table as if it stood alone.
    fn set(&self, item: &Spanned<DeValue<'_>>, list: &str) -> Result<()> {
        let DeValue::Table(table) = item.get_ref() else { return Ok(()) };
        let line_of = |wanted: &str| {
            let key = table.keys().find(|key| key.get_ref().as_ref() == wanted);
            self.line(key.map_or(item.span(), |key| key.span()).start)
        };
        let plain =
            toml::Table::deserialize(ValueDeserializer::from(item.clone())).map_err(|error| {
                Error::DataFile { file: self.file.into(), message: error.to_string() }
            })?;
        let Err(flaw) = SetSpec::from_table(plain) else { return Ok(()) };
        let file = self.file.to_owned();
        Err(match flaw {
            KeyFlaw::Unknown { key, nearest, known } => Error::UnknownKey {
                file,
                line: line_of(&key),
                section: format!("[[{list}]]"),
                nearest,
                known: known.into(),
                key,
            },
            KeyFlaw::Value { key, message } => {
                let line = key.as_deref().map_or(self.line(item.span().start), line_of);
                Error::KeyValue { file, line, message }
            }
        })
    }
}
