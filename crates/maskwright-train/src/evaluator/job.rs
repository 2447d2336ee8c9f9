//! A model together with the named sets that it is evaluated on.

use std::sync::Arc;

use maskwright_data::sample::{Preset, SampleConfig};
use maskwright_data::source::{BoxDetection, DataFile, DetectionSet, OpenContext};
use maskwright_model::device::{Compute, Place};
use maskwright_model::load::{ModelSource, check_input_size, load_frozen};
use maskwright_model::{GeometryFrom, Sam};

use super::boxes::{BoxEvaluation, ScoredBy, evaluate_boxes};
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
    others: Vec<String>,
    notes: Vec<String>,
}

impl EvalJob {
    /// Loads the model and opens the `[[valid]]` and `[[other]]` sets of `data`. `context` receives the progress of
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
        // The model's settings are looked at first: indexing may take long.
        Self::check(model)?;
        if data.valid.is_empty() && data.other.is_empty() {
            return Err(Error::NoSets { list: "valid", file: None });
        }
        let others = data.other.iter().map(|set| set.name.clone()).collect();
        let sources = [data.open_valid(context)?, data.open_other(context)?].concat();
        Ok(Self { others, ..Self::with_sets(model, compute, data, open_sets(sources))? })
    }

    /// Loads the model for boxes ([`evaluate_boxes`](Self::evaluate_boxes)), without any set.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn for_boxes(model: &ModelSource, compute: &Compute, data: &DataFile) -> Result<Self> {
        Self::check(model)?;
        Self::with_sets(model, compute, data, Vec::new())
    }

    fn check(model: &ModelSource) -> Result<()> {
        model.input_size.map_or(Ok(()), check_input_size)?;
        if model.checkpoint.is_none() {
            return Err(Error::NoCheckpoint);
        }
        Ok(())
    }

    fn with_sets(
        model: &ModelSource,
        compute: &Compute,
        data: &DataFile,
        sets: Vec<EvalSet>,
    ) -> Result<Self> {
        let place = compute.open()?;
        let loaded = load_frozen(model, &place)?;
        let mut samples = sample_config(data, &loaded.sam);
        if let Some(value) = loaded.sam.padding_value() {
            samples.plan.pad = value;
        }
        let mut notes = loaded.notes;
        notes.extend(left_out(sets.iter().map(|set| &set.source)));
        Ok(Self { sam: loaded.sam, place, samples, sets, others: Vec::new(), notes })
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

    /// Returns the names of the sets that come from `[[other]]`: those on which it shows what a model has forgotten.
    pub fn others(&self) -> &[String] {
        &self.others
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

    /// Evaluates the model's masks for boxes of a set's images, which are sorted by image.
    ///
    /// # Errors
    /// The error of the first image that cannot be read, which names its file.
    pub fn evaluate_boxes(
        &self,
        set: &Arc<DetectionSet>,
        boxes: &[BoxDetection],
        scored_by: ScoredBy,
        config: &EvalConfig,
        observer: &mut dyn Observer,
    ) -> Result<BoxEvaluation> {
        let model = (&self.sam, self.place.device());
        evaluate_boxes(model, &self.samples, set, (boxes, scored_by), config, observer)
    }
}
