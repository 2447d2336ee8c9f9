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
                known: section.keys.to_vec(),
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
fn nearest(word: &str, known: &[&str]) -> Option<String> {
    let word = word.to_lowercase().replace('-', "_");
    let scored = known.iter().map(|&key| (strsim::damerau_levenshtein(&word, key), key));
    let (distance, key) = scored.min()?;
    let begins = key.starts_with(&word) || word.starts_with(key);
    (distance <= 2.max(word.len() / 3) || begins).then(|| key.to_string())
}
