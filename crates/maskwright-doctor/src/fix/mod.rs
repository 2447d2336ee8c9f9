//! The lines of a data file that settle findings.

mod hints;
mod rules;

use glob::Pattern;
use maskwright_data::source::SetSpec;

pub(super) use hints::Hints;
pub(super) use rules::{Situation, fix};

/// A change to a set's settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fix {
    /// A line as it stands.
    Line(String),
    /// These records are left out.
    Exclude(Vec<String>),
}

/// Colours and numbers that are written into a map.
const ENTRIES: usize = 12;

impl Fix {
    /// The line, with what the set excludes already; none for records that a set cannot exclude.
    pub(super) fn line(&self, spec: Option<&SetSpec>) -> Option<String> {
        match self {
            Fix::Line(line) => Some(line.clone()),
            Fix::Exclude(names) => {
                let spec = spec?;
                let new = names.iter().map(|name| Pattern::escape(name));
                let all: Vec<String> = spec.exclude.iter().cloned().chain(new).collect();
                let quoted: Vec<String> = all.iter().map(|name| quoted(name)).collect();
                Some(format!("exclude = [{}]", quoted.join(", ")))
            }
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests;
