//! A line put into a data file, where everything else stays as it was written: comments, order, blank lines.

use std::io;
use std::path::{Path, PathBuf};

use maskwright_data::source::DataFile;

use crate::error::{Error, Result};

/// Lines around a change that are shown.
const AROUND: usize = 2;

/// A change of a data file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    file: PathBuf,
    before: String,
    after: String,
    /// The line that comes.
    pub(super) line: String,
    /// The change as it is shown.
    pub(super) diff: String,
}

impl Edit {
    /// Puts a line into the table of a set; a line of the same key goes. None where the set or its place is not found, or
    /// the data file would not be one any more.
    pub(super) fn of(file: &Path, text: &str, list: &str, set: &str, line: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let key = line.split('=').next()?.trim();
        let header = format!("[[{list}]]");
        let is_header = |line: &str| line.trim_start().starts_with('[');
        let (start, end) = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.split('#').next().unwrap_or_default().trim() == header)
            .map(|(at, _)| {
                let rest = lines[at + 1..].iter().position(|line| is_header(line));
                (at + 1, rest.map_or(lines.len(), |length| at + 1 + length))
            })
            .find(|&(start, end)| {
                let table: Option<toml::Table> = lines[start..end].join("\n").parse().ok();
                let name = table.as_ref().and_then(|table| table.get("name"));
                name.and_then(toml::Value::as_str) == Some(set)
            })?;
        let has_key = |line: &&str| {
            line.trim_start()
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let (from, to) = match lines[start..end].iter().position(has_key) {
            Some(at) => {
                let from = start + at;
                // A value may go over several lines.
                let whole = (from + 1..=end)
                    .find(|&to| lines[from..to].join("\n").parse::<toml::Table>().is_ok())?;
                (from, whole)
            }
            None => {
                let last = lines[start..end].iter().rposition(|line| {
                    let line = line.trim();
                    !line.is_empty() && !line.starts_with('#')
                })?;
                (start + last + 1, start + last + 1)
            }
        };
        let mut after: Vec<&str> = lines[..from].to_vec();
        after.push(line);
        after.extend(&lines[to..]);
        let after = after.join("\n") + "\n";
        DataFile::parse(&after, file).ok()?;
        let shown = |sign: char, lines: &[&str]| -> String {
            lines.iter().map(|line| format!("{sign}{line}\n")).collect()
        };
        let diff = shown(' ', &lines[from.saturating_sub(AROUND)..from])
            + &shown('-', &lines[from..to])
            + &shown('+', &[line])
            + &shown(' ', &lines[to..(to + AROUND).min(lines.len())]);
        Some(Self {
            file: file.to_path_buf(),
            before: text.to_owned(),
            after,
            line: line.to_owned(),
            diff,
        })
    }

    /// Writes the file, if it still is what it was.
    ///
    /// # Errors
    /// [`Error::Busy`] where it was changed meanwhile, [`Error::Io`].
    pub(super) fn write(&self, write: impl FnOnce(&Path, &str) -> io::Result<()>) -> Result<()> {
        let now = std::fs::read_to_string(&self.file).map_err(Error::io(&self.file, "read"))?;
        if now != self.before {
            return Err(Error::Busy {
                what: self.file.display().to_string(),
                reason: "it was changed meanwhile; have it examined again".into(),
            });
        }
        write(&self.file, &self.after).map_err(Error::io(&self.file, "write"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# my data
[[train]]
name = \"a\"
images = \"i\"
masks = \"m\"   # here

[[train]] # more
name = \"b\"
images = \"i\"
masks = \"m\"
exclude = [
  \"x\",
]

[[valid]]
name = \"a\"
images = \"v\"
masks = \"m\"
";

    fn edit(list: &str, set: &str, line: &str) -> Option<Edit> {
        Edit::of(Path::new("data.toml"), TEXT, list, set, line)
    }

    #[test]
    fn a_line_comes_and_all_else_stays() {
        let edit = edit("train", "a", "mask_kind = \"instances\"").expect("a change");
        insta::assert_snapshot!(edit.diff, @r#"
         images = "i"
         masks = "m"   # here
        +mask_kind = "instances"
         
         [[train]] # more
        "#);
        assert_eq!(edit.after.lines().count(), TEXT.lines().count() + 1);
        assert!(edit.after.starts_with("# my data\n[[train]]\nname = \"a\"\n"));
    }

    #[test]
    fn a_line_replaces_what_goes_over_several() {
        let edit = edit("train", "b", "exclude = [\"x\", \"y\"]").expect("a change");
        insta::assert_snapshot!(edit.diff, @r#"
         images = "i"
         masks = "m"
        -exclude = [
        -  "x",
        -]
        +exclude = ["x", "y"]
         
         [[valid]]
        "#);
    }

    #[test]
    fn what_would_be_no_data_file_is_no_change() {
        assert_eq!(edit("train", "c", "invert = true"), None);
        assert_eq!(edit("valid", "b", "invert = true"), None);
        assert_eq!(edit("train", "a", "no_such_key = 1"), None);
        let last = edit("valid", "a", "invert = true").expect("a change");
        assert!(last.after.ends_with("masks = \"m\"\ninvert = true\n"));
    }

    #[test]
    fn a_file_that_changed_is_left_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("data.toml");
        std::fs::write(&file, TEXT).expect("written");
        let edit = Edit::of(&file, TEXT, "train", "a", "invert = true").expect("a change");
        std::fs::write(&file, "# other\n").expect("written");
        assert!(matches!(edit.write(|_, _| Ok(())), Err(Error::Busy { .. })));
        std::fs::write(&file, TEXT).expect("written");
        let full = || Err(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(edit.write(|_, _| full()), Err(Error::Io { .. })));
        assert_eq!(std::fs::read_to_string(&file).expect("read"), TEXT);
    }
}
