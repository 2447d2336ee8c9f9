//! A model together with the named sets that it is evaluated on.

use maskwright_data::postprocess;
use maskwright_data::prompt::{Prompt, PromptKind};
use maskwright_data::sample::{EvalSample, Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{DataFile, OpenContext};
use maskwright_image::mask::Bitmap;
use maskwright_model::device::{Compute, Place, host};
use maskwright_model::load::{ModelSource, check_input_size, load_model};
use maskwright_model::{GeometryFrom, MaskKind, Sam};

use super::config::EvalConfig;
use super::metrics::Evaluation;
use super::run::{all_masks, evaluate};
use super::sets::{EvalSet, left_out, open_sets, sample_config};
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::prompts;

/// A model that has been loaded, and the validation sets of a data file that have been opened.
pub struct EvalJob {
    sam: Sam,
    place: Place,
    samples: SampleConfig,
    sets: Vec<EvalSet>,
    notes: Vec<String>,
}

/// The prediction for one record, made as in an evaluation.
pub struct PredictedRecord {
    /// The record in the model's frame, with its label.
    pub sample: EvalSample,
    /// The prompt, in pixels of the model's input. `None` if the object allows no prompt of this kind;
    /// then there are no masks.
    pub prompt: Option<Prompt>,
    /// All masks of the model, at the image's size.
    pub masks: Vec<(MaskKind, Bitmap)>,
}

impl EvalJob {
    /// Loads the model and opens the `[[valid]]` sets of `data`. `context` receives the progress of
    /// indexing. Images are padded as in the model's training, or with `data.plan.pad` if the checkpoint
    /// does not store that.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] and [`Error::NoSets`] if either is missing; other errors if one cannot be
    /// read, or the device cannot be used.
    pub fn open(
        model: &ModelSource,
        compute: &Compute,
        data: &DataFile,
        context: &OpenContext<'_>,
    ) -> Result<Self> {
        let place = compute.open()?;
        model.input_size.map_or(Ok(()), check_input_size)?;
        if model.checkpoint.is_none() {
            return Err(Error::NoCheckpoint);
        }
        if data.valid.is_empty() {
            return Err(Error::NoSets { list: "valid" });
        }
        let sets = open_sets(data.open_valid(context)?);
        let loaded = load_model(model, false, 0, &host())?;
        let mut samples = sample_config(data, &loaded.sam);
        if let Some(value) = loaded.sam.padding_value() {
            samples.plan.pad = value;
        }
        let mut notes = loaded.notes;
        notes.extend(left_out(sets.iter().map(|set| &set.source)));
        let sam = place.put(loaded.sam, false);
        Ok(Self { sam, place, samples, sets, notes })
    }

    /// Returns remarks on the model and on the data, for the user.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the model.
    pub fn sam(&self) -> &Sam {
        &self.sam
    }

    /// Returns the sets.
    pub fn sets(&self) -> &[EvalSet] {
        &self.sets
    }

    /// Returns how images are fitted into the input, and where that comes from: `asked` if given,
    /// otherwise the geometry that the model was validated with, otherwise HQ-SAM's validation
    /// ([`Preset::Squash`]) for checkpoints that do not store it.
    pub fn geometry(&self, asked: Option<Preset>) -> (Preset, GeometryFrom) {
        self.sam.geometry(asked, Preset::Squash)
    }

    /// Evaluates the model on every set.
    ///
    /// # Errors
    /// The error of the first sample that cannot be read, which names its file.
    pub fn evaluate(&self, config: &EvalConfig, observer: &mut dyn Observer) -> Result<Evaluation> {
        evaluate(&self.sam, self.place.device(), &self.samples, &self.sets, config, observer)
    }

    /// Predicts one record of a set, with the same masks as in [`Self::evaluate`].
    ///
    /// # Errors
    /// The error of a record that cannot be read, which names its file.
    pub fn predict(
        &self,
        set: &EvalSet,
        record: usize,
        prompt: PromptKind,
        config: &EvalConfig,
    ) -> Result<PredictedRecord> {
        let mut maker = SampleMaker::new(self.samples.clone())?;
        let sample = maker.eval(set.source.as_ref(), record, config.geometry)?;
        let Some(prompt) = sample.prompt(prompt, &self.samples.prompts, config.seed) else {
            return Ok(PredictedRecord { sample, prompt: None, masks: Vec::new() });
        };
        let shown = sample.geometry.visible();
        let device = self.place.device();
        let input =
            self.sam.preprocess_fitted(&sample.image, [shown.height, shown.width], device)?;
        let features = self.sam.encode_image(input);
        let side = self.sam.config().mask_size();
        let masks = all_masks(&self.sam, &features, &prompts::to_model(&prompt))?
            .into_iter()
            .map(|(kind, logits)| {
                let logits = postprocess::to_source(&sample.geometry, &logits, side);
                (kind, Bitmap::from_logits(&logits, sample.geometry.source))
            })
            .collect();
        Ok(PredictedRecord { sample, prompt: Some(prompt), masks })
    }
}
