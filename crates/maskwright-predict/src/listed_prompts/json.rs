//! Prompts in JSON: COCO's results and instances, and prompts of our own form, as a list or line by line.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Id, List, ListedPrompt};
use crate::error::Result;
use crate::prompt_file::{Json, PromptEntry};

/// What our own prompts have.
const OURS: &str = "image, box, points, mask, mask_input, id, score, category_id";

/// A prompt of our own form: what [`prompt_file`](crate::prompt_file) reads, with the image and what the results keep.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    image: String,
    #[serde(rename = "box")]
    box_xyxy: Option<[f32; 4]>,
    #[serde(default)]
    points: Vec<(f32, f32, i32)>,
    mask: Option<PathBuf>,
    mask_input: Option<PathBuf>,
    id: Option<Id>,
    score: Option<f64>,
    category_id: Option<Id>,
}

/// COCO's result or annotation, of which more than the box may be told.
#[derive(Deserialize)]
struct Coco {
    image_id: Id,
    bbox: [f64; 4],
    id: Option<Id>,
    score: Option<f64>,
    category_id: Option<Id>,
}

/// What tells the two apart.
#[derive(Deserialize)]
struct Probe {
    image_id: Option<serde::de::IgnoredAny>,
}

/// COCO's instances file.
#[derive(Deserialize)]
struct Instances {
    images: Vec<Image>,
    annotations: Vec<Coco>,
}

/// One of COCO's images.
#[derive(Deserialize)]
pub(super) struct Image {
    pub(super) id: Id,
    pub(super) file_name: String,
}

pub(super) fn read(bytes: &[u8], list: &mut List<'_>) -> Result<()> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let found: Instances = serde_json::from_slice(bytes).map_err(|error| {
            list.wrong("a list of prompts, or COCO's images and annotations", error)
        })?;
        let names = names(found.images);
        for (number, one) in found.annotations.into_iter().enumerate() {
            let Some(name) = names.get(&one.image_id) else {
                let expected = format!("one of its images as the image_id of annotation {number}");
                return Err(list.wrong(&expected, one.image_id));
            };
            add_coco(one, Some(name.clone()), number, list)?;
        }
        return Ok(());
    }
    let probes: Vec<Probe> =
        serde_json::from_slice(bytes).map_err(|error| list.wrong("a JSON list", error))?;
    if probes.first().is_some_and(|first| first.image_id.is_some()) {
        let found: Vec<Coco> = serde_json::from_slice(bytes).map_err(|error| {
            list.wrong("COCO's results with image_id, bbox, score, category_id", error)
        })?;
        return found
            .into_iter()
            .enumerate()
            .try_for_each(|(number, one)| add_coco(one, None, number, list));
    }
    let found: Vec<Ours> = serde_json::from_slice(bytes)
        .map_err(|error| list.wrong(&format!("prompts with {OURS}"), error))?;
    found.into_iter().enumerate().try_for_each(|(number, one)| add_ours(one, number, list))
}

fn names(images: Vec<Image>) -> HashMap<Id, String> {
    images.into_iter().map(|image| (image.id, image.file_name)).collect()
}

pub(super) fn read_lines(bytes: &[u8], list: &mut List<'_>) -> Result<()> {
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let at = number + 1;
        let wrong = |error: serde_json::Error, list: &List<'_>| {
            list.wrong(&format!("a prompt with {OURS}, or COCO's result, in line {at}"), error)
        };
        let probe: Probe = serde_json::from_slice(line).map_err(|error| wrong(error, list))?;
        if probe.image_id.is_some() {
            let one = serde_json::from_slice(line).map_err(|error| wrong(error, list))?;
            add_coco(one, None, number, list)?;
        } else {
            let one = serde_json::from_slice(line).map_err(|error| wrong(error, list))?;
            add_ours(one, number, list)?;
        }
    }
    Ok(())
}

/// A box of COCO covers pixels from its corner on, so that the last one is a width less one away.
fn add_coco(one: Coco, name: Option<String>, number: usize, list: &mut List<'_>) -> Result<()> {
    let [x, y, width, height] = one.bbox;
    let corners = [x, y, x + (width - 1.0).max(0.0), y + (height - 1.0).max(0.0)];
    let image = name.unwrap_or_else(|| one.image_id.to_string());
    let prompt = ListedPrompt {
        id: one.id,
        score: one.score,
        category_id: one.category_id,
        entry: PromptEntry {
            box_xyxy: Some(corners.map(|corner| corner as f32)),
            points: Vec::new(),
            mask: None,
            mask_input: None,
        },
    };
    list.add((image, Some(one.image_id)), prompt, &|| format!("prompt {number}"))
}

fn add_ours(one: Ours, number: usize, list: &mut List<'_>) -> Result<()> {
    let Ours { image, box_xyxy, points, mask, mask_input, id, score, category_id } = one;
    let entry = Json { box_xyxy, points, mask, mask_input }.entry(number);
    let entry = entry.map_err(|(expected, found)| list.wrong(&expected, found))?;
    let prompt = ListedPrompt { id, score, category_id, entry };
    list.add((image, None), prompt, &|| format!("prompt {number}"))
}

#[cfg(test)]
mod tests {
    use maskwright_data::prompt::Point;

    use super::super::parse;
    use super::*;

    #[test]
    fn every_form_is_read() {
        let read = |text: &str, name: &str| parse(text.as_bytes(), name.as_ref()).expect("a list");
        let results = r#"[{"image_id": 42, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]"#;
        let coco = read(results, "r.json");
        assert_eq!((&*coco[0].image, &coco[0].image_id), ("42", &Some(Id::Number(42))));
        let prompt = &coco[0].prompts[0];
        assert_eq!(prompt.entry.box_xyxy, Some([1.0, 2.0, 3.0, 5.0]));
        assert_eq!((prompt.score, &prompt.category_id), (Some(0.5), &Some(Id::Number(3))));
        assert_eq!(read(results.trim_matches(['[', ']']), "r.jsonl"), coco);

        let instances = r#"{"images": [{"id": 42, "file_name": "a.jpg", "width": 9}],
            "annotations": [{"id": 8, "image_id": 42, "bbox": [1, 2, 3, 4], "area": 12}]}"#;
        let found = read(instances, "i.json");
        assert_eq!((&*found[0].image, &found[0].image_id), ("a.jpg", &Some(Id::Number(42))));
        assert_eq!(found[0].prompts[0].id, Some(Id::Number(8)));

        let ours = r#"[{"image": "a.jpg", "points": [[5, 6, 0]], "id": "x", "score": 1}]"#;
        let found = read(ours, "o.json");
        assert_eq!(found[0].prompts[0].entry.points, [Point { x: 5.0, y: 6.0, label: 0 }]);
        assert_eq!(read(&ours[1..ours.len() - 1], "o.jsonl"), found);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let refused = [
            ("", "p.json"),
            ("[]", "p.json"),
            ("[{\"box\": [1, 2, 3, 4]}]", "p.json"),
            ("[{\"image\": \"a\", \"boxes\": []}]", "p.json"),
            ("[{\"image\": \"a\"}]", "p.json"),
            ("[{\"image\": \"a\", \"points\": [[1, 2, 7]]}]", "p.json"),
            ("[{\"image_id\": 3}]", "p.json"),
            (
                "{\"images\": [], \"annotations\": [{\"image_id\": 1, \"bbox\": [1,2,3,4]}]}",
                "p.json",
            ),
            ("{\"image\": \"a\", \"box\": [1,2,3,4]}\n{\"image\": \"a\"", "p.jsonl"),
            ("a", "p.txt"),
        ]
        .map(|(text, name)| {
            parse(text.as_bytes(), name.as_ref()).expect_err("refused").to_string()
        });
        insta::assert_snapshot!(refused.join("\n"), @"
            p.json: expected a JSON list, found EOF while parsing a value at line 1 column 0
            p.json: expected at least one prompt, found none
            p.json: expected prompts with image, box, points, mask, mask_input, id, score, category_id, found missing field `image` at line 1 column 22
            p.json: expected prompts with image, box, points, mask, mask_input, id, score, category_id, found unknown field `boxes`, expected one of `image`, `box`, `points`, `mask`, `mask_input`, `id`, `score`, `category_id` at line 1 column 23
            p.json: expected a box, points or a mask in prompt 0, found none of them
            p.json: expected the label 1 (on the object) or 0 (beside it) for the point (1, 2) of prompt 0, found 7
            p.json: expected COCO's results with image_id, bbox, score, category_id, found missing field `bbox` at line 1 column 16
            p.json: expected one of its images as the image_id of annotation 0, found 1
            p.jsonl: expected a prompt with image, box, points, mask, mask_input, id, score, category_id, or COCO's result, in line 2, found EOF while parsing an object at line 1 column 13
            p.txt: expected a list of prompts whose name ends in .csv, .json or .jsonl
            ");
    }
}
