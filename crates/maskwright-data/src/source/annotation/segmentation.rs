//! The mask of one annotation: polygons, or run lengths as numbers or as COCO's compressed string.

use std::borrow::Cow;

use maskwright_image::Size;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::stream::without_place;
use crate::source::{MaskBuffer, MaskForm};

/// Why an annotation has no mask.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// Its JSON is of another shape.
    Shape(String),
    /// Its polygons or runs make no mask.
    Mask(maskwright_image::Error),
}

impl From<maskwright_image::Error> for Flaw {
    fn from(error: maskwright_image::Error) -> Flaw {
        Flaw::Mask(error)
    }
}

/// Run lengths with the size that they fill.
#[derive(Deserialize)]
struct Runs<'a> {
    /// Height and width.
    size: [u32; 2],
    #[serde(borrow)]
    counts: &'a RawValue,
}

/// A string that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Makes `mask` what a `segmentation` says, the text of its JSON. Polygons are drawn on an image of
/// `size` = (height, width); run lengths have a size of their own.
pub(crate) fn read_segmentation(
    json: &str,
    size: (u32, u32),
    mask: &mut MaskBuffer,
) -> Result<(), Flaw> {
    let shape = |expected: &str| {
        let expected = expected.to_owned();
        move |error: serde_json::Error| {
            Flaw::Shape(format!("segmentation: expected {expected}: {}", without_place(&error)))
        }
    };
    let json = json.trim_start();
    match json.as_bytes().first() {
        Some(b'[') => {
            let MaskBuffer { rle, polygons, scratch, .. } = mask;
            *polygons = serde_json::from_str(json)
                .map_err(shape("a list of polygons [[x, y, ...], ...]"))?;
            rle.set_polygons(Size::new(size.0 as usize, size.1 as usize), polygons, scratch)?;
        }
        Some(b'{') => {
            let runs: Runs<'_> =
                serde_json::from_str(json).map_err(shape("{size: [height, width], counts}"))?;
            let [height, width] = runs.size.map(|side| side as usize);
            let counts = runs.counts.get();
            if counts.starts_with('[') {
                let counts: Vec<u32> =
                    serde_json::from_str(counts).map_err(shape("counts, a list of run lengths"))?;
                mask.rle.set_counts(Size::new(height, width), counts)?;
            } else {
                let Text(counts) = serde_json::from_str(counts)
                    .map_err(shape("counts, a list of run lengths or a compressed string"))?;
                mask.rle.parse_into(Size::new(height, width), counts.as_bytes())?;
            }
        }
        _ => {
            let found: String = json.chars().take(20).collect();
            return Err(Flaw::Shape(format!(
                "segmentation: expected a list of polygons or {{size, counts}}, found {found}"
            )));
        }
    }
    mask.form = MaskForm::Rle;
    Ok(())
}

/// Whether a segmentation holds nothing, as some exports write for objects without a mask.
pub(crate) fn is_empty(json: &str) -> bool {
    let mut letters = json.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let pair = (letters.next(), letters.next());
    json == "null" || matches!(pair, (Some(b'['), Some(b']')) | (Some(b'{'), Some(b'}')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<MaskBuffer, String> {
        let mut mask = MaskBuffer::new();
        match read_segmentation(json, (4, 6), &mut mask) {
            Ok(()) => Ok(mask),
            Err(Flaw::Shape(message)) => Err(message),
            Err(Flaw::Mask(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn three_spellings_of_one_mask() {
        // Columns 1 to 3 of rows 1 and 2.
        let polygon = read("[[1, 1, 4, 1, 4, 3, 1, 3]]").unwrap();
        let list = read(r#"{"size": [4, 6], "counts": [5, 2, 2, 2, 2, 2, 9]}"#).unwrap();
        assert_eq!(polygon.rle, list.rle);
        assert_eq!(list.rle.area(), 6);
        let text = list.rle.to_compressed();
        let json = format!(r#"{{"counts": {}, "size": [4, 6]}}"#, serde_json::json!(text));
        assert_eq!(read(&json).unwrap().rle, list.rle);
    }

    #[test]
    fn other_shapes_are_refused() {
        for (json, part) in [
            ("3", "found 3"),
            ("[1, 1, 4, 1, 4, 3]", "a list of polygons [[x, y, ...], ...]: invalid type"),
            ("[[1, 1, null, 4]]", "a list of polygons"),
            (r#"{"counts": [24]}"#, "missing field `size`"),
            (r#"{"size": [4, 6], "counts": 3}"#, "a list of run lengths or a compressed string"),
            (r#"{"size": [4, 6], "counts": [3.5]}"#, "counts, a list of run lengths"),
            (r#"{"size": [4, 6], "counts": [23]}"#, "24"),
            ("[[1, 1, 4, 1, 4]]", "5"),
            ("[[1, 1, 4, 1]]", "4"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn nothing_is_told_from_something() {
        assert!(is_empty("[]") && is_empty("[ \n]") && is_empty("null") && is_empty("{ }"));
        assert!(!is_empty("[[]]") && !is_empty("[1]") && !is_empty("{\"a\":1}"));
    }
}
