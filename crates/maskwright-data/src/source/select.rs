//! Which records of a folder belong to a set: include and exclude patterns and a part.

use glob::{MatchOptions, Pattern};

use super::Part;
use crate::error::{Error, Result};

/// A selection by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    part: Option<Part>,
}

impl Selection {
    /// Compiles shell patterns (`*`, `?`, `[a-z]`); `set` is named in errors.
    pub(crate) fn new(
        set: &str,
        include: &[String],
        exclude: &[String],
        part: Option<Part>,
    ) -> Result<Selection> {
        let compile = |key: &str, patterns: &[String]| {
            let compile_one = |text: &String| {
                Pattern::new(text).map_err(|error| Error::Setting {
                    key: format!("{key} of set {set}"),
                    expected: "a pattern with *, ? or [a-z]".into(),
                    found: format!("\"{text}\" ({} at letter {})", error.msg, error.pos),
                })
            };
            patterns.iter().map(compile_one).collect::<Result<Vec<_>>>()
        };
        Ok(Selection {
            include: compile("include", include)?,
            exclude: compile("exclude", exclude)?,
            part,
        })
    }

    /// Whether patterns let a record through. They are compared with its name and with the name of
    /// its image file; no include pattern lets all through. The part is not considered.
    pub(crate) fn lets_through(&self, name: &str, file: &str) -> bool {
        self.lets_any_through(&[name, file])
    }

    /// As [`lets_through`](Selection::lets_through), of a record that has several names.
    pub(crate) fn lets_any_through(&self, names: &[&str]) -> bool {
        let options = MatchOptions::new();
        let any = |patterns: &[Pattern]| {
            patterns.iter().any(|p| names.iter().any(|name| p.matches_with(name, options)))
        };
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// Whether there are patterns.
    pub(crate) fn has_patterns(&self) -> bool {
        !self.include.is_empty() || !self.exclude.is_empty()
    }

    /// Whether only a part is taken.
    pub(crate) fn has_part(&self) -> bool {
        self.part.is_some()
    }

    /// The numbers of the names, all of which patterns let through, that are in the part; all where
    /// there is none.
    pub(crate) fn in_part<S: AsRef<str>>(&self, names: &[S]) -> Vec<usize> {
        match self.part {
            Some(part) => part.select(names),
            None => (0..names.len()).collect(),
        }
    }

    /// The settings in words, for errors.
    pub(crate) fn describe(&self) -> String {
        let list = |key: &str, patterns: &[Pattern]| {
            let texts: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
            (!texts.is_empty()).then(|| format!("{key} = {texts:?}"))
        };
        let part = self.part.map(|part| format!("part = \"{part}\""));
        let all = [list("include", &self.include), list("exclude", &self.exclude), part];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_and_files() {
        let list = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect::<Vec<_>>();
        let selection =
            Selection::new("s", &list(&["davis__*", "*.png"]), &list(&["*_0000?"]), None).unwrap();
        assert!(selection.lets_through("davis__dog_00057", "davis__dog_00057.jpg"));
        assert!(selection.lets_through("human__1", "human__1.png"));
        assert!(!selection.lets_through("human__1", "human__1.jpg"));
        assert!(!selection.lets_through("davis__dog_00007", "davis__dog_00007.jpg"));
        assert!(Selection::default().lets_through("any", "any.jpg"));
        let error = Selection::new("s", &list(&["a[b"]), &[], None).unwrap_err().to_string();
        insta::assert_snapshot!(error, @r#"include of set s: expected a pattern with *, ? or [a-z], found "a[b" (invalid range pattern at letter 1)"#);
    }
}
