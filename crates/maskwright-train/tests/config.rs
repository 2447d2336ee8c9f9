//! `config.toml`: its sections come back, files from before there were sections are read, and what
//! is wrong is refused by its key.

use std::path::{Path, PathBuf};

use maskwright_data::source::DataFile;
use maskwright_model::Trainable;
use maskwright_train::config::Preset;
use maskwright_train::{Error, TrainConfig};

/// A file as runs wrote it before settings were in sections.
const FLAT: &str = include_str!("data/config_flat.toml");

fn read(text: &str) -> Result<TrainConfig, Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("written");
    TrainConfig::read(&path)
}

#[test]
fn settings_without_sections_are_read() {
    let config = read(FLAT).expect("the old form");
    assert_eq!(config.output, Path::new("runs/leaves"));
    assert_eq!(config.model.input_size, Some(256));
    let model = config.model.config.as_ref().expect("sizes of a model");
    assert_eq!((model.image_size, model.hq), (256, false));
    let train = &config.train;
    assert_eq!((&train.learns, train.batch_size, train.seed), (&Trainable::All, 8, 0));
    assert_eq!((train.first_epoch, train.epochs, train.log_every_steps), (2, 9, 10));
    assert_eq!(train.loss.points.per_mask, 3136);
    let weights: Vec<(&str, f64)> =
        train.loss.weights.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
    assert_eq!(weights, [("bce", 1.0), ("dice", 1.0), ("iou", 0.5)]);
    assert_eq!(config.optimizer.learning_rate, 4e-4);
    assert_eq!(config.schedule.drop_every_epochs, 6);
    assert_eq!(config.checkpoints.every_epochs, 9);
    assert_eq!(config.checkpoints.state_every_steps, 1000);
    assert_eq!((config.validation.every_epochs, config.validation.limit), (1, 16));
    assert_eq!((config.compute.workers, config.compute.prefetch_bytes), (3, 2 << 30));
    assert_eq!(config.data.train[0].name, "leaves");
    assert_eq!(config.data.plan.scale_max, 1.5);

    // It is written in sections, and means the same.
    let text = toml::to_string_pretty(&config).expect("TOML");
    for section in ["[train]", "[optimizer]", "[schedule]", "[checkpoints]", "[validation]"] {
        assert!(text.contains(section), "{section}: {text}");
    }
    assert_eq!(read(&text).expect("the new form"), config);
}

#[test]
fn what_fuzzing_begins_with_is_read() {
    let seed = |name: &str| {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/config");
        std::fs::read_to_string(seeds.join(name)).expect("a seed")
    };
    for name in ["whole", "flat", "sets"] {
        read(&seed(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    TrainConfig::from_json(&seed("json")).expect("settings in JSON");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let preset = folder.path().join("preset.toml");
    std::fs::write(&preset, seed("preset")).expect("written");
    let mut config = TrainConfig::new(DataFile::from_folders("i", "m"), "run".into());
    let preset = Preset::find(preset.to_str().expect("text")).expect("read");
    preset.put_over(&mut config).expect("settings");
    assert_eq!((config.model.input_size, config.train.accumulate), (Some(512), 8));
}

#[test]
fn what_is_left_out_has_its_default() {
    let data = DataFile::from_folders("leaves/images", "leaves/masks");
    let config = TrainConfig::new(data, PathBuf::from("run"));
    let few = "output = \"run\"\n[[data.train]]\nname = \"leaves\"\n\
               images = \"leaves/images\"\nmasks = \"leaves/masks\"\n";
    assert_eq!(read(few).expect("defaults"), config);
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    let config = read(FLAT).expect("the old form");
    let text = toml::to_string_pretty(&config).expect("TOML");
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}: {text}");
        read(&text.replacen(from, to, 1)).expect_err("refused").to_string()
    };
    for (from, to, words) in [
        ("batch_size = 8", "batch_size = 0", ["config.toml", "train.batch_size"]),
        ("\nepochs = 9", "\nepochs = 2", ["train.epochs", "more than train.first_epoch (2)"]),
        ("learning_rate = 0.0004", "learning_rate = -1.0", ["optimizer.learning_rate", "-1"]),
        ("bce = 1.0", "hinge = 1.0", ["train.loss.weights", "hinge"]),
        ("per_mask = 3136", "per_mask = 0", ["train.loss.points.per_mask", "1 or more"]),
        ("input_size = 256", "input_size = 250", ["model.input_size", "240 or 256"]),
        ("batch_size = 8", "batch_sise = 8", ["config.toml", "batch_sise"]),
        ("kind = \"adam\"", "kind = \"sgd\"", ["sgd", "adam"]),
    ] {
        let message = with(from, to);
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}
