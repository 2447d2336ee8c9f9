//! Where the files are that an annotation file lists: as the machine that wrote it called them, in a folder of this one.
//!
//! A name may have the separators of Windows, begin with `./` or a drive, be the path of another machine, or be an address
//! with its escapes. It is looked for as it is, below the folder, and then with fewer and fewer of its first folders; the
//! latter only where no other listed name ends alike, for one file cannot be two images.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Component, Path};
use std::sync::OnceLock;

use super::annotation::CocoFile;
use super::bytes::path_from_bytes;

/// The names that a file lists, by number.
pub(super) trait NameList {
    /// How many.
    fn count(&self) -> usize;

    /// One of them.
    fn name(&self, number: usize) -> &[u8];

    /// Whether the names are ids, which files may have at the end of their stems.
    fn are_ids(&self) -> bool {
        false
    }
}

impl NameList for CocoFile {
    fn count(&self) -> usize {
        self.images.len()
    }

    fn name(&self, number: usize) -> &[u8] {
        self.name(&self.images[number])
    }

    fn are_ids(&self) -> bool {
        self.results
    }
}

impl NameList for Vec<String> {
    fn count(&self) -> usize {
        self.len()
    }

    fn name(&self, number: usize) -> &[u8] {
        self[number].as_bytes()
    }
}

/// Ids as names.
pub(super) struct IdList(pub(super) Vec<String>);

impl NameList for IdList {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn name(&self, number: usize) -> &[u8] {
        self.0[number].as_bytes()
    }

    fn are_ids(&self) -> bool {
        true
    }
}

/// The folder of a file's images.
pub(super) struct Listed<'a, L> {
    folder: &'a Path,
    /// The names of the folders that lead to it.
    above: Vec<String>,
    names: &'a L,
    /// Numbers of the images by the last part of their names.
    ends: OnceLock<HashMap<String, Vec<usize>>>,
    /// Names of the files in the folder by their stems and by the numbers in their stems, for a list of results.
    stems: OnceLock<Stems>,
}

type Stems = (HashMap<String, Vec<String>>, HashMap<u64, Vec<String>>);

/// What was found of a listed name.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The file's name in the folder.
    File(String),
    /// Nothing.
    Absent,
    /// A file that could be another image of this number as well.
    Shared { file: String, with: usize },
}

impl<'a, L: NameList> Listed<'a, L> {
    pub(super) fn new(folder: &'a Path, names: &'a L) -> Listed<'a, L> {
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
        let above = whole.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        });
        let above = above.collect();
        Listed { folder, above, names, ends: OnceLock::new(), stems: OnceLock::new() }
    }

    /// Finds the file of the image of a number.
    pub(super) fn find(&self, number: usize) -> Found {
        let listed = self.names.name(number);
        if self.there(listed) {
            return Found::File(String::from_utf8_lossy(listed).into_owned());
        }
        let listed = String::from_utf8_lossy(listed);
        let unescaped = without_escapes(&listed);
        let mut found = self.by_parts(number, &listed);
        if found == Found::Absent && unescaped != listed {
            found = self.by_parts(number, &unescaped);
        }
        if found == Found::Absent && self.names.are_ids() {
            found = self.by_id(number, &listed);
        }
        found
    }

    fn by_parts(&self, number: usize, listed: &str) -> Found {
        let parts = parts_of(listed);
        let joined = |from: usize| parts[from..].join("/");
        // The name may begin with the folder's own: "val2017/1.jpg" in ".../val2017".
        let relative = !listed.starts_with(['/', '\\']);
        let own = (1..parts.len())
            .rev()
            .filter(|&to| relative && self.above.ends_with(&parts[..to]))
            .map(joined);
        if let Some(file) =
            std::iter::once(joined(0)).chain(own).find(|name| self.there(name.as_bytes()))
        {
            return Found::File(file);
        }
        let shorter = (1..parts.len()).find(|&from| self.there(joined(from).as_bytes()));
        let Some(from) = shorter else { return Found::Absent };
        match self.other_like(number, &parts[from..]) {
            Some(with) => Found::Shared { file: joined(from), with },
            None => Found::File(joined(from)),
        }
    }

    /// Another image whose name ends in these parts.
    fn other_like(&self, number: usize, end: &[String]) -> Option<usize> {
        let name = |number: usize| {
            let listed = String::from_utf8_lossy(self.names.name(number));
            parts_of(&without_escapes(&listed))
        };
        let ends = self.ends.get_or_init(|| {
            let mut ends: HashMap<String, Vec<usize>> = HashMap::new();
            for number in 0..self.names.count() {
                if let Some(last) = name(number).pop() {
                    ends.entry(last).or_default().push(number);
                }
            }
            ends
        });
        let end: Vec<String> = end.iter().map(|part| without_escapes(part).into_owned()).collect();
        let alike = ends.get(end.last()?)?;
        alike.iter().copied().find(|&other| other != number && name(other).ends_with(&end))
    }

    /// The file whose name an image's id says: its stem, or a number in it as in `COCO_val2014_000000000007.jpg`.
    fn by_id(&self, number: usize, id: &str) -> Found {
        let (stems, numbers) = self.stems.get_or_init(|| stems_of(self.folder));
        let by_number = || numbers.get(&id.parse().ok()?);
        match stems.get(id).or_else(by_number).map(Vec::as_slice) {
            Some([one]) => Found::File(one.clone()),
            Some([first, ..]) => Found::Shared { file: first.clone(), with: number },
            _ => Found::Absent,
        }
    }

    /// Whether a name is that of a file below the folder; a name that leads out of it is as good as not there.
    fn there(&self, name: &[u8]) -> bool {
        let path = path_from_bytes(name);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        inside && !name.is_empty() && self.folder.join(&path).is_file()
    }
}

/// The folders and the file of a name: without drives, `.` and what is before `..`, and without what an address asks for.
fn parts_of(listed: &str) -> Vec<String> {
    // Label Studio's address of a local file has its path behind the question mark.
    let path = match listed.split_once("?d=") {
        Some((_, path)) => path,
        None if listed.contains("://") => listed.split(['?', '#']).next().unwrap_or(listed),
        None => listed,
    };
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => parts.clear(),
            drive if parts.is_empty() && drive.ends_with(':') => {}
            part => parts.push(part.to_owned()),
        }
    }
    parts
}

/// A text with each `%20` and the like made the byte that it stands for; as it is where that makes no text.
fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let digits =
            after.get(..2).filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let byte =
            digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The image files of a folder by their stems, and by the numbers that end these. What cannot be listed has none.
fn stems_of(folder: &Path) -> Stems {
    let (mut stems, mut numbers): Stems = Default::default();
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names {
        let Some((stem, ending)) = name.rsplit_once('.') else { continue };
        let notes = ["json", "txt", "xml", "csv", "toml", "yaml", "yml", "md"];
        if stem.is_empty() || notes.iter().any(|note| ending.eq_ignore_ascii_case(note)) {
            continue;
        }
        let digits =
            stem.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        let whole =
            stem.strip_suffix(digits).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
        if let Some(number) = digits.parse().ok().filter(|_| whole) {
            numbers.entry(number).or_default().push(name.clone());
        }
        stems.entry(stem.to_owned()).or_default().push(name.clone());
    }
    (stems, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (listed, parts) in [
            ("a.jpg", "a.jpg"),
            ("images\\train\\a.jpg", "images|train|a.jpg"),
            ("./x//a.jpg", "x|a.jpg"),
            ("C:\\Users\\me\\a.jpg", "Users|me|a.jpg"),
            ("/home/me/a b.jpg", "home|me|a b.jpg"),
            ("../other/a.jpg", "other|a.jpg"),
            ("https://host/b/a.jpg?token=1/2#x", "host|b|a.jpg"),
            ("/data/local-files/?d=set/a.jpg", "set|a.jpg"),
            ("is it?.jpg", "is it?.jpg"),
        ] {
            let found = parts_of(listed).join("|");
            let found = found.strip_prefix("https:|").unwrap_or(&found).to_owned();
            assert_eq!(found, parts, "{listed}");
        }
        assert_eq!(without_escapes("a%20b%C3%A9%2Fc"), "a bé/c");
        for odd in ["50%.jpg", "%zz", "%f", "%FF"] {
            assert_eq!(without_escapes(odd), odd);
        }
    }
}
