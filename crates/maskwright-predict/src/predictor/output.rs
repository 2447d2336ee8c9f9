//! The result of a prediction, and the files that it is written to.

use std::path::Path;

use maskwright_image::mask::Bitmap;
use maskwright_image::{Size, encode};
use serde::{Deserialize, Serialize};

use super::EncodedImage;
use crate::error::{Error, Result};
use crate::tensor_file::{self, NamedTensor};

/// The prediction for one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// One mask, or several for an ambiguous prompt with
    /// [`MaskKind::Sam`](maskwright_model::MaskKind::Sam).
    pub masks: Vec<PredictedMask>,
    /// Remarks on the prompt, such as coordinates that were clipped.
    pub notes: Vec<String>,
}

/// A predicted mask with its predicted IoU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictedMask {
    /// The mask at the image's size: the pixels with logits above 0.
    #[serde(with = "run_lengths")]
    pub mask: Bitmap,
    /// The logits at the model's mask resolution, a row-major square. A further prompt can use them as
    /// its mask, and [`EncodedImage::logits`] resizes them to the image's size.
    pub low_res: Vec<f32>,
    /// The IoU that the model predicts, which it learned for SAM's masks. For an HQ mask it is that of
    /// the SAM mask that HQ-SAM would choose.
    pub predicted_iou: f32,
}

impl PredictedMask {
    /// Writes the mask as an 8-bit grey PNG: 255 is the object.
    pub fn write_mask(&self, path: &Path) -> Result<()> {
        let image = |source| Error::Image { file: Some(path.to_path_buf()), source };
        let png = encode::png_grey(&self.mask.to_grey()).map_err(image)?;
        crate::files::write_atomically(path, &png)
    }
}

/// A mask as COCO's compressed run lengths.
mod run_lengths {
    use maskwright_image::mask::{Bitmap, Rle};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::mask_generator::Segmentation;

    pub(super) fn serialize<S: Serializer>(mask: &Bitmap, to: S) -> Result<S::Ok, S::Error> {
        Segmentation::of(&Rle::from_bitmap(mask)).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Bitmap, D::Error> {
        let mask = Segmentation::deserialize(from)?.to_rle().map_err(D::Error::custom)?;
        Ok(mask.to_bitmap())
    }
}

/// Writes the logits and IoUs of predictions on one image.
///
/// A `.safetensors` file holds `low_res_logits` `[prompts, masks, m, m]`, `iou_predictions`
/// `[prompts, masks]` and `logits`, the same at the image's size `[prompts, masks, height, width]`;
/// an `.npy` file holds `low_res_logits` alone, as SAM's predictor returns and takes them. All f32.
///
/// # Errors
/// [`Error::FileName`] for another file ending, or if there are no predictions; [`Error::Io`].
pub fn write_logits(image: &EncodedImage, predictions: &[Prediction], path: &Path) -> Result<()> {
    let count = predictions.first().map_or(0, |prediction| prediction.masks.len());
    let masks: Vec<&PredictedMask> = predictions.iter().flat_map(|p| &p.masks).collect();
    let side = image.mask_size;
    let low_res = NamedTensor {
        name: "low_res_logits".into(),
        shape: vec![predictions.len(), count, side, side],
        values: masks.iter().flat_map(|mask| &mask.low_res).copied().collect(),
    };
    if tensor_file::is_npy(path) {
        return tensor_file::write(path, &[low_res]);
    }
    let Size { height, width } = image.view.source();
    let logits = NamedTensor {
        name: "logits".into(),
        shape: vec![predictions.len(), count, height, width],
        values: masks.iter().flat_map(|mask| image.logits(&mask.low_res)).collect(),
    };
    let ious = NamedTensor {
        name: "iou_predictions".into(),
        shape: vec![predictions.len(), count],
        values: masks.iter().map(|mask| mask.predicted_iou).collect(),
    };
    tensor_file::write(path, &[low_res, logits, ious])
}

/// Writes the image encoder's features of an image to a `.safetensors` file: `image_embedding` `[1,
/// channels, g, g]` as SAM's predictor gives it, and `interm_embedding` `[1, g, g, channels]`, which the
/// HQ head takes.
///
/// # Errors
/// [`Error::FileName`] for another file ending; [`Error::Io`].
pub fn write_embedding(image: &EncodedImage, path: &Path) -> Result<()> {
    let tensor = |name: &str, values: burn::tensor::Tensor<4>| NamedTensor {
        name: name.into(),
        shape: values.dims().to_vec(),
        values: values.into_data().iter::<f32>().collect(),
    };
    let features = &image.features;
    let embedding = features.embedding.clone().permute([0, 3, 1, 2]);
    let tensors =
        [tensor("image_embedding", embedding), tensor("interm_embedding", features.early.clone())];
    tensor_file::write(path, &tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_read_as_they_are_written() {
        let mask = Bitmap::from_fn(Size::new(4, 6), |y, x| y == 1 && x > 2);
        let mask = PredictedMask { mask, low_res: vec![0.1, -2.5], predicted_iou: 0.75 };
        let prediction = Prediction { masks: vec![mask], notes: vec!["clipped".into()] };
        let json = serde_json::to_string(&prediction).expect("plain");
        assert!(json.contains(r#""mask":{"size":[4,6],"counts":""#), "{json}");
        assert_eq!(serde_json::from_str::<Prediction>(&json).expect("read"), prediction);
        let torn = json.replace("[4,6]", "[4,7]");
        assert!(serde_json::from_str::<Prediction>(&torn).is_err());
    }
}
