//! Checks the keys of a data file before its values are read, so that a misspelt one is
//! reported with its line and the key that was meant.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// The keys that a table may have, and the tables (or lists of tables) inside it.
pub(super) struct Section {
    pub(super) keys: &'static [&'static str],
    pub(super) inner: &'static [(&'static str, &'static Section)],
}

/// Refuses the first key of `text` that `root` does not have.
pub(super) fn check(text: &str, file: &Path, root: &Section) -> Result<()> {
    let table = DeTable::parse(text).map_err(|error| Error::DataFile {
        file: file.into(),
        message: error.to_string().trim_end().into(),
    })?;
    check_table(text, file, table.get_ref(), root, "a data file")
}

fn check_table(
    text: &str,
    file: &Path,
    table: &DeTable<'_>,
    section: &Section,
    name: &str,
) -> Result<()> {
    // In the order of the file, so that the first mistake is reported first.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let word = key.get_ref().as_ref();
        if !section.keys.contains(&word) {
            return Err(Error::UnknownKey {
                file: file.into(),
                line: text[..key.span().start].matches('\n').count() + 1,
                key: word.into(),
                section: name.into(),
                nearest: nearest(word, section.keys),
                known: section.keys,
            });
        }
        let Some((_, inner)) = section.inner.iter().find(|(known, _)| *known == word) else {
            continue;
        };
        match value.get_ref() {
            DeValue::Table(table) => check_table(text, file, table, inner, &format!("[{word}]"))?,
            DeValue::Array(list) => {
                for item in list.iter() {
                    if let DeValue::Table(table) = item.get_ref() {
                        check_table(text, file, table, inner, &format!("[[{word}]]"))?;
                    }
                }
            }
            // A value where a table belongs is reported with the types.
            _ => {}
        }
    }
    Ok(())
}

/// The known word that is spelt most like `word`, if it is close enough to be meant.
fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let word = word.to_lowercase().replace('-', "_");
    // The beginning of a key (`scale` for `scale_min`) is closer than any other word of that
    // distance.
    let begins = |key: &str| key.starts_with(&word) || word.starts_with(key);
    let distance = |key: &str| strsim::damerau_levenshtein(&word, key);
    let key = known.iter().min_by_key(|key| (!begins(key), distance(key)))?;
    (begins(key) || distance(key) <= 2.max(word.len() / 3)).then_some(*key)
}
