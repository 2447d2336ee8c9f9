//! The sets that a model is evaluated on, and how their samples are made for it.

use std::sync::Arc;

use maskwright_data::sample::SampleConfig;
use maskwright_data::source::{DataFile, Source};
use maskwright_model::Sam;

/// A named set to evaluate on.
#[derive(Clone)]
pub struct EvalSet {
    /// The name of the set in tables.
    pub name: String,
    /// The records of the set.
    pub source: Arc<dyn Source>,
}

/// Returns how samples of `data` are made for this model: with its input size, and with mask prompts at
/// the resolution of its masks.
pub fn sample_config(data: &DataFile, model: &Sam) -> SampleConfig {
    data.sample_config(model.config().image_size, model.config().mask_size())
}

/// Makes sets to evaluate on of open sources, with the names of the sources.
pub fn open_sets(sets: Vec<Arc<dyn Source>>) -> Vec<EvalSet> {
    sets.into_iter().map(|source| EvalSet { name: source.name().to_owned(), source }).collect()
}

/// What the sets' data holds that no record shows, by cause: a line for each set.
pub(crate) fn left_out<'a>(sets: impl Iterator<Item = &'a Arc<dyn Source>>) -> Vec<String> {
    let of_set = |set: &'a Arc<dyn Source>| {
        let causes: Vec<String> = set.left_out().iter().map(ToString::to_string).collect();
        let told = !causes.is_empty();
        told.then(|| format!("set {}: left out are {}", set.name(), causes.join("; ")))
    };
    sets.filter_map(of_set).collect()
}
