//! What a run needs before its first step: data opened, model loaded, everything that can be refused looked at.

use maskwright_data::loader::LoaderConfig;
use maskwright_data::sample::{SampleConfig, usable_memory};
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
        // So is the model's own size.
        config.model.input_size = Some(loaded.sam.config().image_size);
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
        samples.validate()?;
        if let Some(memory) = usable_memory() {
            check_memory(&config, &samples, memory)?;
        }
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

/// Pieces of an encoder that are worth a cache: the patch embedding alone costs less than to read what it gives.
const FEWEST_KEPT: usize = 2;

/// Refuses to keep features of an encoder that learns from its first block on.
fn check_cache(config: &TrainConfig, model: &Sam) -> Result<()> {
    let learns = &config.train.learns;
    if config.cache.keep && model.frozen_pieces(learns) < FEWEST_KEPT {
        let expected = "an image encoder of which at least the first block does not learn (train.learns, \
                        train.lora.blocks), so that what it computes can be kept";
        let found = match learns {
            Trainable::Lora(_) => format!("{learns} with blocks {}", config.train.lora.blocks),
            learns => learns.to_string(),
        };
        return Err(Error::setting("cache.keep", expected, found));
    }
    Ok(())
}

/// Refuses batches of which two, the one at work and the next, do not fit into so many bytes of memory.
fn check_memory(config: &TrainConfig, samples: &SampleConfig, memory: u64) -> Result<()> {
    let batch_size = config.train.batch_size;
    let bytes = |batch_size: usize, objects_per_image: usize| {
        let sample = SampleConfig { objects_per_image, ..samples.clone() };
        2 * LoaderConfig { batch_size, sample, ..LoaderConfig::default() }.batch_bytes()
    };
    let objects = samples.objects_per_image;
    if bytes(batch_size, objects) <= memory {
        return Ok(());
    }
    let gigabytes = memory as f64 / 1e9;
    let of =
        format!("two batches at {} pixels fit into {gigabytes:.1} GB of memory", samples.plan.size);
    let most = |key: &str, found: usize, fits: &dyn Fn(usize) -> bool| {
        let most = (1..found).rev().find(|&count| fits(count)).unwrap_or(1);
        Err(Error::setting(key, format!("at most {most}, of which {of}"), found))
    };
    match objects {
        1 => most("train.batch_size", batch_size, &|count| bytes(count, 1) <= memory),
        _ => most("objects_per_image", objects, &|count| bytes(batch_size, count) <= memory),
    }
}

#[cfg(test)]
mod tests {
    use maskwright_data::source::DataFile;

    use super::*;

    #[test]
    fn batches_that_fit_no_memory_are_refused() {
        let refused = |batch_size: usize, objects_per_image: usize| {
            let mut config = TrainConfig::new(DataFile::from_folders("a", "b"), "run".into());
            config.train.batch_size = batch_size;
            let samples = SampleConfig { objects_per_image, ..SampleConfig::for_size(1024) };
            check_memory(&config, &samples, 1 << 30).expect_err("too large").to_string()
        };
        // A view of 2^20 pixels takes 3 MiB, and 4 MiB for each object. Into half of 1 GiB go 73 views with one (7 MiB each), or
        // 4 views with 31 (127 MiB each).
        insta::assert_snapshot!([refused(100, 1), refused(4, 1000)].join("\n"), @"
            train.batch_size: expected at most 73, of which two batches at 1024 pixels fit into 1.1 GB of memory, found 100
            objects_per_image: expected at most 31, of which two batches at 1024 pixels fit into 1.1 GB of memory, found 1000
            ");
    }
}
