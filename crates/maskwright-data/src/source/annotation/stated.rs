//! What annotations state of their objects besides the mask.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::said::Said;
use super::stream::JsonStream;
use crate::error::{Error, Result};
use crate::source::bytes::open_file;

/// What an annotation states of its object; `None` where it states nothing, or no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Stated {
    /// The annotation's id.
    #[serde(default, deserialize_with = "whole")]
    pub id: Option<u64>,
    /// The object's area in pixels of its image.
    #[serde(default, deserialize_with = "number")]
    pub area: Option<f32>,
    /// The object's box in pixels of its image: x and y of the upper left corner, width, height.
    #[serde(default, deserialize_with = "four_numbers")]
    pub bbox: Option<[f32; 4]>,
}

fn whole<'a, D: serde::Deserializer<'a>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(Said::deserialize(from)?.whole())
}

fn number<'a, D: serde::Deserializer<'a>>(from: D) -> Result<Option<f32>, D::Error> {
    Ok(Said::deserialize(from)?.number().map(|number| number as f32))
}

fn four_numbers<'a, D: serde::Deserializer<'a>>(from: D) -> Result<Option<[f32; 4]>, D::Error> {
    let numbers = match serde_json::Value::deserialize(from)? {
        serde_json::Value::Array(numbers) => numbers,
        _ => return Ok(None),
    };
    let numbers: Option<Vec<f32>> =
        numbers.iter().map(|number| number.as_f64().map(|number| number as f32)).collect();
    Ok(numbers.and_then(|numbers| numbers.try_into().ok()))
}

/// Calls `take` with what each annotation of a file states, in the order of the file, without
/// reading any mask. Both COCO's file for all images and SA-1B's file for one image can be read.
///
/// # Errors
///
/// [`Error::Read`] and [`Error::Json`]: a file that cannot be read or has another layout; what came
/// before was taken.
pub fn read_stated(file: &Path, mut take: impl FnMut(Stated)) -> Result<()> {
    let opened = open_file(file).map_err(|source| Error::Read { file: file.into(), source })?;
    let mut stream = JsonStream::new(opened, file);
    if stream.peek()? == Some(b'[') {
        return stream.list_of::<Stated>("annotation", &mut take);
    }
    stream.object(|key, stream| {
        if key == "annotations" {
            stream.list_of::<Stated>("annotation", &mut take)
        } else {
            stream.value("a value", |_: IgnoredAny, _| ())
        }
    })
}
