//! The file with the masks of an image: JSON in the schema of the SA-1B data set.

use std::path::Path;

use maskwright_image::Size;
use maskwright_image::mask::Rle;
use serde::{Deserialize, Serialize};

use super::GeneratedMask;
use crate::error::{Error, Result};

/// The file of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskFile {
    /// The image.
    pub image: ImageEntry,
    /// Its masks.
    pub annotations: Vec<Annotation>,
}

/// The image that a file is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageEntry {
    /// A number that the caller chooses.
    pub image_id: u64,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Without folders.
    pub file_name: String,
}

/// One mask. Boxes are left, top, width, height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// The place of the mask in the file, from 0.
    pub id: u64,
    /// The mask.
    pub segmentation: Segmentation,
    /// The box around the mask, from the index of the first pixel to that of the last, so that its width
    /// is one less than the number of columns, as in SA-1B.
    pub bbox: [f64; 4],
    /// The number of pixels of the mask.
    pub area: u64,
    /// The IoU that the model predicts.
    pub predicted_iou: f32,
    /// The ratio of the mask's areas at a high and at a low threshold.
    pub stability_score: f32,
    /// The part of the image in which it was found.
    pub crop_box: [f64; 4],
    /// The point that found the mask, `[x, y]`.
    pub point_coords: Vec<[f64; 2]>,
}

/// A mask as COCO's compressed run lengths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segmentation {
    /// Height and width of the image.
    pub size: [usize; 2],
    /// The runs, column by column, in COCO's text form.
    pub counts: String,
}

/// Writes the file of an image.
///
/// # Errors
/// [`Error::Io`].
pub fn write_json(file: &MaskFile, path: &Path) -> Result<()> {
    let bytes = serde_json::to_vec(file).map_err(|error| Error::io(path, "write")(error.into()))?;
    crate::files::write_atomically(path, &bytes)
}

/// Writes numbers of the masks as a table: SAM's `metadata.csv`, with the same columns.
///
/// # Errors
/// [`Error::Io`].
pub fn write_csv(file: &MaskFile, path: &Path) -> Result<()> {
    let mut text =
        "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,\
                    stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h\n"
            .to_owned();
    for one in &file.annotations {
        let [x, y] = one.point_coords.first().copied().unwrap_or_default();
        let comma = |numbers: &[f64]| numbers.iter().map(|n| format!("{n},")).collect::<String>();
        let (bbox, crop) = (comma(&one.bbox), comma(&one.crop_box));
        let Annotation { id, area, predicted_iou, stability_score, .. } = one;
        text += &format!("{id},{area},{bbox}{x},{y},{predicted_iou},{stability_score},");
        text += crop.trim_end_matches(',');
        text.push('\n');
    }
    crate::files::write_atomically(path, text.as_bytes())
}

impl Segmentation {
    /// The entry of a mask.
    pub fn of(mask: &Rle) -> Self {
        Self { size: [mask.height(), mask.width()], counts: mask.to_compressed() }
    }

    /// The mask.
    ///
    /// # Errors
    /// What is wrong with the runs.
    pub fn to_rle(&self) -> maskwright_image::Result<Rle> {
        let [height, width] = self.size;
        Rle::parse(Size::new(height, width), self.counts.as_bytes())
    }
}

impl MaskFile {
    /// The file of these masks.
    pub fn new(image: ImageEntry, masks: &[GeneratedMask]) -> Self {
        let annotations =
            masks.iter().enumerate().map(|(id, mask)| Annotation::new(id as u64, mask)).collect();
        Self { image, annotations }
    }
}

impl Annotation {
    /// The entry of one mask.
    pub fn new(id: u64, mask: &GeneratedMask) -> Self {
        let [x0, y0, x1, y1] = mask.box_xyxy.map(f64::from);
        let crop = mask.crop_box.map(|v| v as f64);
        Self {
            id,
            segmentation: Segmentation::of(&mask.mask),
            bbox: [x0, y0, x1 - x0, y1 - y0],
            area: mask.mask.area(),
            predicted_iou: mask.predicted_iou,
            stability_score: mask.stability_score,
            crop_box: [crop[0], crop[1], crop[2] - crop[0], crop[3] - crop[1]],
            point_coords: vec![mask.point],
        }
    }
}

#[cfg(test)]
mod tests {
    use maskwright_image::mask::{Bitmap, Rle};

    use super::*;
    use maskwright_image::Size;

    #[test]
    fn the_schema_is_sa1bs() {
        let bitmap =
            Bitmap::from_fn(Size::new(4, 6), |y, x| (1..3).contains(&y) && (2..5).contains(&x));
        let mask = GeneratedMask {
            mask: Rle::from_bitmap(&bitmap),
            box_xyxy: [2, 1, 4, 2],
            predicted_iou: 0.5,
            stability_score: 0.25,
            point: [3.5, 1.5],
            crop_box: [1, 0, 6, 4],
        };
        let image = ImageEntry { image_id: 7, width: 6, height: 4, file_name: "sa_7.jpg".into() };
        let value = serde_json::to_value(MaskFile::new(image, &[mask])).expect("JSON");
        let expected = serde_json::json!({
            "image": { "image_id": 7, "width": 6, "height": 4, "file_name": "sa_7.jpg" },
            "annotations": [{
                "id": 0,
                "segmentation": { "size": [4, 6], "counts": "9220003" },
                "bbox": [2.0, 1.0, 2.0, 1.0],
                "area": 6,
                "predicted_iou": 0.5,
                "stability_score": 0.25,
                "crop_box": [1.0, 0.0, 5.0, 4.0],
                "point_coords": [[3.5, 1.5]],
            }],
        });
        assert_eq!(value, expected);
    }
}
