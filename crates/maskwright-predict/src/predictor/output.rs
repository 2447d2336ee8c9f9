//! What a prediction gives, and its files.

use std::path::Path;

use maskwright_image::encode;
use maskwright_image::mask::Bitmap;

use super::EncodedImage;
use crate::error::{Error, Result};
use crate::tensor_file::{self, NamedTensor};

/// The answer to one prompt.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// One mask; for an ambiguous prompt to SAM's own decoder, several.
    pub masks: Vec<PredictedMask>,
    /// Remarks on the prompt, such as coordinates that were clipped.
    pub notes: Vec<String>,
}

/// A mask and how good the model believes it is.
#[derive(Debug, Clone)]
pub struct PredictedMask {
    /// The mask at the image's size: logits above 0.
    pub mask: Bitmap,
    /// The logits at the model's mask resolution, a square in row order: what a further prediction
    /// can take as [`MaskPrompt::Logits`](super::MaskPrompt::Logits), and what
    /// [`EncodedImage::logits`] brings to the image's size.
    pub low_res: Vec<f32>,
    /// The IoU that the model predicts. It has learned it for SAM's masks; beside an HQ mask it is
    /// that of the SAM mask which HQ-SAM would choose.
    pub predicted_iou: f32,
}

impl PredictedMask {
    /// Writes the mask as an 8-bit grey PNG: 255 is the object.
    pub fn write_mask(&self, path: &Path) -> Result<()> {
        let image = |source| Error::Image { file: path.to_path_buf(), source };
        let png = encode::png_grey(&self.mask.to_grey()).map_err(image)?;
        crate::files::write_atomically(path, &png)
    }
}

/// Writes the numbers of predictions on one image.
///
/// A `.safetensors` file holds `low_res_logits` `[prompts, masks, m, m]`, `iou_predictions`
/// `[prompts, masks]` and `logits`, the same at the image's size `[prompts, masks, height, width]`;
/// an `.npy` file holds `low_res_logits` alone, as SAM's predictor returns and takes them. All f32.
///
/// # Errors
/// [`Error::FileName`] for a file of another name, or none predicted; [`Error::Io`].
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
    let (height, width) = image.view.source();
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

/// Writes what the image encoder makes of an image to a `.safetensors` file: `image_embedding`
/// `[1, channels, g, g]` as SAM's predictor gives it, and `interm_embedding` `[1, g, g, channels]`,
/// which the HQ head takes.
///
/// # Errors
/// [`Error::FileName`] for a file of another name; [`Error::Io`].
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
