//! Names of values, in one table for each type: what a value is called, how it is read, and what there
//! is. A value's first name is its own, further ones are only read.

/// Names and values.
pub(crate) type Words<T> = [(&'static str, T)];

/// What a value is called.
pub(crate) fn name<T: PartialEq>(words: &Words<T>, value: &T) -> &'static str {
    words.iter().find(|(_, one)| one == value).map_or("", |(name, _)| name)
}

/// The value of this name.
pub(crate) fn find<T: Clone>(words: &Words<T>, name: &str) -> Option<T> {
    words.iter().find(|(one, _)| *one == name).map(|(_, value)| value.clone())
}

/// The value of this name, or what there is, in words.
pub(crate) fn read<T: Clone + PartialEq>(words: &Words<T>, name: &str) -> Result<T, String> {
    find(words, name).ok_or_else(|| format!("expected {}, found {name:?}", list(words, "or")))
}

/// All names but the further ones: "a, b or c".
pub(crate) fn list<T: PartialEq>(words: &Words<T>, last: &str) -> String {
    let own: Vec<&str> = words
        .iter()
        .enumerate()
        .filter(|(place, (_, value))| words[..*place].iter().all(|(_, before)| before != value))
        .map(|(_, (name, _))| *name)
        .collect();
    match own.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => own.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [(&str, u8); 4] = [("one", 1), ("uno", 1), ("two", 2), ("three", 3)];

    #[test]
    fn a_value_has_one_name_and_may_be_read_by_others() {
        assert_eq!((name(&WORDS, &1), name(&WORDS, &3), name(&WORDS, &7)), ("one", "three", ""));
        assert_eq!(read(&WORDS, "uno"), Ok(1));
        let error = "expected one, two or three, found \"four\"".to_owned();
        assert_eq!(read(&WORDS, "four"), Err(error));
        assert_eq!(list(&WORDS[..2], "or"), "one");
    }
}
