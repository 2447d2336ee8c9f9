//! Prediction: one image, any number of prompts, and masks at the image's size.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use maskwright_data::prompt::Prompt;
//! use maskwright_model::{Compute, MaskKind};
//! use maskwright_predict::predictor::{Predictor, read_image};
//!
//! # fn main() -> Result<(), maskwright_predict::Error> {
//! let predictor = Predictor::load(
//!     Path::new("run/sam_hq_epoch_11.safetensors"),
//!     None,
//!     None,
//!     &Compute::default(),
//! )?;
//! let image = read_image(Path::new("leaf.jpg"))?;
//! let encoded = predictor.encode(&image)?;
//! let prompt = Prompt::from_box([40.0, 30.0, 410.0, 380.0]);
//! let prediction = predictor.predict(&encoded, &prompt, MaskKind::SamHq, false)?;
//! println!("{} pixels", prediction.masks[0].mask.count());
//! # Ok(())
//! # }
//! ```
//!
//! Prompts have the type of the data crate. Their points and boxes are in pixels of the original image;
//! their mask covers the model's input ([`Predictor::mask_prompt`], [`PredictedMask::low_res`]). Prompts
//! and predictions can be serialised, with predicted masks as COCO's compressed run lengths.
//!
//! # Which masks there are
//!
//! | [`MaskKind`] | single | for an ambiguous prompt (`multimask`) |
//! |---|---|---|
//! | `Sam` | SAM's single mask | SAM's three, each with its predicted IoU |
//! | `Hq` | the HQ mask | the HQ mask, with the IoU of the best of SAM's three |
//! | `SamHq` | SAM's single mask + HQ | the best of SAM's three (by predicted IoU) + HQ |
//!
//! The last two follow HQ-SAM, whose predictor always returns one mask (`Hq` is its `hq_token_only`).
//! `Sam` is decoded without the HQ token, so that it is exactly the SAM inside the model.

mod input;
mod output;
pub(crate) mod prompt;
mod saved;
mod view;

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor};
use maskwright_data::prompt::{MaskValues, NoiseMask, Prompt};
use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, RgbImage, Size};
use maskwright_model::load::{check_input_size, load_frozen};
use maskwright_model::{
    Compute, DecodeMode, GeometryFrom, ImageFeatures, MaskKind, MaskOutput, MaskPromptValues,
    ModelSource, PromptInput, Sam,
};
use rayon::prelude::*;

pub use input::{
    decode_image, decode_mask, narrow_range, read_image, read_image_checked, read_image_in_range,
    read_mask, read_mask_checked,
};
pub use output::{PredictedMask, Prediction, write_embedding, write_logits};
pub use view::Fit;
pub(crate) use view::View;

use crate::error::{Error, Result};
use crate::tensor_file;

/// Prompts that go through the decoder together; more are taken in turns, so that memory is
/// bounded.
const BATCH: usize = 64;

/// A model that is ready to predict.
pub struct Predictor {
    sam: Sam,
    device: Device,
    fit: Fit,
    fit_from: GeometryFrom,
    notes: Vec<String>,
    /// The hash of the image encoder, once it was asked for.
    encoder: OnceLock<String>,
}

/// An image that has been encoded. Further prompts on it are cheap.
pub struct EncodedImage {
    features: ImageFeatures,
    view: View,
    mask_size: usize,
}

/// One mask as the model gives it.
#[derive(Debug, Clone)]
pub(crate) struct LowResMask {
    /// Logits `[mask_size, mask_size]` over the model's input.
    pub(crate) logits: Vec<f32>,
    pub(crate) predicted_iou: f32,
}

impl EncodedImage {
    /// Resizes low-resolution logits ([`PredictedMask::low_res`]) to the image's size. Returns `[height,
    /// width]`, row-major; above 0 is the object.
    pub fn logits(&self, low_res: &[f32]) -> Vec<f32> {
        self.view.to_source(low_res, self.mask_size)
    }

    /// Returns the size of the image.
    pub fn size(&self) -> Size {
        self.view.source()
    }

    /// Returns the side of the low-resolution logits.
    pub fn mask_size(&self) -> usize {
        self.mask_size
    }

    /// What the image shows as a whole: the mean of its embedding `[channels]` over the cells that the image covers, scaled to
    /// length 1, so that the product of two is the cosine of their angle.
    pub fn descriptor(&self) -> Vec<f32> {
        let [_, rows, columns, channels] = self.features.embedding.dims();
        let geometry = self.view.geometry();
        let (shown, input) = (geometry.visible(), geometry.output);
        let cells = |shown: usize, input: usize, cells: usize| {
            (shown * cells).div_ceil(input.max(1)).clamp(1, cells)
        };
        let covered =
            [cells(shown.height, input.height, rows), cells(shown.width, input.width, columns)];
        let values: Vec<f32> = self.features.embedding.to_data().iter::<f32>().collect();
        let mut sum = vec![0.0_f64; channels];
        for row in 0..covered[0] {
            for column in 0..covered[1] {
                let from = (row * columns + column) * channels;
                let cell = &values[from..from + channels];
                sum.iter_mut().zip(cell).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        let scale = if length > 0.0 { length.recip() } else { 0.0 };
        sum.into_iter().map(|value| (value * scale) as f32).collect()
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    fn at_full_size(&self, mask: LowResMask) -> PredictedMask {
        PredictedMask {
            mask: Bitmap::from_logits(&self.logits(&mask.logits), self.view.source()),
            low_res: mask.logits,
            predicted_iou: mask.predicted_iou,
        }
    }
}

impl Predictor {
    /// Loads a checkpoint and puts a tuned decoder into it, if `restore_model` is given. Without
    /// `input_size` the model has the input size that it was trained with.
    ///
    /// # Errors
    /// A device that cannot be used, an input size that is not a multiple of 16, and checkpoints that
    /// cannot be read or do not fit each other.
    pub fn load(
        checkpoint: &Path,
        restore_model: Option<&Path>,
        input_size: Option<usize>,
        compute: &Compute,
    ) -> Result<Self> {
        let place = compute.open()?;
        input_size.map_or(Ok(()), check_input_size)?;
        let source = ModelSource {
            checkpoint: Some(checkpoint.to_path_buf()),
            restore_model: restore_model.map(Path::to_path_buf),
            input_size,
            ..Default::default()
        };
        let loaded = load_frozen(&source, &place)?;
        Ok(Self { notes: loaded.notes, ..Self::new(loaded.sam, place.device().clone()) })
    }

    /// Makes a predictor of a model that is already on `device`.
    ///
    /// Images are fitted into its input and padded as in its validation. A model without
    /// [`Conventions`](maskwright_model::Conventions) is used like SAM's published predictor
    /// ([`Fit::Sam`]).
    pub fn new(sam: Sam, device: Device) -> Self {
        let (fit, fit_from) = sam.geometry(None, Fit::Sam);
        Self { sam, device, fit, fit_from, notes: Vec::new(), encoder: OnceLock::new() }
    }

    /// Returns the same predictor with another way to fit images into the input.
    #[must_use]
    pub fn with_fit(self, fit: Fit) -> Self {
        Self { fit, fit_from: GeometryFrom::Caller, ..self }
    }

    /// Returns how images are fitted into the input, and where that comes from.
    pub fn fit(&self) -> (Fit, GeometryFrom) {
        (self.fit, self.fit_from)
    }

    /// Returns remarks on the checkpoint for the user, such as weights that are NaN or infinite.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The model.
    pub fn sam(&self) -> &Sam {
        &self.sam
    }

    /// Returns the kind of mask to use if none is named: the one that the model's validation judged, which its checkpoint
    /// says if maskwright trained it. Otherwise the sum of both, as in HQ-SAM's predictor, or SAM's own mask if the model
    /// has no HQ head.
    pub fn best_kind(&self) -> MaskKind {
        let judged = self.sam.conventions().and_then(|known| known.mask);
        // An HQ head that was cut off gives no mask any more.
        if let Some(judged) = judged.filter(|mask| self.sam.config().hq || *mask == MaskKind::Sam) {
            return judged;
        }
        if self.sam.config().hq { MaskKind::SamHq } else { MaskKind::Sam }
    }

    /// Makes a mask prompt of a mask of the image, in which values above 128 are the object. `image` is
    /// the size of the image. The values of the result are those that the model was trained with, or 0
    /// and 255 if the checkpoint does not store them.
    ///
    /// # Errors
    /// [`Error::Setting`] for a mask of another size.
    pub fn mask_prompt(&self, mask: &GreyImage, image: Size) -> Result<NoiseMask> {
        let config = self.sam.config();
        let view = View::new(self.fit, image, config.image_size);
        let values = match self.sam.conventions().map(|found| found.mask_prompt) {
            Some(MaskPromptValues::Logits) => MaskValues::Logits,
            Some(MaskPromptValues::ZeroTo255) | None => MaskValues::ZeroTo255,
        };
        prompt::mask_over_input(mask, &view, config.mask_size(), values)
    }

    /// Reads the logits of one mask of an earlier prediction, for a prompt on the same image: an `.npy`
    /// file, or a `.safetensors` file with `low_res_logits`.
    pub fn read_logits(&self, path: &Path) -> Result<NoiseMask> {
        let tensor = tensor_file::read(path, "low_res_logits")?;
        let side = self.sam.config().mask_size();
        let one = tensor.shape.iter().rev().skip(2).all(|&axis| axis == 1);
        if !one || !tensor.shape.ends_with(&[side, side]) {
            return Err(Error::Content {
                file: path.to_path_buf(),
                expected: format!("the logits of one mask of this model, {side} x {side}"),
                found: format!("an array of shape {:?}", tensor.shape),
            });
        }
        Ok(NoiseMask { size: side, data: tensor.values.into() })
    }

    /// Fits an image into the model's input and encodes it.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage> {
        let config = self.sam.config();
        let view = View::new(self.fit, image.size, config.image_size);
        let features = self.sam.encode_image(view.input(&self.sam, image, &self.device)?);
        let features = self.sam.with_hq_features(features);
        Ok(EncodedImage { features, view, mask_size: config.mask_size() })
    }

    /// Predicts the mask of one prompt on an encoded image; see the [module](self) for `kind` and
    /// `multimask`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a prompt that is not valid, or a kind of mask that the model does not
    /// have.
    pub fn predict(
        &self,
        image: &EncodedImage,
        prompt: &Prompt,
        kind: MaskKind,
        multimask: bool,
    ) -> Result<Prediction> {
        let mut all = self.predict_all(image, std::slice::from_ref(prompt), kind, multimask)?;
        Ok(all.remove(0))
    }

    /// Predicts what an ambiguous prompt may mean, the likeliest first: SAM's masks for it, of which the likeliest is the mask of
    /// `kind`. All come from one pass of the decoder.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn propose(
        &self,
        image: &EncodedImage,
        prompt: &Prompt,
        kind: MaskKind,
    ) -> Result<Vec<PredictedMask>> {
        self.check_kind(kind)?;
        let (input, _) = prompt::to_input(prompt, &image.view, image.mask_size, "")?;
        let mode = decode_mode(kind, true);
        let output = self.sam.predict(&image.features, &[input], &[0], mode)?;
        let mut all: Vec<LowResMask> = masks(output.clone(), MaskKind::Sam).concat();
        all.sort_by(|a, b| b.predicted_iou.total_cmp(&a.predicted_iou));
        if kind != MaskKind::Sam {
            all.splice(0..1, masks(output, kind).concat());
        }
        Ok(all.into_iter().map(|mask| image.at_full_size(mask)).collect())
    }

    /// Predicts the masks of several prompts on an encoded image, decoded together. The result is in the
    /// order of the prompts.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_all(
        &self,
        image: &EncodedImage,
        prompts: &[Prompt],
        kind: MaskKind,
        multimask: bool,
    ) -> Result<Vec<Prediction>> {
        let (mut inputs, mut notes) = (Vec::new(), Vec::new());
        for (number, prompt) in prompts.iter().enumerate() {
            let name = if prompts.len() == 1 { String::new() } else { format!("prompt {number}") };
            let (input, remarks) = prompt::to_input(prompt, &image.view, image.mask_size, &name)?;
            inputs.push(input);
            notes.push(remarks);
        }
        let answers = self.decode_in_turns(image, &inputs, kind, multimask)?;
        let full = |mask| image.at_full_size(mask);
        let all = answers.into_par_iter().zip(notes).map(|(masks, notes)| Prediction {
            masks: masks.into_iter().map(full).collect(),
            notes,
        });
        Ok(all.collect())
    }

    /// As [`decode`](Self::decode), for any number of prompts.
    pub(crate) fn decode_in_turns(
        &self,
        image: &EncodedImage,
        inputs: &[PromptInput],
        kind: MaskKind,
        multimask: bool,
    ) -> Result<Vec<Vec<LowResMask>>> {
        let mut answers = Vec::with_capacity(inputs.len());
        for batch in inputs.chunks(BATCH) {
            answers.extend(self.decode(image, batch, kind, multimask)?);
        }
        Ok(answers)
    }

    /// The masks of prompts in the model's own frame, at its own resolution, decoded together.
    pub(crate) fn decode(
        &self,
        image: &EncodedImage,
        inputs: &[PromptInput],
        kind: MaskKind,
        multimask: bool,
    ) -> Result<Vec<Vec<LowResMask>>> {
        self.check_kind(kind)?;
        let mode = decode_mode(kind, multimask);
        let output = self.sam.predict(&image.features, inputs, &vec![0; inputs.len()], mode)?;
        Ok(masks(output, kind))
    }

    fn check_kind(&self, kind: MaskKind) -> Result<()> {
        if kind == MaskKind::Sam || self.sam.config().hq {
            return Ok(());
        }
        Err(Error::Setting {
            key: "the mask to give".into(),
            expected: "sam, the only mask of a model without an HQ head".into(),
            found: kind.to_string(),
        })
    }
}

/// What the decoder has to compute for masks of a kind.
fn decode_mode(kind: MaskKind, multimask: bool) -> DecodeMode {
    match kind {
        MaskKind::Sam => DecodeMode::Sam { multimask },
        MaskKind::Hq | MaskKind::SamHq => DecodeMode::Both { multimask },
    }
}

/// The masks of one kind, prompt by prompt.
fn masks(output: MaskOutput, kind: MaskKind) -> Vec<Vec<LowResMask>> {
    let output = if kind == MaskKind::Sam { output } else { output.best() };
    let logits = match kind {
        MaskKind::Sam => output.sam.clone(),
        MaskKind::Hq => output.hq.clone(),
        MaskKind::SamHq => output.logits(),
    };
    // Every mode that `decode` asks for gives both.
    let (Some(logits), Some(ious)) = (logits, output.iou) else { return Vec::new() };
    let [_, count, height, width] = logits.dims();
    let values = |tensor: Tensor<4>| -> Vec<f32> { tensor.into_data().iter::<f32>().collect() };
    let (logits, ious) = (values(logits), values(ious.unsqueeze::<4>()));
    let one = height * width;
    logits
        .chunks_exact(count * one)
        .zip(ious.chunks_exact(count))
        .map(|(logits, ious)| {
            let masks = logits.chunks_exact(one).zip(ious);
            let mask = |(logits, iou): (&[f32], &f32)| LowResMask {
                logits: logits.to_vec(),
                predicted_iou: *iou,
            };
            masks.map(mask).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use maskwright_data::prompt::Point;
    use maskwright_model::SamConfig;

    use super::*;

    fn predictor() -> Predictor {
        let device = Device::flex();
        let sam = SamConfig::small(64, 16, 32, 2).with_hq(true).init(&device, 3).expect("a model");
        Predictor::new(sam, device)
    }

    fn picture(height: usize, width: usize, shade: u8) -> RgbImage {
        let mut image = RgbImage::filled(Size::new(height, width), shade);
        for (at, value) in image.data.iter_mut().enumerate().skip(1).step_by(7) {
            *value = (at * 31 % 251) as u8;
        }
        image
    }

    #[test]
    fn proposals_are_three_and_the_likeliest_is_of_the_kind_that_is_asked_for() {
        let predictor = predictor();
        let image = predictor.encode(&picture(40, 60, 90)).expect("encoded");
        let prompt = Prompt::from_points([Point { x: 20.0, y: 15.0, label: 1 }]);
        let proposed = predictor.propose(&image, &prompt, MaskKind::SamHq).expect("masks");
        assert_eq!(proposed.len(), 3);
        let refined = predictor.predict(&image, &prompt, MaskKind::SamHq, true).expect("a mask");
        assert_eq!(proposed[..1], refined.masks[..]);
        let plain = predictor.propose(&image, &prompt, MaskKind::Sam).expect("masks");
        assert!(plain.is_sorted_by(|a, b| a.predicted_iou >= b.predicted_iou));
        let mut three =
            predictor.predict(&image, &prompt, MaskKind::Sam, true).expect("masks").masks;
        three.sort_by(|a, b| b.predicted_iou.total_cmp(&a.predicted_iou));
        assert_eq!(plain, three);
    }

    #[test]
    fn a_descriptor_is_of_the_image_and_not_of_the_padding() {
        let predictor = predictor();
        let of = |image: &RgbImage| predictor.encode(image).expect("encoded").descriptor();
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let (one, same, other) =
            (of(&picture(64, 64, 20)), of(&picture(64, 64, 24)), of(&picture(64, 64, 240)));
        assert!((cosine(&one, &one) - 1.0).abs() < 1e-5);
        assert!(cosine(&one, &same) > cosine(&one, &other));
        // A wide image covers the upper rows of the embedding alone.
        let wide = predictor.encode(&picture(16, 64, 20)).expect("encoded");
        let cells: Vec<f32> = wide.features.embedding.to_data().iter::<f32>().collect();
        let channels = wide.descriptor().len();
        let mut row = vec![0.0_f32; channels];
        for cell in cells.chunks_exact(channels).take(4) {
            row.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value);
        }
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length);
        assert!((cosine(&row, &wide.descriptor()) - 1.0).abs() < 1e-5);
    }
}
