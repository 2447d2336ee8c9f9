//! File names that any system takes, and the numbers of classes.

use std::collections::{HashMap, HashSet};

use crate::source::LeftOut;

/// Names of files, each given once, whatever the case.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A file name without ending for a record: its own where no other has it and all systems take it, at most 200 bytes long
    /// but for a number behind it.
    pub fn give(&mut self, record: &str) -> String {
        let plain = |letter: char| match letter {
            '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '{' | '}' | '[' | ']' | '#' => {
                '_'
            }
            letter if letter.is_control() || letter == char::REPLACEMENT_CHARACTER => '_',
            letter => letter,
        };
        let mut base: String = record.chars().map(plain).collect();
        // A name may not be longer, in bytes, with what is put behind it.
        while base.len() > 200 {
            base.pop();
        }
        let base = base.trim_end_matches(['.', ' ']);
        let base = match base.strip_prefix('.') {
            Some(rest) => format!("_{rest}"),
            None if base.is_empty() => "image".to_owned(),
            None => base.to_owned(),
        };
        let mut name = base.clone();
        for number in 2.. {
            if self.taken.insert(name.to_lowercase()) {
                break;
            }
            name = format!("{base}-{number}");
        }
        name
    }
}

/// Classes in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Classes {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

/// The class of objects that have none.
const NAMELESS: &str = "object";

impl Classes {
    /// The number of a class, from 0.
    pub(super) fn number(&mut self, name: Option<String>) -> usize {
        let name = name.unwrap_or_else(|| NAMELESS.to_owned());
        if let Some(&known) = self.numbers.get(&name) {
            return known;
        }
        self.numbers.insert(name.clone(), self.names.len());
        self.names.push(name);
        self.names.len() - 1
    }

    /// The names, by number.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

/// The classes, of shapes that keep none.
pub(super) fn without_classes(classes: &Classes) -> Vec<LeftOut> {
    let mut lost = LeftOut::none("classes whose names are in no file");
    if classes.names() != [NAMELESS] {
        classes.names().iter().for_each(|name| lost.add(|| name.clone()));
    }
    vec![lost]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_files_of_their_own() {
        let mut names = Names::default();
        let given: Vec<String> = ["a/b", "a_b", "A_B", ".x", "", "c:d?", "e. ", "e#1"]
            .into_iter()
            .map(|name| names.give(name))
            .collect();
        assert_eq!(given, ["a_b", "a_b-2", "A_B-3", "_x", "image", "c_d_", "e", "e_1"]);
        assert_eq!(names.give(&"ä".repeat(300)).len(), 200);
    }

    #[test]
    fn classes_are_numbered_as_they_come() {
        let mut classes = Classes::default();
        let numbers = [Some("b"), None, Some("a"), Some("b")]
            .map(|name| classes.number(name.map(str::to_owned)));
        assert_eq!(numbers, [0, 1, 2, 0]);
        assert_eq!(classes.names(), ["b", "object", "a"]);
    }
}
