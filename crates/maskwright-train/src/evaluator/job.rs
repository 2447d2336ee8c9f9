//! A model together with the named sets that it is evaluated on.

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

/// A model that has been loaded, and the validation sets of a data file that have been opened.
pub struct EvalJob {
    sam: Sam,
    place: Place,
    samples: SampleConfig,
    sets: Vec<EvalSet>,
    notes: Vec<String>,
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
}
