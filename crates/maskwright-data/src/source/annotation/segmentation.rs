//! The mask of one annotation: polygons in the spellings that tools have for them, or run lengths as numbers or as COCO's
//! compressed string.
//!
//! [`look`] tells what a segmentation holds while a set is opened, without reading numbers where nothing is odd;
//! [`read_segmentation`] makes the mask.

use std::borrow::Cow;
use std::fmt;

use maskwright_image::Size;
use maskwright_image::mask::Rle;
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

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Shape(message) => f.write_str(message),
            Flaw::Mask(error) => error.fmt(f),
        }
    }
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
    /// A list that is no list of polygons, or something else that is no mask: why.
    NoNumbers(String),
    /// Run lengths that are no mask: why.
    NoRuns(String),
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
        Some(b'{') => match check_runs(json) {
            Ok(()) => Look::Mask,
            Err(Flaw::Shape(message)) => Look::NoRuns(message),
            Err(Flaw::Mask(error)) => Look::NoRuns(error.to_string()),
        },
        _ if json == "null" => Look::Nothing,
        _ => Look::NoNumbers(format!("{POLYGONS_OR_RUNS}, found {}", beginning(json))),
    }
}

/// What annotations of such run lengths are called where they are left out.
pub(crate) const NO_RUNS: &str = "annotations whose run lengths are no mask of their size";

/// What a segmentation may be.
const POLYGONS_OR_RUNS: &str = "a list of polygons or {size, counts}";

fn beginning(json: &str) -> String {
    json.chars().take(20).collect()
}

/// Whether run lengths fill their size, told without keeping them.
fn check_runs(json: &str) -> Result<(), Flaw> {
    let (size, counts) = read_runs(json)?;
    match counts {
        Counts::Compressed(text) => Rle::check(size, text.as_bytes())?,
        Counts::List(text) => {
            Rle::default().set_counts(size, read_counts(text)?)?;
        }
    }
    Ok(())
}

/// Run lengths as they are spelt.
enum Counts<'a> {
    /// The JSON of a list.
    List(&'a str),
    Compressed(Cow<'a, str>),
}

/// Reads size and counts, but for the numbers of a list.
fn read_runs(json: &str) -> Result<(Size, Counts<'_>), Flaw> {
    let runs: Runs<'_> =
        serde_json::from_str(json).map_err(shape("{size: [height, width], counts}"))?;
    let [height, width] = runs.size.map(|side| side.0 as usize);
    let counts = runs.counts.get();
    let counts = if counts.starts_with('[') {
        Counts::List(counts)
    } else {
        let Text(counts) = serde_json::from_str(counts)
            .map_err(shape("counts, a list of run lengths or a compressed string"))?;
        Counts::Compressed(counts)
    };
    Ok((Size::new(height, width), counts))
}

/// Reads a list of run lengths.
fn read_counts(json: &str) -> Result<Vec<u32>, Flaw> {
    serde_json::from_str(json)
        .or_else(|_| {
            let counts: Vec<Whole> = serde_json::from_str(json)?;
            Ok(counts.into_iter().map(|count| count.0).collect())
        })
        .map_err(shape("counts, a list of run lengths"))
}

/// Makes serde's error one about what was expected.
fn shape(expected: &str) -> impl Fn(serde_json::Error) -> Flaw + use<'_> {
    move |error| {
        Flaw::Shape(format!("segmentation: expected {expected}: {}", without_place(&error)))
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
        Some(b'{') => match read_runs(json)? {
            (size, Counts::List(text)) => mask.rle.set_counts(size, read_counts(text)?)?,
            (size, Counts::Compressed(text)) => mask.rle.parse_into(size, text.as_bytes())?,
        },
        _ => {
            let found = beginning(json);
            let message = format!("segmentation: expected {POLYGONS_OR_RUNS}, found {found}");
            return Err(Flaw::Shape(message));
        }
    }
    mask.form = MaskForm::Rle;
    Ok(())
}

/// Reads a box: x, y, width and height in pixels; none for what is no box with an area.
pub(crate) fn read_box(json: &str) -> Option<[f64; 4]> {
    read_four(json).filter(|[.., width, height]| *width > 0.0 && *height > 0.0)
}

/// Reads four finite numbers.
pub(super) fn read_four(json: &str) -> Option<[f64; 4]> {
    let numbers: [f64; 4] = serde_json::from_str(json).ok()?;
    numbers.iter().all(|number| number.is_finite()).then_some(numbers)
}

/// Whether a segmentation seems to be a mask, told without walking through run lengths.
pub(crate) fn is_taken(json: &str) -> bool {
    match json.as_bytes().first() {
        Some(b'{') => json[1..].trim_start() != "}",
        Some(b'[') => matches!(look(json), Look::Mask | Look::SomePolygons(_)),
        _ => json != "null",
    }
}

/// Why what seems to be run lengths is no mask; none where it is one, and for polygons.
pub(crate) fn flaw_of_runs(json: &str) -> Option<String> {
    match look(json) {
        Look::NoRuns(message) => Some(message),
        Look::NoNumbers(message) if !json.starts_with('[') => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
