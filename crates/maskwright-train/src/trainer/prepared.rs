//! What a run needs before its first step: data opened, model loaded, everything that can be refused looked at.

use maskwright_data::sample::SampleConfig;
use maskwright_data::source::Mix;
use maskwright_model::device::{Place, host};
use maskwright_model::load::{LoadedModel, load_model};
use maskwright_model::weights::shapes;
use maskwright_model::{Sam, Trainable};

use crate::config::TrainConfig;
use crate::conventions;
use crate::error::{Error, Result};
use crate::evaluator::{EvalSet, left_out, open_sets, sample_config};
use crate::observer::Observer;
use crate::optimizer::layer_scales;

/// The parts of a run.
pub(super) struct Prepared {
    /// The settings, with what was found out about the data.
    pub(super) config: TrainConfig,
    pub(super) place: Place,
    pub(super) train: Mix,
    pub(super) valid: Vec<EvalSet>,
    pub(super) loaded: LoadedModel,
    pub(super) samples: SampleConfig,
}

impl Prepared {
    /// Opens data and model. What the data leave out is told.
    pub(super) fn open(config: &TrainConfig, observer: &mut dyn Observer) -> Result<Self> {
        let place = config.compute.compute().open()?;
        let train = config.data.train_mix(&observer.opening())?;
        let valid = open_sets(config.data.open_valid(&observer.opening())?);
        // What was found out about the data is written down with the settings.
        let mut config = config.clone();
        let opened = train.sets().iter().chain(valid.iter().map(|set| &set.source));
        config.data.settle_ranges(opened);
        config.check_length(train.len())?;
        let hq = config.train.learns.asks_for_hq_head();
        let mut loaded = load_model(&config.model, hq, config.train.seed, &host())?;
        if let Trainable::Lora(_) = config.train.learns {
            loaded.sam = loaded.sam.with_adapter(&config.train.lora, config.train.seed)?;
        }
        config.train.learns.check(&loaded.sam)?;
        check_layers(&config, &loaded.sam)?;
        check_cache(&config, &loaded.sam)?;
        let sources = train.sets().iter().chain(valid.iter().map(|set| &set.source));
        for note in left_out(sources) {
            observer.note(&note);
        }
        let samples = SampleConfig {
            objects_per_image: config.train.objects_per_image,
            ..config.compute.bounded(sample_config(&config.data, &loaded.sam))
        };
        Ok(Self { config, place, train, valid, loaded, samples })
    }
}

/// The model where it learns: on its device, what learns of it recorded, remembering how it has to be used.
pub(super) fn learning(model: Sam, config: &TrainConfig, place: &Place) -> Result<Sam> {
    let model = conventions::remembered(model, config)?;
    let learns = &config.train.learns;
    let encoder_learns = model.encoder_learns(learns);
    Ok(place.put(model, encoder_learns).training(learns))
}

/// Refuses a decay by layers where no block of the encoder learns.
fn check_layers(config: &TrainConfig, model: &Sam) -> Result<()> {
    let decay = config.optimizer.layer_decay;
    let names = shapes(model).into_iter().map(|(name, _)| name);
    let learning: Vec<String> = names.filter(|name| config.train.learns.contains(name)).collect();
    let scales = layer_scales(learning.iter().map(String::as_str), decay);
    if decay < 1.0 && scales.values().all(|scale| *scale == 1.0) {
        let expected = "1 where no block of the image encoder learns (train.learns)";
        return Err(Error::setting("optimizer.layer_decay", expected, decay));
    }
    Ok(())
}

/// Refuses to keep features of an encoder that learns.
fn check_cache(config: &TrainConfig, model: &Sam) -> Result<()> {
    if config.cache.keep && model.encoder_learns(&config.train.learns) {
        let expected =
            "an image encoder that does not learn (train.learns), so that its features can be kept";
        return Err(Error::setting("cache.keep", expected, &config.train.learns));
    }
    Ok(())
}
