//! The mask of one annotation: polygons in the spellings that tools have for them, or run lengths as numbers or as COCO's
//! compressed string.
//!
//! [`look`] tells what a segmentation holds while a set is opened, without reading numbers where nothing is odd;
//! [`read_segmentation`] makes the mask.

use std::borrow::Cow;
use std::fmt;

use maskwright_image::Size;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
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
    size: [Whole; 2],
    #[serde(borrow)]
    counts: &'a RawValue,
}

/// A string that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A whole number, which some tools write as `7.0`.
#[derive(Clone, Copy)]
struct Whole(u32);

impl<'a> Deserialize<'a> for Whole {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Whole, D::Error> {
        struct AsWhole;
        impl Visitor<'_> for AsWhole {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Whole, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Unsigned(value), &self);
                u32::try_from(value).map(Whole).map_err(wrong)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Whole, E> {
                let whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
                match whole {
                    true => Ok(Whole(value as u32)),
                    false => Err(E::invalid_value(de::Unexpected::Float(value), &self)),
                }
            }
        }
        from.deserialize_any(AsWhole)
    }
}

/// What a segmentation holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Look {
    /// Nothing, as some tools write for objects without a mask.
    Nothing,
    /// A mask, or something that will be refused by name when it is drawn.
    Mask,
    /// A mask, and so many polygons that are none: of fewer than three points, or with an odd number of coordinates.
    SomePolygons(u64),
    /// Such polygons alone.
    NoPolygon,
    /// A list that is no list of polygons: why.
    NoNumbers(String),
}

/// Tells what a segmentation holds, from the text of its JSON without white space around it.
pub(crate) fn look(json: &str) -> Look {
    match json.as_bytes().first() {
        Some(b'[') if all_polygons(json) => Look::Mask,
        Some(b'[') => {
            let mut polygons = Vec::new();
            match read_polygons(json, &mut polygons) {
                Err(message) => Look::NoNumbers(message),
                Ok(0) if polygons.iter().all(Vec::is_empty) => Look::Nothing,
                Ok(0) => Look::Mask,
                Ok(_) if polygons.iter().all(Vec::is_empty) => Look::Nothing,
                Ok(_) if !polygons.iter().any(|numbers| is_polygon(numbers)) => Look::NoPolygon,
                Ok(left) => Look::SomePolygons(left),
            }
        }
        Some(b'{') if json[1..].trim_start() == "}" => Look::Nothing,
        _ if json == "null" => Look::Nothing,
        _ => Look::Mask,
    }
}

/// Whether the text of a list is COCO's `[[x, y, ...], ...]` of polygons that can all be drawn, told from its commas
/// and brackets.
fn all_polygons(json: &str) -> bool {
    let mut rest = json[1..].trim_start();
    while let Some(inner) = rest.strip_prefix('[') {
        let Some(end) = inner.find(']') else { return false };
        let (commas, odd) = commas(&inner.as_bytes()[..end]);
        if odd || commas < 5 || commas.is_multiple_of(2) {
            return false;
        }
        rest = inner[end + 1..].trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return rest == "]",
        }
    }
    false
}

/// How many commas a text has, and whether it has a letter, a quote or a bracket: what no plain number is spelt with.
fn commas(text: &[u8]) -> (usize, bool) {
    let (mut commas, mut odd) = (0, false);
    // In pieces whose sums fit a byte, which processors count many at a time.
    for piece in text.chunks(192) {
        commas += usize::from(piece.iter().map(|byte| u8::from(*byte == b',')).sum::<u8>());
        odd |= piece.iter().fold(0, |odd, byte| odd | u8::from(*byte > b'9' || *byte == b'"')) > 0;
    }
    (commas, odd)
}

fn is_polygon(numbers: &[f64]) -> bool {
    numbers.len() >= 6 && numbers.len().is_multiple_of(2)
}

/// Reads polygons, in whichever spelling: `[[x, y, ...], ...]`, `[x, y, ...]`, `[[[x, y], ...], ...]`, `[[x, y], ...]`. Gives how
/// many are none, which stay among the others, or why this is no list of polygons.
fn read_polygons(json: &str, polygons: &mut Vec<Vec<f64>>) -> Result<u64, String> {
    match serde_json::from_str(json) {
        Ok(plain) => *polygons = plain,
        Err(error) => {
            let shape = || {
                // serde calls numbers by their types.
                let reason = without_place(&error).replace("expected f64", "expected a number");
                format!("a list of polygons [[x, y, ...], ...]: {reason}")
            };
            let value: Value = serde_json::from_str(json).map_err(|_| shape())?;
            *polygons = other_polygons(&value).ok_or_else(shape)?;
        }
    }
    // Three points and more, each in brackets of its own, are one polygon.
    if polygons.len() >= 3 && polygons.iter().all(|numbers| numbers.len() == 2) {
        *polygons = vec![polygons.concat()];
    }
    Ok(polygons.iter().filter(|numbers| !is_polygon(numbers)).count() as u64)
}

/// Polygons in the rarer spellings; none for anything else.
fn other_polygons(value: &Value) -> Option<Vec<Vec<f64>>> {
    let list = value.as_array()?;
    if list.first().is_some_and(Value::is_number) {
        return Some(vec![list.iter().map(Value::as_f64).collect::<Option<_>>()?]);
    }
    let points = |polygon: &Value| -> Option<Vec<f64>> {
        let mut numbers = Vec::new();
        for item in polygon.as_array()? {
            match item.as_array().map(Vec::as_slice) {
                Some([x, y]) => numbers.extend([x.as_f64()?, y.as_f64()?]),
                Some(_) => return None,
                None => numbers.push(item.as_f64()?),
            }
        }
        Some(numbers)
    };
    list.iter().map(points).collect()
}

/// Makes `mask` what a `segmentation` says, the text of its JSON. Polygons are drawn on an image of
/// `size` = (height, width), without those of fewer than three points where others are left; run lengths have a size of their own.
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
            let none = read_polygons(json, polygons)
                .map_err(|message| Flaw::Shape(format!("segmentation: expected {message}")))?;
            if (1..polygons.len() as u64).contains(&none) {
                polygons.retain(|numbers| is_polygon(numbers));
            }
            rle.set_polygons(Size::new(size.0 as usize, size.1 as usize), polygons, scratch)?;
        }
        Some(b'{') => {
            let runs: Runs<'_> =
                serde_json::from_str(json).map_err(shape("{size: [height, width], counts}"))?;
            let [height, width] = runs.size.map(|side| side.0 as usize);
            let counts = runs.counts.get();
            if counts.starts_with('[') {
                let counts: Vec<u32> = serde_json::from_str(counts)
                    .or_else(|_| {
                        let counts: Vec<Whole> = serde_json::from_str(counts)?;
                        Ok(counts.into_iter().map(|count| count.0).collect())
                    })
                    .map_err(shape("counts, a list of run lengths"))?;
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

/// Whether a segmentation is a mask, or is to be refused by name when it is drawn.
pub(crate) fn is_taken(json: &str) -> bool {
    matches!(look(json), Look::Mask | Look::SomePolygons(_))
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
    fn polygons_have_four_spellings() {
        let polygon = read("[[1, 1, 4, 1, 4, 3, 1, 3]]").unwrap();
        for json in [
            "[1, 1, 4, 1, 4, 3, 1, 3]",
            "[[1.0, 1], [4, 1], [4, 3], [1, 3]]",
            "[[[1, 1], [4, 1], [4, 3], [1, 3]]]",
            "[[1, 1, 4, 1, 4, 3, 1, 3], [], [2, 2], [0, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7]]",
        ] {
            assert_eq!(read(json).unwrap().rle, polygon.rle, "{json}");
        }
    }

    #[test]
    fn whole_numbers_may_be_spelt_as_floats() {
        let whole = read(r#"{"size": [4, 6], "counts": [5, 2, 2, 2, 2, 2, 9]}"#).unwrap();
        let floats = r#"{"size": [4.0, 6e0], "counts": [5.0, 2, 2, 2.0, 2, 2, 9.0]}"#;
        assert_eq!(read(floats).unwrap().rle, whole.rle);
        insta::assert_snapshot!(read(r#"{"size": [4, 6], "counts": [3.5]}"#).err().unwrap(), @"segmentation: expected counts, a list of run lengths: invalid value: floating point `3.5`, expected a whole number from 0");
    }

    #[test]
    fn what_is_held_is_told_without_reading_numbers() {
        for nothing in ["[]", "[ \n]", "null", "{}", "{ }", "[[]]", "[[], [ ]]"] {
            assert_eq!(look(nothing), Look::Nothing, "{nothing}");
        }
        for mask in [
            "[[1, 1, 4, 1, 4, 3]]",
            "[ [1,1,4,1,4,3] , [1e0, -1.5, 4, 1, 4, 3]\n]",
            "[1, 1, 4, 1, 4, 3]",
            "[[1, 1], [4, 1], [4, 3]]",
            "[[[1, 1], [4, 1], [4, 3]], [1, 1, 4, 1, 4, 3]]",
            r#"{"size": [4, 6], "counts": "x"}"#,
            "\"mask.png\"",
            "3",
        ] {
            assert_eq!(look(mask), Look::Mask, "{mask}");
            let list = mask.starts_with('[');
            assert_eq!(list, read(mask).is_ok(), "{mask}");
        }
        assert_eq!(
            look("[[1, 1, 4, 1, 4, 3], [1, 2], [], [1, 2, 3, 4, 5, 6, 7]]"),
            Look::SomePolygons(3)
        );
        for none in [
            "[1, 2]",
            "[[1, 2, 3, 4]]",
            "[[1, 2], [3, 4]]",
            "[[], [1, 2, 3, 4]]",
            "[[1, 2, 3, 4, 5, 6, 7]]",
        ] {
            assert_eq!(look(none), Look::NoPolygon, "{none}");
        }
        let no_numbers = [
            "[[1, 1, null, 4, 5, 6]]",
            "[[\"\" , 1, 4, 1, 4, 3]]",
            "[{\"x\": 1}]",
            "[[[1, 2, 3]]]",
        ];
        let words = no_numbers.map(|json| match look(json) {
            Look::NoNumbers(message) => message,
            other => panic!("{json}: {other:?}"),
        });
        insta::assert_snapshot!(words.join("\n"), @r#"
            a list of polygons [[x, y, ...], ...]: invalid type: null, expected a number
            a list of polygons [[x, y, ...], ...]: invalid type: string "", expected a number
            a list of polygons [[x, y, ...], ...]: invalid type: map, expected a sequence
            a list of polygons [[x, y, ...], ...]: invalid type: sequence, expected a number
            "#);
    }

    #[test]
    fn commas_are_counted() {
        let long = "1.5,".repeat(1000);
        assert_eq!(commas(long.as_bytes()), (1000, false));
        for odd in ["1e5", "\"", "[", "{"] {
            assert_eq!(commas(format!("{long}{odd}{long}").as_bytes()), (2000, true));
        }
    }
}
