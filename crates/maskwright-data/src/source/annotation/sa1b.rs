//! SA-1B's annotation files: one for each image (Kirillov et al., "Segment Anything", 2023).
//!
//! ```json
//! {"image": {"image_id": 1, "width": 2250, "height": 1500, "file_name": "sa_1.jpg"},
//!  "annotations": [{"segmentation": {"size": [1500, 2250], "counts": "..."}, "bbox": [x, y, w, h],
//!                   "area": 914, "predicted_iou": 0.9, "stability_score": 0.96, "id": 1, ...}]}
//! ```

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::segmentation;
use super::stream::{offset, without_place};
use crate::error::{Error, Result};
use crate::source::objects::{Facts, ObjectFilter};

/// An annotation file, parsed but for its masks.
#[derive(Deserialize)]
pub(crate) struct SaFile<'a> {
    pub(crate) image: SaImage,
    #[serde(borrow)]
    annotations: Vec<SaAnnotation<'a>>,
}

/// The image that a file is about.
#[derive(Deserialize)]
pub(crate) struct SaImage {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// One object.
#[derive(Deserialize)]
pub(crate) struct SaAnnotation<'a> {
    #[serde(default)]
    pub(crate) id: Option<u64>,
    #[serde(borrow)]
    segmentation: &'a RawValue,
    #[serde(default)]
    area: Option<f64>,
    #[serde(default)]
    predicted_iou: Option<f64>,
    #[serde(default)]
    stability_score: Option<f64>,
}

/// Parses an annotation file; `file` is asked for its path by errors alone.
pub(crate) fn read_sa1b(
    bytes: &[u8],
    file: impl FnOnce() -> Result<PathBuf>,
) -> Result<SaFile<'_>> {
    serde_json::from_slice(bytes).map_err(|error| {
        let at = offset(&error, bytes);
        let reason = without_place(&error);
        let message = match error.classify() {
            serde_json::error::Category::Data => {
                format!("expected SA-1B's {{image, annotations}}: {reason}")
            }
            _ => format!("no valid JSON: {reason}"),
        };
        file().map_or_else(|unknown| unknown, |file| Error::Json { file, at: at as u64, message })
    })
}

impl<'a> SaFile<'a> {
    /// The objects that a filter lets through, in the order of the file.
    pub(crate) fn objects<'s>(
        &'s self,
        filter: &'s ObjectFilter,
    ) -> impl Iterator<Item = &'s SaAnnotation<'a>> {
        self.annotations.iter().filter(|object| {
            segmentation::is_taken(object.segmentation.get())
                && filter.lets_through(&object.facts())
        })
    }
}

impl SaAnnotation<'_> {
    /// The JSON of the object's mask.
    pub(crate) fn segmentation(&self) -> &str {
        self.segmentation.get()
    }

    fn facts(&self) -> Facts {
        Facts {
            area: self.area,
            predicted_iou: self.predicted_iou,
            stability_score: self.stability_score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_choose_objects() {
        let text = r#"{"image": {"image_id": 1, "width": 4, "height": 4, "file_name": "sa_1.jpg"},
            "annotations": [
            {"id": 7, "segmentation": {"size": [4, 4], "counts": "4"}, "area": 5, "predicted_iou": 0.9},
            {"id": 8, "segmentation": [], "area": 6, "predicted_iou": 0.99},
            {"id": 9, "segmentation": {"size": [4, 4], "counts": "4"}, "predicted_iou": 0.95, "new": 1}]}"#;
        let file = read_sa1b(text.as_bytes(), || Ok("sa_1.json".into())).unwrap();
        let ids = |least: Option<f64>| {
            let filter = ObjectFilter { min_predicted_iou: least, ..ObjectFilter::default() };
            file.objects(&filter).map(|object| object.id.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(None), [7, 9]);
        assert_eq!(ids(Some(0.95)), [9]);
        assert_eq!((file.image.width, file.image.height), (4, 4));
    }

    #[test]
    fn other_files_are_named() {
        for (text, at, part) in [
            ("[]", 1, "expected SA-1B's {image, annotations}"),
            ("{\n\"images\": []}", 14, "missing field `image`"),
            ("{\"image\": {", 11, "no valid JSON: EOF"),
            ("", 0, "no valid JSON: EOF"),
        ] {
            let error = read_sa1b(text.as_bytes(), || Ok("sa_1.json".into())).err().unwrap();
            let Error::Json { at: found, message, .. } = &error else { panic!("{error}") };
            assert!(message.contains(part), "{message}");
            assert_eq!(*found, at, "{text}");
        }
    }
}
