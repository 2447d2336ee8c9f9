//! A model with named sets, ready to be evaluated.

use std::path::Path;

use maskwright_data::sample::SampleConfig;
use maskwright_data::source::DataFile;
use maskwright_model::Sam;

use crate::checkpoint;
use crate::config::ModelSource;
use crate::device::{Compute, Place, host};
use crate::error::{Error, Result};
use crate::evaluator::{EvalConfig, EvalSet, Evaluation, evaluate};
use crate::observer::Observer;
use crate::run_report::{self, gallery::Evaluated};
use crate::trainer::{left_out, open_sets, sample_config};

/// What `maskwright eval` holds: a model and the validation sets of a data file.
pub struct EvalJob {
    sam: Sam,
    place: Place,
    samples: SampleConfig,
    sets: Vec<EvalSet>,
    notes: Vec<String>,
}

impl EvalJob {
    /// Loads the model and opens the `[[valid]]` sets of `data`.
    pub fn open(
        model: &ModelSource,
        compute: &Compute,
        input_size: Option<usize>,
        data: &DataFile,
    ) -> Result<Self> {
        let place = compute.open()?;
        if let Some(size) = input_size {
            crate::config::input_size(size)?;
        }
        if model.checkpoint.is_none() {
            return Err(Error::NoCheckpoint);
        }
        if data.valid.is_empty() {
            return Err(Error::NoSets { list: "valid" });
        }
        let sets = open_sets(data.open_valid()?);
        let loaded = checkpoint::load_model(model, input_size, false, 0, &host())?;
        let samples = sample_config(data, &loaded.sam);
        let mut notes = loaded.notes;
        notes.extend(left_out(sets.iter().map(|set| &set.source)));
        let sam = place.put(loaded.sam, false);
        Ok(Self { sam, place, samples, sets, notes })
    }

    /// Remarks on the model.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Evaluates the model on every set.
    pub fn evaluate(&self, config: &EvalConfig, observer: &mut dyn Observer) -> Result<Evaluation> {
        evaluate(&self.sam, self.place.device(), &self.samples, &self.sets, config, observer)
    }

    /// Writes the tables and the worst and best predictions of an evaluation as an HTML page,
    /// and the predictions alone as a PNG of the same stem beside it.
    pub fn write_report(
        &self,
        config: &EvalConfig,
        evaluation: &Evaluation,
        page: &Path,
    ) -> Result<()> {
        run_report::write_evaluation(
            &Evaluated {
                sam: &self.sam,
                device: self.place.device(),
                samples: &self.samples,
                sets: &self.sets,
                config,
                evaluation,
            },
            page,
        )
    }
}
