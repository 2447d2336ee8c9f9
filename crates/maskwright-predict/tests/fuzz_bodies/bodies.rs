//! What is fuzzed: functions that take any bytes and panic where a promise is broken.
//!
//! The targets in `fuzz/` call them, and so do these tests on seeds and seeded changes of them.

use std::collections::HashSet;
use std::path::Path;

use maskwright_predict::{listed_prompts, prompt_file, tensor_file};

/// Any bytes as a list of prompts: no input panics; what is read has labels of 0 and 1 and one mask at
/// most, and is read again from what is written of it.
pub(crate) fn prompt_file(data: &[u8]) {
    let file = Path::new("fuzz.json");
    let prompts = match prompt_file::parse(data, file) {
        Ok(prompts) => prompts,
        Err(error) => return assert!(error.to_string().starts_with("fuzz.json: expected ")),
    };
    assert!(!prompts.is_empty());
    let finite = prompts.iter().all(|prompt| {
        let corners = prompt.box_xyxy.iter().flatten();
        let points = prompt.points.iter().flat_map(|point| [&point.x, &point.y]);
        corners.chain(points).all(|value| value.is_finite())
    });
    let json: Vec<_> = prompts
        .iter()
        .map(|prompt| {
            assert!(prompt.points.iter().all(|point| matches!(point.label, 0 | 1)));
            assert!(prompt.mask.is_none() || prompt.mask_input.is_none());
            let points: Vec<_> = prompt.points.iter().map(|p| (p.x, p.y, p.label)).collect();
            serde_json::json!({
                "box": prompt.box_xyxy, "points": points,
                "mask": prompt.mask, "mask_input": prompt.mask_input,
            })
        })
        .collect();
    // JSON has no word for what is infinite.
    if finite {
        let text = serde_json::Value::from(json).to_string();
        assert_eq!(prompt_file::parse(text.as_bytes(), file).expect("read again"), prompts);
    }
}

/// Any bytes as a list of prompts on many images, whose kind the first byte says: no input panics; each image that is read is there
/// once with prompts that point at something, and lists of names are read again from what is written of them.
pub(crate) fn prompt_list(data: &[u8]) {
    let Some((&kind, bytes)) = data.split_first() else { return };
    let ending = ["csv", "json", "jsonl"][usize::from(kind % 3)];
    let file = format!("fuzz.{ending}");
    let images = match listed_prompts::parse(bytes, Path::new(&file)) {
        Ok(images) => images,
        Err(error) => {
            let text = error.to_string();
            return assert!(text.starts_with(&format!("{file}: expected ")), "{text}");
        }
    };
    assert!(!images.is_empty());
    let mut seen = HashSet::new();
    let mut lines = String::new();
    let mut writable = true;
    for image in &images {
        assert!(!image.image.is_empty() && seen.insert(&image.image));
        assert!(!image.prompts.is_empty());
        writable &= image.image_id.is_none();
        for listed in &image.prompts {
            let prompt = &listed.entry;
            assert!(prompt.points.iter().all(|point| matches!(point.label, 0 | 1)));
            assert!(
                prompt.box_xyxy.is_some()
                    || !prompt.points.is_empty()
                    || prompt.mask.is_some()
                    || prompt.mask_input.is_some()
            );
            let corners = prompt.box_xyxy.iter().flatten();
            let places = prompt.points.iter().flat_map(|point| [&point.x, &point.y]);
            // JSON has no word for what is infinite.
            writable &= corners.chain(places).all(|value| value.is_finite());
            writable &= listed.score.is_none_or(f64::is_finite);
            let points: Vec<_> = prompt.points.iter().map(|p| (p.x, p.y, p.label)).collect();
            let line = serde_json::json!({
                "image": image.image, "id": listed.id, "score": listed.score,
                "category_id": listed.category_id, "box": prompt.box_xyxy, "points": points,
                "mask": prompt.mask, "mask_input": prompt.mask_input,
            });
            lines += &format!("{line}\n");
        }
    }
    if writable {
        let again = listed_prompts::parse(lines.as_bytes(), Path::new("again.jsonl"));
        assert_eq!(again.expect("read again"), images, "{lines}");
    }
}

/// Any bytes as a file of numbers: as they are, or behind a right beginning. No input panics or takes more
/// memory than the file has; what is read has the values of its shape, and is read again from what is
/// written of it.
pub(crate) fn tensor_file(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let split = rest.iter().position(|&byte| byte == 255).unwrap_or(rest.len());
    let (header, values) = (&rest[..split], rest.get(split + 1..).unwrap_or_default());
    let (name, file) = match kind % 4 {
        0 => ("any.npy", rest.to_vec()),
        1 => {
            let length = (header.len() as u16).to_le_bytes();
            ("any.npy", [b"\x93NUMPY\x01\x00", length.as_slice(), header, values].concat())
        }
        2 => ("any.safetensors", rest.to_vec()),
        _ => {
            let length = (header.len() as u64).to_le_bytes();
            ("any.safetensors", [length.as_slice(), header, values].concat())
        }
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, &file).expect("written");
    let tensor = match tensor_file::read(&path, "low_res_logits") {
        Ok(tensor) => tensor,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(name) && text.contains("expected") && text.len() < 10_000);
            return;
        }
    };
    assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
    assert!(4 * tensor.values.len() <= file.len());
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for name in ["b.npy", "b.safetensors"] {
        let copy = folder.path().join(name);
        tensor_file::write(&copy, std::slice::from_ref(&tensor)).expect("written");
        let copy = tensor_file::read(&copy, &tensor.name).expect("read again");
        assert_eq!((&copy.shape, bits(&copy.values)), (&tensor.shape, bits(&tensor.values)));
    }
}
