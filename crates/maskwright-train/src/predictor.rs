//! A trained model in use: one image, any number of prompts, masks at the image's size.
//!
//! ```no_run
//! use std::path::Path;
//! use maskwright_train::evaluator::MaskKind;
//! use maskwright_train::predictor::{Predictor, SourcePrompt};
//!
//! # fn main() -> Result<(), maskwright_train::Error> {
//! let predictor = Predictor::load(Path::new("run/sam_hq_epoch_11.safetensors"), None, None)?;
//! let image = predictor.read_image(Path::new("leaf.jpg"))?;
//! let encoded = predictor.encode(&image)?;
//! let prompt = SourcePrompt { box_xyxy: Some([40.0, 30.0, 410.0, 380.0]), ..Default::default() };
//! let prediction = predictor.predict(&encoded, &prompt, MaskKind::SamHq)?;
//! println!("{} pixels", prediction.mask.count());
//! # Ok(())
//! # }
//! ```

use std::path::Path;

use burn::tensor::Device;
use maskwright_data::geometry::Geometry;
use maskwright_data::sample::Preset;
use maskwright_image::decode::{self, Limits, MaskRule};
use maskwright_image::encode;
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::{Sampler, resize_plane};
use maskwright_image::{GreyImage, RgbImage};
use maskwright_model::{ImageFeatures, PromptInput, Sam};

use crate::checkpoint;
use crate::config::ModelSource;
use crate::error::{Error, Result};
use crate::evaluator::{MaskKind, all_masks};
use crate::postprocess;

/// Value of the padding beside the image, as in training.
const PAD: u8 = 128;

/// A model that is ready to be asked.
pub struct Predictor {
    sam: Sam,
    device: Device,
    preset: Preset,
}

/// An image the model has looked at once; prompts on it are cheap.
pub struct EncodedImage {
    features: ImageFeatures,
    geometry: Geometry,
}

/// What is asked for, in pixel indices of the image as a viewer shows it: x right, y down,
/// (0, 0) the centre of the top-left pixel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourcePrompt {
    /// x, y and 1 for a point on the object, 0 for one beside it.
    pub points: Vec<(f32, f32, i32)>,
    /// Left, top, right, bottom.
    pub box_xyxy: Option<[f32; 4]>,
    /// A rough mask of the image's size, foreground above 128.
    pub mask: Option<GreyImage>,
}

/// A mask and how good the model believes it is.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// The mask at the image's size: logits above 0.
    pub mask: Bitmap,
    /// The logits at the image's size, row by row.
    pub logits: Vec<f32>,
    /// The IoU that the model predicts for SAM's own mask.
    pub predicted_iou: f32,
    /// Remarks on the prompt, such as coordinates that were clipped.
    pub notes: Vec<String>,
}

impl Prediction {
    /// Writes the mask as an 8-bit grey PNG: 255 is the object.
    pub fn write_mask(&self, path: &Path) -> Result<()> {
        let image = |source| Error::Image { file: path.to_path_buf(), source };
        let png = encode::png_grey(&self.mask.to_grey()).map_err(image)?;
        crate::files::write_atomically(path, &png)
    }

    /// Writes the image with the mask and the prompt drawn over it, as a PNG.
    pub fn write_overlay(
        &self,
        image: &RgbImage,
        prompt: &SourcePrompt,
        path: &Path,
    ) -> Result<()> {
        let picture = crate::pictures::overlay(image, &self.mask, prompt);
        crate::pictures::write_png(&picture, path)
    }
}

impl Predictor {
    /// Loads a checkpoint, with a tuned decoder over it if one is given; the input size is
    /// the one it was trained with unless `input_size` says otherwise.
    pub fn load(
        checkpoint: &Path,
        restore_model: Option<&Path>,
        input_size: Option<usize>,
    ) -> Result<Self> {
        if let Some(size) = input_size {
            crate::config::input_size(size)?;
        }
        let source = ModelSource {
            checkpoint: Some(checkpoint.to_path_buf()),
            restore_model: restore_model.map(Path::to_path_buf),
            ..Default::default()
        };
        let device = crate::trainer::plain_device();
        let loaded = checkpoint::load_model(&source, input_size, false, 0, &device)?;
        Ok(Self::new(loaded.sam, device, Preset::LongestSide))
    }

    /// Wraps a model that is there already.
    pub fn new(sam: Sam, device: Device, preset: Preset) -> Self {
        Self { sam, device, preset }
    }

    /// The same with another way to bring an image to the model's size.
    pub fn with_geometry(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// The model.
    pub fn sam(&self) -> &Sam {
        &self.sam
    }

    /// The mask to show when none is named: the sum of both as HQ-SAM's predictor does, or
    /// SAM's own where the model has no HQ head.
    pub fn best_kind(&self) -> MaskKind {
        if self.sam.config().hq { MaskKind::SamHq } else { MaskKind::Sam }
    }

    /// Reads a mask file for a prompt.
    pub fn read_mask(&self, path: &Path) -> Result<GreyImage> {
        let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
        let decoded = decode::decode_label(&bytes, &MaskRule::default(), &Limits::default())
            .map_err(|source| Error::Image { file: path.to_path_buf(), source })?;
        Ok(decoded.pixels)
    }

    /// Reads an image file the way a viewer shows it: EXIF orientation is applied.
    pub fn read_image(&self, path: &Path) -> Result<RgbImage> {
        let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
        let image = |source| Error::Image { file: path.to_path_buf(), source };
        let header = decode::read_header(&bytes).map_err(image)?;
        let decoded = decode::decode_rgb(&bytes, &Limits::default()).map_err(image)?;
        Ok(decode::orient_rgb(decoded.pixels, header.orientation))
    }

    /// Brings an image to the model's size and encodes it.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage> {
        let size = self.sam.config().image_size;
        let geometry = self.preset.geometry((image.height, image.width), size);
        let mut pixels = vec![0; 3 * size * size];
        Sampler::new().image(image, &geometry.rows(), &geometry.cols(), PAD, &mut pixels);
        let features = self.sam.encode_image(self.sam.preprocess(&pixels, 1, &self.device)?);
        Ok(EncodedImage { features, geometry })
    }

    /// The mask of `prompt` on an encoded image.
    pub fn predict(
        &self,
        image: &EncodedImage,
        prompt: &SourcePrompt,
        kind: MaskKind,
    ) -> Result<Prediction> {
        let (input, notes) = self.to_input(image, prompt)?;
        self.predict_input(image, &input, kind, notes)
    }

    /// As [`Self::predict`], the prompt in pixels of the model's input.
    pub fn predict_input(
        &self,
        image: &EncodedImage,
        input: &PromptInput,
        kind: MaskKind,
        notes: Vec<String>,
    ) -> Result<Prediction> {
        let masks = all_masks(&self.sam, &image.features, input)?;
        let predicted_iou = masks.predicted_iou;
        let logits = masks
            .masks
            .into_iter()
            .find_map(|(found, logits)| (found == kind).then_some(logits))
            .ok_or_else(|| Error::Setting {
                setting: "the mask to write".into(),
                expected: "sam, the only mask of a model without an HQ head".into(),
                found: kind.to_string(),
            })?;
        let logits =
            postprocess::to_source(&image.geometry, &logits, self.sam.config().mask_size());
        let (height, width) = image.geometry.source;
        let mask = Bitmap::from_logits(&logits, height, width);
        Ok(Prediction { mask, logits, predicted_iou, notes })
    }

    /// The prompt in the model's frame, with coordinates outside the image clipped to it.
    fn to_input(
        &self,
        image: &EncodedImage,
        prompt: &SourcePrompt,
    ) -> Result<(PromptInput, Vec<String>)> {
        let geometry = &image.geometry;
        let (height, width) = geometry.source;
        let mut notes = Vec::new();
        let mut clip = |what: &str, x: f32, y: f32| {
            let (cx, cy) = (x.clamp(0.0, width as f32 - 1.0), y.clamp(0.0, height as f32 - 1.0));
            if (cx, cy) != (x, y) {
                notes.push(format!(
                    "{what} ({x}, {y}) lies outside the {width} x {height} image; clipped to ({cx}, {cy})"
                ));
            }
            (cx, cy)
        };
        let to_input = |x: f32, y: f32| {
            let (x, y) = geometry.to_output(f64::from(x), f64::from(y));
            (x as f32, y as f32)
        };
        let points = prompt
            .points
            .iter()
            .map(|&(x, y, label)| {
                let (x, y) = clip("point", x, y);
                let (x, y) = to_input(x, y);
                (x, y, label)
            })
            .collect();
        let box_xyxy = match prompt.box_xyxy {
            None => None,
            Some([x0, y0, x1, y1]) => {
                if x1 < x0 || y1 < y0 {
                    return Err(Error::Setting {
                        setting: "the box".into(),
                        expected: "left,top,right,bottom with left <= right and top <= bottom"
                            .into(),
                        found: format!("{x0},{y0},{x1},{y1}"),
                    });
                }
                let (x0, y0) = clip("box corner", x0, y0);
                let (x1, y1) = clip("box corner", x1, y1);
                let ((x0, y0), (x1, y1)) = (to_input(x0, y0), to_input(x1, y1));
                Some([x0, y0, x1, y1])
            }
        };
        let mask = match &prompt.mask {
            None => None,
            Some(mask) => Some(self.mask_input(geometry, mask)?),
        };
        Ok((PromptInput { points, box_xyxy, mask }, notes))
    }

    /// A mask of the image's size at the resolution of mask prompts, 0..255.
    fn mask_input(&self, geometry: &Geometry, mask: &GreyImage) -> Result<Vec<f32>> {
        if (mask.height, mask.width) != geometry.source {
            return Err(Error::Setting {
                setting: "the mask prompt".into(),
                expected: format!(
                    "the image's {} x {} pixels",
                    geometry.source.1, geometry.source.0
                ),
                found: format!("{} x {}", mask.width, mask.height),
            });
        }
        let (height, width) = geometry.output;
        let mut label = vec![0.0; height * width];
        Sampler::new().label(mask, &geometry.rows(), &geometry.cols(), 0.0, &mut label);
        let side = self.sam.config().mask_size();
        let small = resize_plane(&label, (height, width), (side, side));
        Ok(small.into_iter().map(|v| if v > 128.0 { 255.0 } else { 0.0 }).collect())
    }
}
