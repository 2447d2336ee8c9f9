//! What the data holds that did not become records.

use maskwright_image::shown;
use serde::Serialize;

/// Something in the data that did not become a record, by the set's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LeftOut {
    /// What it is, in the plural: "images without a mask".
    pub what: String,
    /// How many.
    pub count: u64,
    /// The first of them, for a look.
    pub first: String,
}

impl LeftOut {
    /// None of them yet.
    pub fn none(what: &str) -> LeftOut {
        LeftOut { what: what.into(), count: 0, first: String::new() }
    }

    /// Adds those of another count.
    pub fn join(&mut self, other: LeftOut) {
        if self.count == 0 {
            self.first = other.first;
        }
        self.count += other.count;
    }

    /// Counts one; `name` is called for the first.
    pub fn add(&mut self, name: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = name();
        }
        self.count += 1;
    }
}

/// Says why a set has no record, by what was left out of it.
pub(super) fn why_none(left_out: &[LeftOut]) -> String {
    let left: Vec<String> = left_out.iter().map(LeftOut::to_string).collect();
    match left.is_empty() {
        true => "no image with an object".into(),
        false => format!("none: {}", left.join("; ")),
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.count, self.what)?;
        if self.first.is_empty() { Ok(()) } else { write!(f, " (first: {})", shown(&self.first)) }
    }
}
