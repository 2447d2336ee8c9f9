//! Files that list prompts on one image, as JSON:
//! `[{"box": [x0, y0, x1, y1], "points": [[x, y, label], ...], "mask": FILE, "mask_input": FILE}, ...]`.
//! Each part of a prompt may be left out.

use std::path::{Path, PathBuf};

use maskwright_data::prompt::Point;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::files::read_at_most;

/// The longest file that is read, which has a million prompts.
const MAX_BYTES: u64 = 64 << 20;

/// A prompt as a file has it. Coordinates are pixel indices of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptEntry {
    /// Left, top, right and bottom.
    pub box_xyxy: Option<[f32; 4]>,
    /// Points with the label 1 (on the object) or 0 (beside it).
    pub points: Vec<Point>,
    /// The file of a mask of the image's size; a relative name starts where the list lies.
    pub mask: Option<PathBuf>,
    /// The file of an earlier prediction's logits; a relative name starts where the list lies.
    pub mask_input: Option<PathBuf>,
}

/// The JSON of a prompt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Json {
    #[serde(rename = "box")]
    pub(crate) box_xyxy: Option<[f32; 4]>,
    #[serde(default)]
    pub(crate) points: Vec<(f32, f32, i32)>,
    pub(crate) mask: Option<PathBuf>,
    pub(crate) mask_input: Option<PathBuf>,
}

impl Json {
    /// The prompt, which has this number in its file; what was expected and found of one that is none.
    pub(crate) fn entry(self, number: usize) -> std::result::Result<PromptEntry, (String, String)> {
        let Json { box_xyxy, points, mask, mask_input } = self;
        if let Some(&(x, y, label)) = points.iter().find(|(_, _, label)| !matches!(label, 0 | 1)) {
            let expected = format!(
                "the label 1 (on the object) or 0 (beside it) for the point ({x}, {y}) of prompt \
                 {number}"
            );
            return Err((expected, label.to_string()));
        }
        if mask.is_some() && mask_input.is_some() {
            return Err((format!("mask or mask_input in prompt {number}"), "both".to_owned()));
        }
        let points = points.into_iter().map(|(x, y, label)| Point { x, y, label }).collect();
        Ok(PromptEntry { box_xyxy, points, mask, mask_input })
    }
}

/// Reads the prompts of a file, of which there is at least one.
///
/// # Errors
/// [`Error::Io`], and [`Error::Content`] for a file that is no such list.
pub fn read(file: &Path) -> Result<Vec<PromptEntry>> {
    parse(&read_at_most(file, MAX_BYTES)?, file)
}

/// As [`read`], of the bytes of `file`.
///
/// # Errors
/// [`Error::Content`].
pub fn parse(bytes: &[u8], file: &Path) -> Result<Vec<PromptEntry>> {
    let refuse = |(expected, found)| Error::Content { file: file.to_path_buf(), expected, found };
    let prompts: Vec<Json> = serde_json::from_slice(bytes).map_err(|error| {
        let expected = "a JSON list of prompts with box, points, mask, mask_input";
        refuse((expected.to_owned(), error.to_string()))
    })?;
    if prompts.is_empty() {
        return Err(refuse(("at least one prompt".to_owned(), "none".to_owned())));
    }
    let entries = prompts.into_iter().enumerate().map(|(number, one)| one.entry(number));
    entries.collect::<std::result::Result<_, _>>().map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_read_and_what_is_none_is_named() {
        let read = |text: &str| parse(text.as_bytes(), Path::new("p.json"));
        let text = r#"[{"box": [1, 2, 3.5, 4], "mask": "a.png"}, {"points": [[5, 6, 0]]}]"#;
        let whole = PromptEntry {
            box_xyxy: Some([1.0, 2.0, 3.5, 4.0]),
            points: Vec::new(),
            mask: Some("a.png".into()),
            mask_input: None,
        };
        let point = PromptEntry {
            box_xyxy: None,
            points: vec![Point { x: 5.0, y: 6.0, label: 0 }],
            mask: None,
            mask_input: None,
        };
        assert_eq!(read(text).expect("prompts"), [whole, point]);
        let refusals = [
            "",
            "[]",
            r#"[{"box": [1, 2, 3]}]"#,
            r#"[{"boxes": []}]"#,
            r#"[{}, {"points": [[1, 2, 7]]}]"#,
            r#"[{"mask": "a", "mask_input": "b"}]"#,
        ]
        .map(|text| read(text).expect_err("refused").to_string());
        insta::assert_snapshot!(refusals.join("\n"), @"
            p.json: expected a JSON list of prompts with box, points, mask, mask_input, found EOF while parsing a value at line 1 column 0
            p.json: expected at least one prompt, found none
            p.json: expected a JSON list of prompts with box, points, mask, mask_input, found invalid length 3, expected an array of length 4 at line 1 column 18
            p.json: expected a JSON list of prompts with box, points, mask, mask_input, found unknown field `boxes`, expected one of `box`, `points`, `mask`, `mask_input` at line 1 column 9
            p.json: expected the label 1 (on the object) or 0 (beside it) for the point (1, 2) of prompt 1, found 7
            p.json: expected mask or mask_input in prompt 0, found both
            ");
    }
}
