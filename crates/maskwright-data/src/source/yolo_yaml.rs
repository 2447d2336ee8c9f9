//! YOLO's `data.yaml`: which folders or lists hold the images, and what the classes are called.
//!
//! ```yaml
//! path: ../leaves        # optional; the folder that the others are relative to
//! train: images/train    # a folder, a list of images (.txt), or several of them
//! val: images/val
//! names:                 # or a list: [leaf, root]
//!   0: leaf
//!   1: root
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::YoloSplit;
use super::bytes::read_text;
use crate::error::{Error, Result};

/// A file above this many bytes is not read: it holds names and folders.
const LARGEST: u64 = 4 << 20;

/// What a file says.
#[derive(Debug)]
pub(super) struct DataYaml {
    file: PathBuf,
    /// The folder that places are relative to.
    base: PathBuf,
    splits: BTreeMap<String, Vec<String>>,
    /// Names of the classes by their numbers.
    pub(super) names: BTreeMap<u32, String>,
}

impl DataYaml {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is no YAML or has a value of another type.
    pub(super) fn read(file: &Path) -> Result<DataYaml> {
        let text =
            read_text(file, LARGEST).map_err(|source| Error::Read { file: file.into(), source })?;
        let mut yaml = DataYaml::parse(&text, file)?;
        let home = file.parent().unwrap_or(Path::new(""));
        // A path of another machine is passed over, as is one from which nothing can be reached.
        let base = home.join(&yaml.base);
        yaml.base = if base.is_dir() { base } else { home.into() };
        Ok(yaml)
    }

    /// Parses a text; `file` is named in errors.
    pub(super) fn parse(text: &str, file: &Path) -> Result<DataYaml> {
        let wrong = |place: &str, message: String| Error::AnnotationFile {
            file: file.into(),
            place: place.into(),
            message,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let value: Value = serde_saphyr::from_str(text).map_err(|error| {
            let reason = error.without_snippet().to_string();
            wrong("", format!("expected YOLO's data.yaml: {}", reason.trim_end()))
        })?;
        let Value::Object(keys) = value else {
            return Err(wrong("", "expected YOLO's data.yaml with train, val and names".into()));
        };
        let mut yaml = DataYaml {
            file: file.into(),
            base: PathBuf::new(),
            splits: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        for (key, value) in keys {
            match key.as_str() {
                "path" => {
                    let [path] = &texts(&value).map_err(|found| wrong(&key, found))?[..] else {
                        continue;
                    };
                    yaml.base = PathBuf::from(slashes(path));
                }
                "train" | "val" | "test" => {
                    let places = texts(&value).map_err(|found| wrong(&key, found))?;
                    if !places.is_empty() {
                        yaml.splits.insert(key, places);
                    }
                }
                "names" => yaml.names = names(&value).map_err(|found| wrong("names", found))?,
                _ => {}
            }
        }
        Ok(yaml)
    }

    /// Whether the file has a split at all.
    pub(super) fn has(&self, split: YoloSplit) -> bool {
        self.splits.contains_key(&split.to_string())
    }

    /// Whether two splits name the same places.
    pub(super) fn same(&self, one: YoloSplit, other: YoloSplit) -> bool {
        self.splits.get(&one.to_string()) == self.splits.get(&other.to_string())
    }

    /// The folders and lists of a split.
    ///
    /// # Errors
    ///
    /// A split that the file does not have, a place that is not there.
    pub(super) fn places(&self, split: YoloSplit) -> Result<Vec<PathBuf>> {
        let split = split.to_string();
        let Some(places) = self.splits.get(&split) else {
            let found: Vec<&str> = self.splits.keys().map(String::as_str).collect();
            return Err(Error::AnnotationFile {
                file: self.file.clone(),
                place: String::new(),
                message: format!(
                    "expected `{split}`, the images of the split {split}, found {}",
                    if found.is_empty() { "no split".into() } else { found.join(", ") }
                ),
            });
        };
        places.iter().map(|place| self.place(&split, place)).collect()
    }

    fn place(&self, split: &str, place: &str) -> Result<PathBuf> {
        let named = slashes(place);
        let home = self.file.parent().unwrap_or(Path::new(""));
        // Roboflow writes "../train/images" where "train/images" is meant, and YOLO's own reader corrects it.
        let inner = named.trim_start_matches("../");
        let candidates =
            [self.base.join(&named), home.join(&named), self.base.join(inner), home.join(inner)];
        candidates.into_iter().find(|path| path.exists()).ok_or_else(|| Error::AnnotationFile {
            file: self.file.clone(),
            place: split.into(),
            message: format!(
                "expected a folder of images or a list of them, found \"{place}\", which is neither in {} nor beside this file",
                self.base.display()
            ),
        })
    }
}

/// Folders divided by slashes, whoever wrote them.
pub(super) fn slashes(path: &str) -> String {
    path.replace('\\', "/")
}

/// A text, or a list of texts; none for null.
fn texts(value: &Value) -> std::result::Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("expected a path or a list of paths, found {other}")),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

/// Names by number: a list, or a mapping.
fn names(value: &Value) -> std::result::Result<BTreeMap<u32, String>, String> {
    let name = |value: &Value| match value {
        Value::String(name) => Ok(name.clone()),
        Value::Number(_) | Value::Bool(_) | Value::Null => Ok(value.to_string()),
        other => Err(format!("expected a name for each class, found {other}")),
    };
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Array(list) => {
            (0..).zip(list).map(|(number, value)| Ok((number, name(value)?))).collect()
        }
        Value::Object(map) => map
            .iter()
            .map(|(number, value)| {
                let number = number.trim().parse().map_err(|_| {
                    format!("expected numbers of classes as keys, found \"{number}\"")
                })?;
                Ok((number, name(value)?))
            })
            .collect(),
        other => Err(format!("expected a list of names or names by number, found {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn parse(text: &str) -> Result<DataYaml> {
        DataYaml::parse(text, "data.yaml".as_ref())
    }

    #[test]
    fn all_spellings_read() {
        let yaml = parse("# a set\npath: ..\\sets\\leaves\ntrain: [a, b.txt]\nval: images/val # held out\ntest:\nnc: 3\nnames:\n  0: leaf\n  2: 'root: old'\n  1: 7\n").unwrap();
        assert_eq!(yaml.base, PathBuf::from("../sets/leaves"));
        assert!(
            yaml.has(YoloSplit::Train) && yaml.has(YoloSplit::Val) && !yaml.has(YoloSplit::Test)
        );
        assert_eq!(yaml.splits["train"], ["a", "b.txt"]);
        assert_eq!(yaml.names.values().collect::<Vec<_>>(), ["leaf", "7", "root: old"]);
        let yaml =
            parse("train: ../train/images\nval: ../train/images\nnames: ['leaf', root]\n").unwrap();
        assert_eq!(yaml.names, BTreeMap::from([(0, "leaf".into()), (1, "root".into())]));
        assert!(yaml.same(YoloSplit::Train, YoloSplit::Val));
    }

    #[test]
    fn other_files_are_refused() {
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        let texts = [
            "- a\n",
            "a: [",
            "train: {a: b}\n",
            "names: leaf\n",
            "names: {leaf: 0}\n",
            "names: [[leaf]]\n",
        ];
        assert_snapshot!(texts.map(refused).join("\n"), @r#"
            data.yaml: expected YOLO's data.yaml with train, val and names
            data.yaml: expected YOLO's data.yaml: unclosed bracket '[' at line 1, column 4
            data.yaml, train: expected a path or a list of paths, found {"a":"b"}
            data.yaml, names: expected a list of names or names by number, found "leaf"
            data.yaml, names: expected numbers of classes as keys, found "leaf"
            data.yaml, names: expected a name for each class, found ["leaf"]
            "#);
        let error = parse("val: x\n").unwrap().places(YoloSplit::Train).unwrap_err();
        assert_snapshot!(error, @"data.yaml: expected `train`, the images of the split train, found val");
    }
}
