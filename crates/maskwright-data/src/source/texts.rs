//! Settings that are one text or a list of them: file endings, and names of files.

use serde::{Deserialize, Serialize};

/// File endings, lower case and without the dot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "Vec<String>")]
pub struct Extensions(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a file ending like \"png\" or a list of them")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Extensions {
    fn from(endings: OneOrMany) -> Extensions {
        match endings {
            OneOrMany::One(one) => [one].into_iter().collect(),
            OneOrMany::Many(many) => many.into_iter().collect(),
        }
    }
}

impl From<Extensions> for Vec<String> {
    fn from(endings: Extensions) -> Vec<String> {
        endings.0
    }
}

impl<S: AsRef<str>> FromIterator<S> for Extensions {
    fn from_iter<I: IntoIterator<Item = S>>(endings: I) -> Extensions {
        let tidy = |ending: S| ending.as_ref().trim_start_matches('.').to_lowercase();
        Extensions(endings.into_iter().map(tidy).collect())
    }
}

impl Extensions {
    /// The endings in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether a lower-case ending is one of them.
    pub fn contains(&self, ending: &str) -> bool {
        self.iter().any(|known| known == ending)
    }
}

/// Names of files, or patterns of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "NameOrNames", into = "Vec<String>")]
pub struct Patterns(pub Vec<String>);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a file's name like \"sa_{000..049}.tar\" or a list of them"
)]
enum NameOrNames {
    One(String),
    Many(Vec<String>),
}

impl Patterns {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<NameOrNames> for Patterns {
    fn from(patterns: NameOrNames) -> Patterns {
        match patterns {
            NameOrNames::One(one) => Patterns(vec![one]),
            NameOrNames::Many(many) => Patterns(many),
        }
    }
}

impl From<Patterns> for Vec<String> {
    fn from(patterns: Patterns) -> Vec<String> {
        patterns.0
    }
}
