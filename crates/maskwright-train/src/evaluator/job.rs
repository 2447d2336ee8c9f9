//! A model with named sets, ready to be evaluated.

use maskwright_data::sample::{Preset, SampleConfig};
use maskwright_data::source::{DataFile, OpenContext};
use maskwright_model::device::{Compute, Place, host};
use maskwright_model::load::{ModelSource, check_input_size, load_model};
use maskwright_model::{GeometryFrom, Sam};

use super::config::EvalConfig;
use super::evaluation::Evaluation;
use super::run::evaluate;
use super::sets::{EvalSet, left_out, open_sets, sample_config};
use crate::error::{Error, Result};
use crate::observer::Observer;

/// A model and the validation sets of a data file, ready to be evaluated.
pub struct EvalJob {
    sam: Sam,
    place: Place,
    samples: SampleConfig,
    sets: Vec<EvalSet>,
    notes: Vec<String>,
}

impl EvalJob {
    /// Loads the model and opens the `[[valid]]` sets of `data`; `context` hears of what that takes.
    /// Images are padded as the model was trained with, or as `data` says where it does not say.
    ///
    /// # Errors
    /// No checkpoint, no sets, or one of either that cannot be read.
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

    /// Remarks on the model and on the data.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The model.
    pub fn sam(&self) -> &Sam {
        &self.sam
    }

    /// The sets.
    pub fn sets(&self) -> &[EvalSet] {
        &self.sets
    }

    /// How images are fitted into the input, and who says so: as `asked`, or as the model was validated,
    /// or as HQ-SAM validates ([`Preset::Squash`]) where it does not say.
    pub fn geometry(&self, asked: Option<Preset>) -> (Preset, GeometryFrom) {
        self.sam.geometry(asked, Preset::Squash)
    }

    /// Evaluates the model on every set.
    ///
    /// # Errors
    /// The first sample that cannot be read, with its file.
    pub fn evaluate(&self, config: &EvalConfig, observer: &mut dyn Observer) -> Result<Evaluation> {
        evaluate(&self.sam, self.place.device(), &self.samples, &self.sets, config, observer)
    }
}
