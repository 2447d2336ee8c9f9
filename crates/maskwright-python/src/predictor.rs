//! `maskwright.Predictor` and `maskwright.MaskGenerator`.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_data::prompt::{NoiseMask, Point, Prompt};
use maskwright_image::{RgbImage, Size};
use maskwright_model::{Compute, DeviceName, MaskKind, Precision};
use maskwright_predict::mask_generator::{Annotation, MaskGenerator, MaskGeneratorConfig};
use maskwright_predict::predictor::{EncodedImage, Fit, Prediction};
use maskwright_predict::{Error, Predictor};
use numpy::{IntoPyArray, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray3};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::detached::on_thread;
use crate::error::{Raised, to_python};
use crate::job::{Job, Progress};

/// The kind of mask of a name.
pub(crate) fn kind_of(name: &str) -> PyResult<MaskKind> {
    Ok(name.parse().map_err(|_| Raised::setting("kind", "sam, hq or sam_hq", name))?)
}

/// A device and a precision by their names.
fn compute_of(device: &str, precision: Option<&str>, allow_tf32: bool) -> PyResult<Compute> {
    let expected = "cpu, cuda or cuda:N";
    let device: DeviceName =
        device.parse().map_err(|_| Raised::setting("device", expected, device))?;
    let precision: Option<Precision> = precision
        .map(|name| named(name).map_err(|_| Raised::setting("precision", "f32 or bf16", name)))
        .transpose()?;
    Ok(Compute { device, precision, allow_tf32 })
}

/// A value that settings spell as a text.
fn named<T: DeserializeOwned>(name: &str) -> serde_json::Result<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
}

/// The pixels of an array [height, width, 3].
pub(crate) fn pixels_of(image: &PyReadonlyArray3<'_, u8>) -> PyResult<RgbImage> {
    let array = image.as_array();
    let (height, width, channels) = array.dim();
    let size = Size::new(height, width);
    if channels != 3 || size.is_empty() {
        let found = format!("shape ({height}, {width}, {channels})");
        return Err(Raised::setting("image", "an array [height, width, 3]", found).into());
    }
    let data = match array.as_slice() {
        Some(pixels) => pixels.to_vec(),
        None => array.iter().copied().collect(),
    };
    RgbImage::new(size, data).map_err(to_python)
}

/// A model that predicts.
#[pyclass(frozen)]
pub(crate) struct Model(Arc<Predictor>);

/// An image that a model has encoded.
#[pyclass(frozen)]
pub(crate) struct Encoded {
    image: Arc<EncodedImage>,
    size: Size,
}

impl Model {
    /// The model itself.
    pub(crate) fn predictor(&self) -> Arc<Predictor> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (checkpoint, restore_model, input_size, device, precision, allow_tf32, geometry))]
    // One argument for each setting, which Python gives by name.
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        checkpoint: PathBuf,
        restore_model: Option<PathBuf>,
        input_size: Option<usize>,
        device: &str,
        precision: Option<&str>,
        allow_tf32: bool,
        geometry: Option<&str>,
    ) -> PyResult<Self> {
        let compute = compute_of(device, precision, allow_tf32)?;
        let fit: Option<Fit> =
            geometry.map(str::parse).transpose().map_err(|error: Error| to_python(error))?;
        let load =
            move || Predictor::load(&checkpoint, restore_model.as_deref(), input_size, &compute);
        let predictor = on_thread(py, load)?.map_err(to_python)?;
        let predictor = fit.into_iter().fold(predictor, Predictor::with_fit);
        Ok(Self(Arc::new(predictor)))
    }

    /// Remarks on the checkpoint.
    fn notes(&self) -> Vec<String> {
        self.0.notes().to_vec()
    }

    /// The name of how images are fitted into the input.
    fn geometry(&self) -> &'static str {
        self.0.fit().0.name()
    }

    /// The side of the input in pixels.
    fn input_size(&self) -> usize {
        self.0.sam().config().image_size
    }

    /// The side of low-resolution masks in pixels.
    fn mask_size(&self) -> usize {
        self.0.sam().config().mask_size()
    }

    /// The name of the kind of mask to use if none is named.
    fn best_kind(&self) -> &'static str {
        self.0.best_kind().name()
    }

    /// Encodes an image.
    fn encode(&self, py: Python<'_>, image: PyReadonlyArray3<'_, u8>) -> PyResult<Encoded> {
        let pixels = pixels_of(&image)?;
        let (size, model) = (pixels.size, Arc::clone(&self.0));
        let image = on_thread(py, move || model.encode(&pixels))?.map_err(to_python)?;
        Ok(Encoded { image: Arc::new(image), size })
    }

    /// Writes an encoded image to a file.
    fn write_encoded(&self, py: Python<'_>, image: &Encoded, path: PathBuf) -> PyResult<()> {
        let (model, image) = (Arc::clone(&self.0), Arc::clone(&image.image));
        on_thread(py, move || model.write_encoded(&image, &path))?.map_err(to_python)
    }

    /// Reads an encoded image from a file.
    fn read_encoded(&self, py: Python<'_>, path: PathBuf) -> PyResult<Encoded> {
        let model = Arc::clone(&self.0);
        let image = on_thread(py, move || model.read_encoded(&path))?.map_err(to_python)?;
        let size = image.size();
        Ok(Encoded { image: Arc::new(image), size })
    }

    /// Predicts the masks of prompts, each with points (x, y, label), a box and the logits of an earlier mask: masks
    /// [prompts, masks, height, width], bool or as float32 logits, IoUs [prompts, masks], low-resolution logits, and remarks.
    #[pyo3(signature = (image, prompts, kind, multimask, logits))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        image: &Encoded,
        prompts: Vec<GivenPrompt>,
        kind: &str,
        multimask: bool,
        logits: bool,
    ) -> PyResult<Predicted<'py>> {
        let side = self.0.sam().config().mask_size();
        let prompts: Vec<Prompt> =
            prompts.into_iter().map(|prompt| prompt.into_prompt(side)).collect();
        let kind = kind_of(kind)?;
        let (model, encoded) = (Arc::clone(&self.0), Arc::clone(&image.image));
        let predict = move || {
            let answers = model.predict_all(&encoded, &prompts, kind, multimask)?;
            Ok(Answer::of(&answers, &encoded, logits))
        };
        let answer: Result<Answer, Error> = on_thread(py, predict)?;
        answer.map_err(to_python)?.into_arrays(py, image.size, side)
    }

    /// Starts to find everything in an image, with settings in a JSON text.
    fn start_generation(
        &self,
        image: PyReadonlyArray3<'_, u8>,
        kind: &str,
        settings: &str,
    ) -> PyResult<Job> {
        let pixels = pixels_of(&image)?;
        let (model, kind) = (Arc::clone(&self.0), kind_of(kind)?);
        let config = generator_settings(settings)?;
        Job::start(move |reporter| {
            let generator = MaskGenerator::new(&model, kind, config)?;
            let masks = generator.generate_while(&pixels, |done, total| {
                let (done, total) = (done as u64, Some(total as u64));
                let what = "finding masks";
                reporter.progress(&Progress { what, done, total, note: String::new() });
                !reporter.should_stop()
            })?;
            let annotation = |(id, mask)| Annotation::new(id as u64, mask);
            Ok(masks.iter().enumerate().map(annotation).collect::<Vec<_>>())
        })
    }
}

#[pymethods]
impl Encoded {
    /// Height and width of the image in pixels.
    #[getter]
    fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }
}

/// Refuses settings of the generator that are not valid.
#[pyfunction]
pub(crate) fn check_generator_settings(settings: &str) -> PyResult<()> {
    generator_settings(settings)?.validate().map_err(to_python)
}

fn generator_settings(settings: &str) -> PyResult<MaskGeneratorConfig> {
    Ok(serde_json::from_str(settings)
        .map_err(|error| Raised::setting("MaskGenerator", "settings of the generator", error))?)
}

/// A prompt as it comes from Python.
#[derive(FromPyObject)]
pub(crate) struct GivenPrompt(Vec<(f32, f32, i32)>, Option<[f32; 4]>, Option<Vec<f32>>);

impl GivenPrompt {
    fn into_prompt(self, side: usize) -> Prompt {
        let Self(points, box_xyxy, mask) = self;
        let points = points.into_iter().map(|(x, y, label)| Point { x, y, label }).collect();
        let mask = mask.map(|data| NoiseMask { size: side, data: data.into() });
        Prompt::of(box_xyxy, points, mask)
    }
}

/// Masks of all prompts, one after the other.
enum Masks {
    Pixels(Vec<bool>),
    Logits(Vec<f32>),
}

struct Answer {
    prompts: usize,
    masks: Masks,
    ious: Vec<f32>,
    low_res: Vec<f32>,
    notes: Vec<String>,
}

/// Masks, IoUs, low-resolution logits, remarks.
type Predicted<'py> =
    (Bound<'py, PyAny>, Bound<'py, PyArray2<f32>>, Bound<'py, PyArrayDyn<f32>>, Vec<String>);

impl Answer {
    fn of(predictions: &[Prediction], image: &EncodedImage, logits: bool) -> Self {
        let masks = || predictions.iter().flat_map(|prediction| &prediction.masks);
        let pixels = if logits {
            Masks::Logits(masks().flat_map(|mask| image.logits(&mask.low_res)).collect())
        } else {
            let levels = masks().flat_map(|mask| mask.mask.to_grey().data);
            Masks::Pixels(levels.map(|level| level > 0).collect())
        };
        Self {
            prompts: predictions.len(),
            masks: pixels,
            ious: masks().map(|mask| mask.predicted_iou).collect(),
            low_res: masks().flat_map(|mask| mask.low_res.iter().copied()).collect(),
            notes: predictions.iter().flat_map(|prediction| prediction.notes.clone()).collect(),
        }
    }

    fn into_arrays(self, py: Python<'_>, size: Size, side: usize) -> PyResult<Predicted<'_>> {
        let count = self.ious.len() / self.prompts.max(1);
        let shape = [self.prompts, count, size.height, size.width];
        let masks = match self.masks {
            Masks::Pixels(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
            Masks::Logits(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
        };
        let ious = self.ious.into_pyarray(py).reshape([self.prompts, count])?;
        let low_res = self.low_res.into_pyarray(py);
        let low_res = low_res.reshape(vec![self.prompts, count, side, side])?;
        Ok((masks, ious, low_res, self.notes))
    }
}
