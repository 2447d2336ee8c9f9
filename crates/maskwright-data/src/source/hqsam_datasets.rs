//! Data sets as HQ-SAM's `train.py` lists them: dictionaries of `name`, `im_dir`, `gt_dir`, `im_ext` and `gt_ext`.
//!
//! Such a file is `train.py` itself or a part of it, of which nothing is run, or JSON:
//!
//! ```text
//! dataset_dis = {"name": "DIS5K-TR", "im_dir": "./data/DIS5K/DIS-TR/im", "gt_dir": "./data/DIS5K/DIS-TR/gt",
//!                "im_ext": ".jpg", "gt_ext": ".png"}
//! train_datasets = [dataset_dis]
//! ```

use std::collections::HashMap;
use std::path::Path;

use super::bytes::read_file;
use super::{DataFile, Extensions, PairsKeys, SetKind, SetSpec, Unmatched};
use crate::error::{Error, Result};

/// A literal of Python or JSON.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Dict(Dict),
    List(Vec<Value>),
    /// The name of a variable.
    Name(String),
    /// A number, or anything else that stands for a value.
    Other(String),
}

#[derive(Debug, Clone, PartialEq)]
struct Dict {
    /// Where it begins, from 1.
    line: usize,
    entries: Vec<(String, Value)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Sign(char),
}

/// The sets that a file of HQ-SAM's dictionaries names. `train_datasets` are trained on and `valid_datasets` validate; in JSON
/// `train` and `valid`, too. Where there is no such list, all dictionaries with an `im_dir` are trained on.
///
/// Relative paths are relative to the folder of the file. Images without a mask are left out, as in the reference.
///
/// # Errors
///
/// A file that cannot be read, that has no such dictionary, or one of which lacks a folder; names in a list that are no
/// dictionaries.
pub fn hqsam_datasets(file: &Path) -> Result<DataFile> {
    let mut bytes = Vec::new();
    read_file(file, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut data = read(&text).map_err(|(line, message)| Error::AnnotationFile {
        file: file.into(),
        place: if line == 0 { String::new() } else { format!("line {line}") },
        message,
    })?;
    data.rebase(file.parent().unwrap_or(Path::new("")));
    Ok(data)
}

/// A line, 0 for none, and what is wrong with it.
type Flaw = (usize, String);

fn read(text: &str) -> Result<DataFile, Flaw> {
    let tokens = tokens(text);
    let (mut known, mut lists): (HashMap<String, Value>, Vec<(bool, Value)>) = Default::default();
    let mut alone = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let named = match &tokens[at..] {
            [(Token::Word(name), _), (Token::Sign('='), _), (Token::Sign('{' | '['), _), ..] => {
                Some(name.clone())
            }
            _ => None,
        };
        let begins = matches!(tokens[at].0, Token::Sign('{' | '['));
        if named.is_none() && !(begins && at == 0) {
            at += 1;
            continue;
        }
        at += if named.is_some() { 2 } else { 0 };
        let Some(value) = value(&tokens, &mut at) else { continue };
        match (named.as_deref(), value) {
            (Some("train_datasets"), list) => lists.push((true, list)),
            (Some("valid_datasets"), list) => lists.push((false, list)),
            (Some(name), value) => {
                alone.push(value.clone());
                known.insert(name.to_owned(), value);
            }
            // JSON: a set, or lists of sets.
            (None, Value::Dict(dict)) if dict.text("im_dir").is_none() => {
                for (key, list) in dict.entries {
                    match key.as_str() {
                        "train" | "train_datasets" => lists.push((true, list)),
                        "valid" | "val" | "valid_datasets" => lists.push((false, list)),
                        _ => {}
                    }
                }
            }
            (None, value) => lists.push((true, value)),
        }
    }
    if lists.is_empty() {
        let is_set =
            |value: &Value| matches!(value, Value::Dict(dict) if dict.get("im_dir").is_some());
        alone.retain(is_set);
        lists.push((true, Value::List(alone)));
    }
    let mut data = DataFile::default();
    for (trains, list) in lists {
        let list = match list {
            Value::List(list) => list,
            one => vec![one],
        };
        for entry in list {
            let set = match entry {
                Value::Dict(dict) => dict.set()?,
                Value::Name(name) => match known.get(&name) {
                    Some(Value::Dict(dict)) => dict.set()?,
                    _ => {
                        return Err((
                            0,
                            format!("{name}: expected a dictionary of that name, found none"),
                        ));
                    }
                },
                Value::Text(found) | Value::Other(found) => {
                    let expected = "expected dictionaries in the list of sets";
                    return Err((0, format!("{expected}, found {found}")));
                }
                Value::List(_) => {
                    let message = "expected dictionaries in the list of sets, found a list in it";
                    return Err((0, message.into()));
                }
            };
            if trains { data.train.push(set) } else { data.valid.push(set) }
        }
    }
    match data.train.is_empty() && data.valid.is_empty() {
        true => Err((
            0,
            "expected HQ-SAM's dictionaries of name, im_dir, gt_dir, im_ext and gt_ext, found none"
                .into(),
        )),
        false => Ok(data),
    }
}

impl Dict {
    fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The set that it describes.
    fn set(&self) -> Result<SetSpec, Flaw> {
        let needed = |key: &str| {
            self.text(key).filter(|text| !text.is_empty()).ok_or_else(|| {
                let found = match self.get(key) {
                    Some(Value::Name(name) | Value::Other(name)) => name.clone(),
                    Some(_) => "another value".to_owned(),
                    None => "none".to_owned(),
                };
                (self.line, format!("{key}: expected a folder in quotes, found {found}"))
            })
        };
        let (images, masks) = (needed("im_dir")?, needed("gt_dir")?);
        let ending = |key: &str| {
            let ending = self.text(key)?.trim_start_matches('.').to_lowercase();
            (!ending.is_empty()).then(|| Extensions::from_iter([ending]))
        };
        let keys = PairsKeys {
            images: images.into(),
            masks: masks.into(),
            image_ext: ending("im_ext"),
            mask_ext: ending("gt_ext"),
            ..PairsKeys::default()
        };
        let name = self.text("name").unwrap_or(images);
        Ok(SetSpec { unmatched: Unmatched::Skip, ..SetSpec::new(name, SetKind::Pairs(keys)) })
    }
}

/// The value that begins at a token, `at` moved behind it; none where a bracket is not closed.
fn value(tokens: &[(Token, usize)], at: &mut usize) -> Option<Value> {
    let (token, line) = tokens.get(*at)?;
    *at += 1;
    let close = match token {
        Token::Text(text) => return Some(Value::Text(text.clone())),
        Token::Word(word) if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            return Some(Value::Name(word.clone()));
        }
        Token::Word(word) => return Some(Value::Other(word.clone())),
        Token::Sign('{') => '}',
        Token::Sign('[') => ']',
        Token::Sign(sign) => return Some(Value::Other(sign.to_string())),
    };
    let (mut list, mut entries) = (Vec::new(), Vec::new());
    loop {
        match &tokens.get(*at)?.0 {
            Token::Sign(sign) if *sign == close => {
                *at += 1;
                break;
            }
            Token::Sign(',') => *at += 1,
            _ => {
                let item = value(tokens, at)?;
                if close == '}' && matches!(tokens.get(*at)?.0, Token::Sign(':')) {
                    *at += 1;
                    let held = value(tokens, at)?;
                    if let Value::Text(key) = item {
                        entries.push((key, held));
                    }
                } else {
                    list.push(item);
                }
            }
        }
    }
    Some(match close {
        '}' => Value::Dict(Dict { line: *line, entries }),
        _ => Value::List(list),
    })
}

/// Texts, words and signs with their lines; comments are passed over.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let mut found = Vec::new();
    let (mut letters, mut line) = (text.trim_start_matches('\u{feff}').chars().peekable(), 1);
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => line += 1,
            letter if letter.is_whitespace() => {}
            '#' => while letters.next_if(|&letter| letter != '\n').is_some() {},
            quote @ ('"' | '\'') => {
                let (mut text, begin) = (String::new(), line);
                while let Some(letter) = letters.next().filter(|&letter| letter != quote) {
                    line += usize::from(letter == '\n');
                    match letter {
                        '\\' => text.extend(letters.next()),
                        letter => text.push(letter),
                    }
                }
                found.push((Token::Text(text), begin));
            }
            letter if letter.is_alphanumeric() || letter == '_' => {
                let mut word = String::from(letter);
                while let Some(next) =
                    letters.next_if(|&next| next.is_alphanumeric() || next == '_')
                {
                    word.push(next);
                }
                found.push((Token::Word(word), line));
            }
            sign => found.push((Token::Sign(sign), line)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn shown(text: &str) -> String {
        match read(text) {
            Ok(data) => {
                let set = |role: &str, set: &SetSpec| {
                    let SetKind::Pairs(keys) = &set.kind else { return String::new() };
                    format!(
                        "{role} {}: {} + {} {:?} {:?}\n",
                        set.name,
                        keys.images.display(),
                        keys.masks.display(),
                        keys.image_ext.as_ref().map(|ext| ext.iter().collect::<Vec<_>>()),
                        keys.mask_ext.as_ref().map(|ext| ext.iter().collect::<Vec<_>>())
                    )
                };
                let train = data.train.iter().map(|spec| set("train", spec));
                train.chain(data.valid.iter().map(|spec| set("valid", spec))).collect()
            }
            Err((line, message)) => format!("line {line}: {message}"),
        }
    }

    const SCRIPT: &str = r#"
if __name__ == "__main__":
    # {"name": "no"}
    args = get_args_parser()
    dataset_dis = {"name": "DIS5K-TR",
                 "im_dir": "./data/DIS5K/DIS-TR/im",
                 "gt_dir": './data/DIS5K/DIS-TR/gt',
                 "im_ext": ".jpg",
                 "gt_ext": ".png"}
    dataset_dis_val = {"name": "DIS5K-VD", "im_dir": "vd/im", "gt_dir": "vd/gt", "im_ext": ".JPG", "gt_ext": ".png"}
    unused = {"name": "x", "im_dir": "x", "gt_dir": "y"}
    train_datasets = [dataset_dis, ]
    valid_datasets = [dataset_dis_val]
    main(net, train_datasets, valid_datasets, args)
"#;

    #[test]
    fn train_py_is_read_as_it_is() {
        assert_snapshot!(shown(SCRIPT), @r#"
            train DIS5K-TR: ./data/DIS5K/DIS-TR/im + ./data/DIS5K/DIS-TR/gt Some(["jpg"]) Some(["png"])
            valid DIS5K-VD: vd/im + vd/gt Some(["jpg"]) Some(["png"])
            "#);
        let dictionaries = SCRIPT.split("train_datasets").next().unwrap();
        assert_eq!(read(dictionaries).unwrap().train.len(), 3);
    }

    #[test]
    fn json_is_read_in_any_arrangement() {
        let one = r#"{"name": "a", "im_dir": "C:\\im", "gt_dir": "gt", "im_ext": ".png", "gt_ext": ".png"}"#;
        let expected = "train a: C:\\im + gt Some([\"png\"]) Some([\"png\"])\n";
        assert_eq!(shown(one), expected);
        assert_eq!(shown(&format!("[{one}]")), expected);
        assert_eq!(
            shown(&format!("{{\"train\": [{one}], \"valid\": [{one}]}}")).lines().count(),
            2
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_snapshot!(shown(""), @"line 0: expected HQ-SAM's dictionaries of name, im_dir, gt_dir, im_ext and gt_ext, found none");
        assert_snapshot!(shown("a = 1\nb = {\"name\": \"b\", \"im_dir\": \"x\"}\n"), @"line 2: gt_dir: expected a folder in quotes, found none");
        assert_snapshot!(shown("\nb = {\"im_dir\": ROOT + \"x\", \"gt_dir\": \"y\"}\n"), @"line 2: im_dir: expected a folder in quotes, found ROOT");
        assert_snapshot!(shown("train_datasets = [other]"), @"line 0: other: expected a dictionary of that name, found none");
        assert_snapshot!(shown("train_datasets = [1]"), @"line 0: expected dictionaries in the list of sets, found 1");
        assert_snapshot!(shown("train_datasets = [{\"im_dir\""), @"line 0: expected HQ-SAM's dictionaries of name, im_dir, gt_dir, im_ext and gt_ext, found none");
    }
}
