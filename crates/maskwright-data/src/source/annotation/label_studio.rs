//! Label Studio's exports "JSON" and "JSON-MIN": a list of tasks, each an image with results (labelstud.io/guide/export).
//!
//! ```json
//! [{"id": 1, "data": {"image": "/data/upload/1/0f3a-leaf.jpg"}, "annotations": [{"was_cancelled": false, "result": [
//!    {"id": "x", "type": "brushlabels", "original_width": 320, "original_height": 220,
//!     "value": {"format": "rle", "rle": [...], "brushlabels": ["leaf"]}},
//!    {"type": "polygonlabels", "original_width": 320, "original_height": 220,
//!     "value": {"points": [[x, y], ...], "polygonlabels": ["leaf"]}}]}]}]
//! ```
//!
//! | a value has | the object |
//! |---|---|
//! | `rle` | the pixels whose alpha is above 128, in [Label Studio's run lengths](super::brush) |
//! | `points` | the polygon, in per cent of width and height |
//! | `radiusX`, `radiusY` | a polygon around the ellipse, in per cent, turned by `rotation` degrees |
//! | `width`, `height` | none: it is a box |
//! | none of these | none: key points, lines, choices |
//!
//! Of several annotations of a task the first that was not cancelled is taken. JSON-MIN has the values alone, below the names of
//! their controls.

use maskwright_image::{GreyImage, Size};
use serde::Deserialize;
use serde_json::Value;

use super::brush::decode_brush;
use super::labelme::{Flawed, flawed, points_of, short};
use super::outline::{Area, OutlineFile, Shapes, ellipse, placed};

/// A task of a list.
#[derive(Debug)]
pub(crate) struct Task {
    /// The task's number, as it is written.
    pub(crate) id: String,
    /// The image, as the tool calls it; none where the task has none.
    pub(crate) image: Option<String>,
    /// Results in their order: the value, and what is beside it.
    results: Vec<Value>,
}

#[derive(Deserialize)]
struct TaskJson {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    data: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    annotations: Option<Vec<AnnotationJson>>,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct AnnotationJson {
    #[serde(default)]
    was_cancelled: bool,
    #[serde(default)]
    result: Vec<Value>,
}

impl Task {
    /// Parses a task.
    pub(crate) fn parse(json: &[u8]) -> Result<Task, Flawed> {
        let task: TaskJson = serde_json::from_slice(json).or_else(|error| {
            let expected = "expected a task of Label Studio {id, data, annotations}";
            flawed("", format!("{expected}, found no such JSON ({error})"))
        })?;
        let id = task.id.to_string().trim_matches('"').to_owned();
        let whole = task.annotations.is_some();
        let fields = if whole { task.data.unwrap_or_default() } else { task.others };
        let named = |(_, value): (&String, &Value)| {
            value.as_str().filter(|v| is_image(v)).map(str::to_owned)
        };
        let image = fields.get("image").and_then(Value::as_str);
        let image = image.filter(|image| !image.is_empty()).map(str::to_owned);
        let image = image.or_else(|| fields.iter().find_map(named));
        let results = match task.annotations {
            Some(annotations) => annotations
                .into_iter()
                .find(|annotation| !annotation.was_cancelled)
                .map(|annotation| annotation.result)
                .unwrap_or_default(),
            None => {
                let values = fields.values().filter_map(Value::as_array).flatten();
                values.filter(|value| value.get("original_width").is_some()).cloned().collect()
            }
        };
        Ok(Task { id, image, results })
    }

    /// Whether this is a task, and not something else that is JSON.
    pub(crate) fn is_one(&self) -> bool {
        self.image.is_some() && self.id != "null"
    }

    /// The size that the results say the image has.
    pub(crate) fn size(&self) -> Option<Size> {
        let side = |result: &Value, key: &str| {
            let side = result.get(key)?.as_f64()?;
            (side.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&side))
                .then_some(side as usize)
        };
        self.results.iter().find_map(|result| {
            Some(Size::new(side(result, "original_height")?, side(result, "original_width")?))
        })
    }

    /// The objects, on an image of `size`.
    pub(crate) fn outlines(&self, size: Size) -> Result<OutlineFile, Flawed> {
        let mut shapes = Shapes::<()>::new();
        for (number, result) in (1..).zip(&self.results) {
            let value = result.get("value").unwrap_or(result);
            let id = result.get("id").filter(|id| !id.is_null());
            // A region without labels of its own is followed by its labels, with all that it has once more.
            let again = |other: &Value| id.is_some() && other.get("id") == id;
            if self.results[..number as usize - 1].iter().any(again) {
                continue;
            }
            let own = label_of(value);
            let label = own.or_else(|| {
                let others = self.results.iter().filter(|other| again(other));
                others.filter_map(|other| label_of(other.get("value")?)).next()
            });
            let label = label.unwrap_or_default();
            let wrong = |message| Flawed { place: format!("result {number} ({label})"), message };
            let turned = result.get("image_rotation").and_then(Value::as_f64).unwrap_or(0.0);
            if turned != 0.0 {
                let expected = "image_rotation: expected 0, because images are read as they are";
                return Err(wrong(format!("{expected}, found {turned}")));
            }
            let area = area(value, size).map_err(wrong)?;
            shapes.add(number, label, None, area).map_err(wrong)?;
        }
        Ok(shapes.finish())
    }
}

/// Whether a text is the name or the address of an image.
fn is_image(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let ending = |path: &str| path.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    let known = |ending: String| crate::source::IMAGE_ENDINGS.contains(&&*ending);
    ending(path).is_some_and(known) || ending(text).is_some_and(known)
}

/// The first of a value's labels: of the list that its type names.
fn label_of(value: &Value) -> Option<&str> {
    let lists = value.as_object()?.iter().filter(|(key, _)| key.ends_with("labels"));
    lists.filter_map(|(_, labels)| labels.as_array()?.first()?.as_str()).next()
}

fn area(value: &Value, size: Size) -> Result<Area, String> {
    let number = |key: &str| {
        let found = value.get(key).and_then(Value::as_f64);
        found.ok_or_else(|| {
            let found = value.get(key).map_or_else(|| "none".into(), short);
            format!("{key}: expected a number, found {found}")
        })
    };
    let (width, height) = (size.width as f64 / 100.0, size.height as f64 / 100.0);
    if let Some(Value::Array(bytes)) = value.get("rle") {
        let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
        let bytes: Option<Vec<u8>> = bytes.iter().map(byte).collect();
        let bytes = bytes.ok_or("rle: expected a list of bytes, found other values")?;
        let data = decode_brush(&bytes, size)?;
        let mask = GreyImage::new(size, data).map_err(|error| error.to_string())?;
        return placed(&mask, 0, 0, size).map(Area::Pixels);
    }
    if value.get("rle").is_some() {
        return Err("rle: expected a list of bytes, found other values".into());
    }
    if value.get("points").is_some() {
        let points = points_of(value.get("points"), "points")?;
        return Ok(Area::Polygon(
            points.iter().flat_map(|[x, y]| [x * width, y * height]).collect(),
        ));
    }
    if value.get("radiusX").is_some() {
        let centre = [number("x")? * width, number("y")? * height];
        let radii = [number("radiusX")? * width, number("radiusY")? * height];
        let turned = if value.get("rotation").is_some() { number("rotation")? } else { 0.0 };
        return Ok(Area::Polygon(ellipse(centre, radii, turned)));
    }
    Ok(Area::None)
}

#[cfg(test)]
mod tests;
