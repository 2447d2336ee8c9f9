//! Labelme's annotation files: one for each image (Wada, "Labelme", github.com/wkentaro/labelme).
//!
//! ```json
//! {"version": "5.4.1", "imagePath": "leaf.jpg", "imageData": null, "imageHeight": 220, "imageWidth": 320,
//!  "shapes": [{"label": "leaf", "points": [[x, y], ...], "shape_type": "polygon", "group_id": null}]}
//! ```
//!
//! | `shape_type` | the object |
//! |---|---|
//! | `polygon`, and where none is given | the polygon |
//! | `rectangle` | the polygon of its corners, which two opposite points or all four give |
//! | `oriented_rectangle`, `rotation` | the polygon of its four points |
//! | `circle` | a polygon around the centre through the second point, of as many points as Labelme's export to COCO has: whole pi / acos(1 - 1 / r), at least 12 |
//! | `mask` | the pixels of a PNG in base64 that are not 0, in the box of the two points, which are its first and last pixels |
//! | `point`, `points`, `line`, `linestrip` | none: they have no area |
//!
//! Shapes of one label and one `group_id` are parts of one object.

use std::f64::consts::PI;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maskwright_image::Size;
use maskwright_image::decode::{Limits, MaskRule, decode_label};
use maskwright_image::mask::Rle;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::outline::{Area, OutlineFile, Shapes, placed};

/// What is wrong with a file, and where in it.
#[derive(Debug)]
pub(crate) struct Flawed {
    /// "shape 3", or a key of the file; empty where it is no such file.
    pub(crate) place: String,
    /// What was expected and what was found.
    pub(crate) message: String,
}

pub(super) fn flawed<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T, Flawed> {
    Err(Flawed { place: place.into(), message: message.into() })
}

/// An annotation file.
#[derive(Debug)]
pub(crate) struct LabelmeFile {
    /// The image, relative to the file, its folders divided by slashes; empty where none is named.
    pub(crate) image_path: String,
    /// Whether the file has the image's pixels in it.
    pub(crate) embedded: bool,
    /// The image's size where it is told.
    pub(crate) size: Option<Size>,
    shapes: Vec<Value>,
}

#[derive(Deserialize)]
struct FileJson {
    #[serde(default)]
    shapes: Option<Value>,
    #[serde(default, rename = "imagePath")]
    image_path: Option<Value>,
    // Megabytes of base64 that are passed over.
    #[serde(default, rename = "imageData")]
    image_data: Option<IgnoredAny>,
    #[serde(default, rename = "imageHeight")]
    height: Option<Value>,
    #[serde(default, rename = "imageWidth")]
    width: Option<Value>,
}

impl LabelmeFile {
    /// Parses a file, but for its shapes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<LabelmeFile, Flawed> {
        // A mark of the byte order is no JSON.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let file: FileJson = serde_json::from_slice(bytes).or_else(|error| {
            let expected = "expected Labelme's JSON with shapes and imagePath";
            flawed("", format!("{expected}, found no such JSON ({error})"))
        })?;
        let shapes = match file.shapes {
            Some(Value::Array(shapes)) => shapes,
            Some(other) => {
                return flawed("shapes", format!("expected a list, found {}", short(&other)));
            }
            None => {
                let expected = "expected Labelme's JSON with shapes and imagePath";
                return flawed("", format!("{expected}, found no shapes"));
            }
        };
        let image_path = match file.image_path {
            Some(Value::String(path)) => path.replace('\\', "/"),
            Some(Value::Null) | None => String::new(),
            Some(other) => {
                return flawed("imagePath", format!("expected a text, found {}", short(&other)));
            }
        };
        let side = |value: Option<Value>| {
            let side = value.and_then(|value| value.as_f64())?;
            (side.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&side))
                .then_some(side as usize)
        };
        let size = side(file.height).zip(side(file.width));
        Ok(LabelmeFile {
            image_path,
            embedded: file.image_data.is_some(),
            size: size.map(|(height, width)| Size::new(height, width)),
            shapes,
        })
    }

    /// The objects, on an image of `size`.
    pub(crate) fn outlines(&self, size: Size) -> Result<OutlineFile, Flawed> {
        let mut shapes = Shapes::new();
        for (number, shape) in (1..).zip(&self.shapes) {
            let place = |label: &str| match label {
                "" => format!("shape {number}"),
                label => format!("shape {number} ({label})"),
            };
            let label = label(shape).map_err(|message| Flawed { place: place(""), message })?;
            let wrong = |message| Flawed { place: place(&label), message };
            let area = area(shape, size).map_err(wrong)?;
            let group = shape.get("group_id").filter(|group| !group.is_null());
            shapes.add(number, &label, group, area).map_err(wrong)?;
        }
        Ok(shapes.finish())
    }
}

/// The label of a shape, which some tools write as a number.
fn label(shape: &Value) -> Result<String, String> {
    match shape.get("label") {
        Some(Value::String(label)) => Ok(label.clone()),
        Some(Value::Number(label)) => Ok(label.to_string()),
        Some(Value::Null) | None if shape.is_object() => Ok(String::new()),
        Some(other) => Err(format!("label: expected a text, found {}", short(other))),
        None => Err(format!("expected {{label, points, shape_type}}, found {}", short(shape))),
    }
}

fn area(shape: &Value, size: Size) -> Result<Area, String> {
    let kind = match shape.get("shape_type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Null) | None => "polygon",
        Some(other) => return Err(format!("shape_type: expected a text, found {}", short(other))),
    };
    if matches!(kind, "point" | "points" | "line" | "linestrip") {
        return Ok(Area::None);
    }
    let points = points_of(shape.get("points"), "points")?;
    let expected =
        |count: &str| Err(format!("points: expected {count} of a {kind}, found {}", points.len()));
    let corners = |points: &[[f64; 2]]| Area::Polygon(points.concat());
    Ok(match (kind, &points[..]) {
        ("polygon", points) => corners(points),
        ("rectangle", &[[x1, y1], [x2, y2]]) => {
            let (left, right) = (x1.min(x2), x1.max(x2));
            let (top, bottom) = (y1.min(y2), y1.max(y2));
            corners(&[[left, top], [right, top], [right, bottom], [left, bottom]])
        }
        ("rectangle" | "oriented_rectangle" | "rotation", points @ [_, _, _, _]) => corners(points),
        ("rectangle", _) => return expected("2 opposite corners"),
        ("oriented_rectangle" | "rotation", _) => return expected("4 corners"),
        ("circle", &[centre, edge]) => corners(&circle(centre, edge)),
        ("circle", _) => return expected("the centre and a point"),
        ("mask", &[first, last]) => Area::Pixels(pixels(shape, first, last, size)?),
        ("mask", _) => return expected("2 corners"),
        _ => {
            return Err(format!(
                "shape_type: expected polygon, rectangle, circle, mask, point, line or linestrip, found \"{kind}\""
            ));
        }
    })
}

/// The points of a list at a key, which is named in errors.
pub(super) fn points_of(list: Option<&Value>, key: &str) -> Result<Vec<[f64; 2]>, String> {
    let Some(Value::Array(list)) = list else {
        let found = list.map_or_else(|| "none".into(), short);
        return Err(format!("{key}: expected a list of [x, y], found {found}"));
    };
    let point = |(number, point): (usize, &Value)| {
        let numbers = point.as_array().map(Vec::as_slice).and_then(|pair| match pair {
            [x, y] => Some([x.as_f64()?, y.as_f64()?]),
            _ => None,
        });
        numbers.ok_or_else(|| format!("point {number}: expected [x, y], found {}", short(point)))
    };
    (1..).zip(list).map(point).collect()
}

/// A circle as Labelme exports it to COCO: with so many points that the sagitta of an edge is below a pixel.
fn circle([x, y]: [f64; 2], [x2, y2]: [f64; 2]) -> Vec<[f64; 2]> {
    let radius = (x2 - x).hypot(y2 - y);
    // Below a radius of half a pixel there is no such angle. No picture asks for as many points as the bound.
    let count = (PI / (1.0 - 1.0 / radius).max(-1.0).acos()).min(1e5) as usize;
    let count = count.max(12);
    let angle = |k: usize| 2.0 * PI / count as f64 * k as f64;
    (0..count).map(|k| [x + radius * angle(k).sin(), y + radius * angle(k).cos()]).collect()
}

/// The pixels of a shape of type `mask`, on an image of `size`.
fn pixels(shape: &Value, first: [f64; 2], last: [f64; 2], size: Size) -> Result<Rle, String> {
    let Some(text) = shape.get("mask").and_then(Value::as_str) else {
        let found = shape.get("mask").map_or_else(|| "none".into(), short);
        return Err(format!("mask: expected a PNG in base64, found {found}"));
    };
    let png = STANDARD
        .decode(text)
        .map_err(|error| format!("mask: expected a PNG in base64, found other text ({error})"))?;
    // Labelme writes 0 and 1; whatever is not 0 is the object.
    let values = (1..=255).map(|value| (value, 255)).collect();
    let rule = MaskRule { values, ..MaskRule::default() };
    let mask = decode_label(&png, &rule, &Limits::default())
        .map_err(|error| format!("mask: expected a PNG in base64: {error}"))?
        .pixels;
    // Labelme's first and last pixel, without what is behind the decimal point.
    let [left, top] = first.map(f64::trunc);
    let [right, bottom] = last.map(f64::trunc);
    let (width, height) = (right - left + 1.0, bottom - top + 1.0);
    if (mask.size.width as f64, mask.size.height as f64) != (width, height) {
        return Err(format!(
            "mask: expected as many pixels as its points say, {width}x{height}, found {}x{} (width x height)",
            mask.size.width, mask.size.height
        ));
    }
    placed(&mask, left as i64, top as i64, size)
}

/// A value in a few words.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Array(list) if list.len() > 4 => format!("a list of {}", list.len()),
        Value::Object(_) => "an object {...}".into(),
        Value::String(text) => {
            format!("\"{}\"", text.chars().take(20).collect::<String>())
        }
        other => other.to_string().chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests;
