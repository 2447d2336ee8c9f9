//! Supervisely's annotation files: one for each image (docs.supervisely.com, "Supervisely Annotation JSON").
//!
//! ```json
//! {"description": "", "tags": [], "size": {"height": 220, "width": 320},
//!  "objects": [{"id": 7, "classTitle": "leaf", "geometryType": "bitmap", "tags": [],
//!               "bitmap": {"data": "...", "origin": [x, y]}},
//!              {"classTitle": "leaf", "geometryType": "polygon",
//!               "points": {"exterior": [[x, y], ...], "interior": [[[x, y], ...], ...]}}]}
//! ```
//!
//! | `geometryType` | the object |
//! |---|---|
//! | `bitmap`, `alpha_mask` | the pixels but for 0 of a PNG in base64, compressed with zlib or not, whose upper left one is at `origin` |
//! | `polygon` | the polygon `exterior` without what lies in those of `interior` |
//! | `rectangle`, `point`, `line`, `cuboid`, `graph` and others | none: they have no area, or are boxes |

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use maskwright_image::Size;
use maskwright_image::decode::{Colour, ImageFile, Limits, MaskChannel, MaskRule, decode_label};
use maskwright_image::mask::Rle;
use serde::Deserialize;
use serde_json::Value;

use super::labelme::{Flawed, flawed, points_of, short};
use super::outline::{Area, OutlineFile, Shapes, placed, with_holes};

/// A compressed PNG of more bytes is refused.
const LARGEST_PNG: u64 = 1 << 28;

/// An annotation file.
#[derive(Debug)]
pub(crate) struct SuperviselyFile {
    /// The image's size where it is told.
    pub(crate) size: Option<Size>,
    objects: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object {size, objects}")]
struct FileJson {
    #[serde(default)]
    size: Option<SizeJson>,
    objects: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(expecting = "a size {height, width}")]
struct SizeJson {
    height: usize,
    width: usize,
}

impl SuperviselyFile {
    /// Parses a file, but for its objects.
    pub(crate) fn parse(bytes: &[u8]) -> Result<SuperviselyFile, Flawed> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let file: FileJson = serde_json::from_slice(bytes).or_else(|error| {
            let expected = "expected Supervisely's JSON with size and objects";
            flawed("", format!("{expected}, found no such JSON ({error})"))
        })?;
        let size = file.size.map(|SizeJson { height, width }| Size::new(height, width));
        Ok(SuperviselyFile { size: size.filter(|size| size.area() > 0), objects: file.objects })
    }

    /// The objects, on an image of `size`.
    pub(crate) fn outlines(&self, size: Size) -> Result<OutlineFile, Flawed> {
        let mut shapes = Shapes::<()>::new();
        for (number, object) in (1..).zip(&self.objects) {
            let label = object.get("classTitle").and_then(Value::as_str).unwrap_or_default();
            let wrong = |message| Flawed { place: format!("object {number} ({label})"), message };
            let area = area(object, size).map_err(wrong)?;
            shapes.add(number, label, None, area).map_err(wrong)?;
        }
        Ok(shapes.finish())
    }
}

fn area(object: &Value, size: Size) -> Result<Area, String> {
    let bitmap = object.get("bitmap").filter(|bitmap| !bitmap.is_null());
    let kind = match object.get("geometryType") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Null) | None if bitmap.is_some() => "bitmap",
        Some(Value::Null) | None => "polygon",
        Some(other) => {
            return Err(format!("geometryType: expected a text, found {}", short(other)));
        }
    };
    match kind {
        "bitmap" | "alpha_mask" => {
            let bitmap = bitmap.ok_or("bitmap: expected {data, origin}, found none")?;
            pixels(bitmap, size).map(Area::Pixels)
        }
        "polygon" => polygon(object, size),
        _ => Ok(Area::None),
    }
}

fn polygon(object: &Value, size: Size) -> Result<Area, String> {
    let points = object.get("points").unwrap_or(&Value::Null);
    let outer = points_of(points.get("exterior"), "points.exterior")?.concat();
    let holes = match points.get("interior") {
        Some(Value::Array(holes)) => holes.as_slice(),
        _ => &[],
    };
    if holes.is_empty() || outer.len() < 6 {
        return Ok(Area::Polygon(outer));
    }
    let read = |hole: &Value| Ok(points_of(Some(hole), "points.interior")?.concat());
    let mut holes: Vec<Vec<f64>> = holes.iter().map(read).collect::<Result<_, String>>()?;
    holes.retain(|hole| hole.len() >= 6);
    with_holes(size, outer, &holes).map(Area::Pixels).map_err(|error| error.to_string())
}

/// The pixels of a bitmap, on an image of `size`.
fn pixels(bitmap: &Value, size: Size) -> Result<Rle, String> {
    const EXPECTED: &str = "bitmap.data: expected a PNG, compressed with zlib and in base64";
    let text = bitmap.get("data").and_then(Value::as_str);
    let text = text.ok_or_else(|| format!("{EXPECTED}, found none"))?;
    let packed =
        STANDARD.decode(text).map_err(|error| format!("{EXPECTED}, found other text ({error})"))?;
    let mut png = Vec::new();
    if packed.starts_with(b"\x89PNG") {
        // Masks of levels may be stored as they are.
        png = packed;
    } else {
        ZlibDecoder::new(packed.as_slice())
            .take(LARGEST_PNG)
            .read_to_end(&mut png)
            .map_err(|error| format!("{EXPECTED}, found other bytes ({error})"))?;
    }
    let origin = match bitmap.get("origin").and_then(Value::as_array).map(Vec::as_slice) {
        Some([x, y]) => x.as_f64().zip(y.as_f64()),
        _ => None,
    };
    let (left, top) = origin.ok_or("bitmap.origin: expected [x, y], found something else")?;
    let file = ImageFile::read(&png).map_err(|error| format!("{EXPECTED}: {error}"))?;
    // Where there is transparency, it is the mask; else whatever is not 0.
    let transparent = matches!(file.header().colour, Colour::Rgba | Colour::GreyAlpha);
    let channel = if transparent { MaskChannel::Alpha } else { MaskChannel::Auto };
    let values = (1..=255).map(|value| (value, 255)).collect();
    let rule = MaskRule { channel, values, ..MaskRule::default() };
    let mask = decode_label(&png, &rule, &Limits::default())
        .map_err(|error| format!("{EXPECTED}: {error}"))?
        .pixels;
    placed(&mask, left as i64, top as i64, size)
}
