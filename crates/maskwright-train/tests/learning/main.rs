//! Whole runs in each mode of learning: stopped anywhere and resumed, they come to the same bits; they end by themselves
//! when nothing gets better; and what they keep is what was asked for.

mod adapter;
mod before;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maskwright_data::source::DataFile;
use maskwright_model::adapter::{Blocks, LoraConfig, LoraTarget};
use maskwright_model::{SamConfig, Trainable};
use maskwright_train::observer::{Observer, Silent, StepProgress};
use maskwright_train::optimizer::OptimizerKind;
use maskwright_train::run_files::RunFiles;
use maskwright_train::run_log::Entry;
use maskwright_train::schedule::ScheduleKind;
use maskwright_train::trainer::{Start, train};
use maskwright_train::{Error, TrainConfig};

/// Ten pictures make five batches of two an epoch.
const STEPS: usize = 5;

/// A folder with pictures of the demo.
struct Place {
    folder: tempfile::TempDir,
    data: DataFile,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pictures = maskwright_demo::DemoConfig { train: 10, valid: 2, ..Default::default() };
        let set = maskwright_demo::write(&pictures, folder.path()).expect("pictures");
        let data = DataFile::read(&set.data_file).expect("a data file");
        Self { folder, data }
    }

    /// A run of two epochs into a folder of this name.
    fn run(&self, name: &str) -> TrainConfig {
        let mut config = TrainConfig::new(self.data.clone(), self.folder.path().join(name));
        config.model.config = Some(SamConfig::small(64, 16, 32, 2));
        config.model.input_size = Some(64);
        config.train.batch_size = 2;
        config.train.epochs = 2;
        config.train.log_every_steps = 1;
        config.train.loss.points.per_mask = 256;
        config.compute.workers = 1;
        config
    }
}

/// Asks to stop after so many steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _progress: &StepProgress) {
        self.0 -= 1;
    }
    fn should_stop(&self) -> bool {
        self.0 == 0
    }
}

/// Keeps what is said.
#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn note(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

/// The names of a run's checkpoints, in order.
fn checkpoints(folder: &Path) -> Vec<String> {
    let listing = std::fs::read_dir(folder).expect("listed");
    let names = listing.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".safetensors")).collect();
    names.sort();
    names
}

/// Every tensor of a checkpoint, as bytes.
fn tensors(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(file).expect("read");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect()
}

/// What a log says, without times.
fn log(folder: &Path) -> Vec<String> {
    let log = RunFiles::read(folder).expect("a run").log;
    let said = log.iter().filter_map(|entry| match entry {
        Entry::Step(step) => {
            Some(format!("{} {:?} {}", step.global_step, step.loss, step.learning_rate))
        }
        Entry::Epoch(epoch) => Some(format!(
            "{} {:?} {:?} {:?} {}",
            epoch.epoch,
            epoch.loss,
            epoch.validation,
            epoch.average_validation,
            epoch.learning_rate
        )),
        Entry::Before(before) => Some(format!("{:?}", before.validation)),
        Entry::Skipped(skipped) => Some(format!("{skipped:?}")),
        Entry::Loader(_) | Entry::Times(_) => None,
    });
    said.collect()
}

fn adamw(config: &mut TrainConfig) {
    config.train.learns = Trainable::All;
    config.optimizer.kind = OptimizerKind::AdamW;
    config.optimizer.weight_decay = 0.1;
    config.optimizer.layer_decay = 0.5;
    config.optimizer.clip_norm = Some(0.5);
}

fn cosine(config: &mut TrainConfig) {
    config.schedule.kind = ScheduleKind::Cosine;
    config.schedule.warmup_steps = 3;
}

fn accumulate(config: &mut TrainConfig) {
    config.train.accumulate = 3;
}

fn average(config: &mut TrainConfig) {
    config.train.ema = Some(0.75);
}

fn losses(config: &mut TrainConfig) {
    config.train.loss.set_weights([
        ("focal", 20.0),
        ("boundary", 1.0),
        ("dice", 1.0),
        ("iou", 1.0),
    ]);
}

/// The adapters of the second of two blocks, with the HQ head.
fn lora(config: &mut TrainConfig) {
    config.train.learns = "lora".parse().expect("a word");
    config.train.lora = LoraConfig {
        rank: 2,
        alpha: Some(3.0),
        blocks: Blocks::Last(1),
        targets: vec![LoraTarget::Qkv, LoraTarget::Proj, LoraTarget::Mlp],
    };
}

/// How a run is set up.
type Mode = fn(&mut TrainConfig);

#[test]
fn a_run_that_is_stopped_anywhere_comes_to_the_same_bits() {
    let place = Place::new();
    let all: Mode = |config| {
        for mode in [adamw, cosine, accumulate, average, losses] {
            mode(config);
        }
    };
    // An adapter learns with an average of it, and beside the mask decoder.
    let adapter: Mode = |config| {
        for mode in [lora, average, accumulate] {
            mode(config);
        }
        config.train.learns = "lora,mask_decoder.*".parse().expect("patterns");
    };
    let modes: [(&str, Mode); 8] = [
        ("lora", lora),
        ("adapter", adapter),
        ("adamw", adamw),
        ("cosine", cosine),
        ("accumulate", accumulate),
        ("average", average),
        ("losses", losses),
        ("all", all),
    ];
    let plain = place.run("plain");
    train(&plain, Start::Fresh, &mut Silent).expect("a run");
    for (name, mode) in modes {
        let mut whole = place.run(name);
        mode(&mut whole);
        train(&whole, Start::Fresh, &mut Silent).expect("a run");
        let files = checkpoints(&whole.output);
        assert_ne!(log(&whole.output), log(&plain.output), "{name} changes something");
        // In an update, at the end of one and of an epoch, and in the second epoch.
        for stop in [1, STEPS, STEPS + 2] {
            let mut parts = place.run(&format!("{name}-{stop}"));
            mode(&mut parts);
            let stopped = train(&parts, Start::Fresh, &mut StopAfter(stop)).expect("a part");
            assert!(stopped.stopped, "{name} {stop}");
            let again = TrainConfig::read_from_run(&parts.output).expect("settings");
            train(&again, Start::Resume, &mut Silent).expect("the rest");
            assert_eq!(checkpoints(&parts.output), files, "{name} {stop}");
            for file in &files {
                let same = tensors(&whole.output.join(file)) == tensors(&parts.output.join(file));
                assert!(same, "{name}, stopped after {stop} steps: {file} differs");
            }
            assert_eq!(log(&parts.output), log(&whole.output), "{name} {stop}");
        }
    }
}

#[test]
fn rates_go_by_updates() {
    let place = Place::new();
    let mut config = place.run("run");
    accumulate(&mut config);
    config.schedule.kind = ScheduleKind::Linear;
    config.optimizer.learning_rate = 4.0e-3;
    train(&config, Start::Fresh, &mut Silent).expect("a run");
    // Of five batches three make an update, and the two that are left one: two updates an epoch, four in all.
    let run = RunFiles::read(&config.output).expect("a run");
    let rates: Vec<f64> = run
        .log
        .iter()
        .filter_map(|entry| match entry {
            Entry::Step(step) => Some(step.learning_rate * 1e3),
            _ => None,
        })
        .collect();
    let wanted = [4.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0, 2.0, 1.0, 1.0];
    assert_eq!(rates.len(), wanted.len());
    for (found, wanted) in rates.iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-9, "{rates:?}");
    }
}

/// So small a rate that no weight moves, and all validations are alike.
const NOTHING: f64 = 1e-30;

#[test]
fn a_run_ends_when_nothing_gets_better_and_keeps_the_best() {
    let place = Place::new();
    let mut config = place.run("run");
    config.train.epochs = 6;
    config.optimizer.learning_rate = NOTHING;
    config.train.patience = Some(3);
    config.train.ema = Some(0.5);
    config.checkpoints.keep = Some(2);
    config.checkpoints.every_epochs = 4;
    let mut notes = Notes::default();
    let outcome = train(&config, Start::Fresh, &mut notes).expect("a run");
    // The first validation is the best, and three are no better: checkpoints are due after epoch 3, which is the last.
    assert_eq!(outcome.last.expect("an epoch").epoch, 3);
    assert!(!outcome.stopped);
    insta::assert_snapshot!(notes.0.join("\n"), @"
        no checkpoint: all weights start fresh (seed 42)
        the run ends after epoch 4: the last 3 validations were no better than one before them
        ");
    let run = RunFiles::read(&config.output).expect("a run");
    assert!(run.ran_out_of_patience());
    assert_eq!(run.best().map(|(epoch, _)| epoch), Some(0));
    assert_eq!(run.average.expect("averaged weights").0, 3);
    let named = |epochs: &[usize]| {
        let mut names: Vec<String> = epochs
            .iter()
            .flat_map(|epoch| {
                ["", "_ema"].map(|what| {
                    [
                        format!("epoch_{epoch}{what}.safetensors"),
                        format!("sam_hq_epoch_{epoch}{what}.safetensors"),
                    ]
                })
            })
            .flatten()
            .collect();
        names.push("best.safetensors".into());
        names.sort();
        names
    };
    assert_eq!(checkpoints(&config.output), named(&[3]));

    // It has ended, unless it is given more patience.
    let mut notes = Notes::default();
    let again = train(&config, Start::Resume, &mut notes).expect("nothing to do");
    assert_eq!(again.last, None);
    insta::assert_snapshot!(notes.0.join("\n"), @"the run has ended: the last 3 validations were no better than one before them");
    config.train.patience = Some(10);
    config.checkpoints.every_epochs = 1;
    config.train.epochs = 8;
    let outcome = train(&config, Start::Resume, &mut Silent).expect("the rest");
    assert_eq!(outcome.last.expect("an epoch").epoch, 7);
    // Of epochs with a checkpoint the first of equal ones is the best.
    assert_eq!(checkpoints(&config.output), named(&[3, 6, 7]));
}

#[test]
fn what_is_not_asked_for_is_kept_as_before() {
    let place = Place::new();
    let mut config = place.run("run");
    config.train.epochs = 4;
    config.optimizer.learning_rate = NOTHING;
    train(&config, Start::Fresh, &mut Silent).expect("a run");
    let mut wanted = vec!["best.safetensors".to_owned()];
    wanted.extend((0..4).map(|epoch| format!("epoch_{epoch}.safetensors")));
    wanted.extend([0, 3].map(|epoch| format!("sam_hq_epoch_{epoch}.safetensors")));
    assert_eq!(checkpoints(&config.output), wanted);
}

#[test]
fn three_steps_that_are_no_numbers_end_a_run() {
    let place = Place::new();
    let mut config = place.run("run");
    config.optimizer.learning_rate = 1e30;
    let mut notes = Notes::default();
    let error = train(&config, Start::Fresh, &mut notes).expect_err("no run");
    let Error::NotFinite { in_a_row: 3, epoch: 0, step: 4, records, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(records.len(), 2);
    // The first step made the weights so large; two are skipped, and named.
    let named: Vec<&String> = notes.0.iter().filter(|note| note.contains("skipped")).collect();
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(named[0].starts_with("step 2 of epoch 1 is skipped: its loss is no finite number"));
    let log = RunFiles::read(&config.output).expect("a run").log;
    let skipped: Vec<usize> = log
        .iter()
        .filter_map(|entry| match entry {
            Entry::Skipped(skipped) => {
                assert!(skipped.loss.is_none() && skipped.records.len() == 2);
                Some(skipped.global_step)
            }
            _ => None,
        })
        .collect();
    assert_eq!(skipped, [2, 3]);
}

#[test]
fn lengths_and_layers_that_do_not_fit_are_refused_before_anything_is_written() {
    let place = Place::new();
    let refused = |change: Mode| {
        let mut config = place.run("run");
        change(&mut config);
        let error = train(&config, Start::Fresh, &mut Silent).expect_err("refused");
        let left: Vec<PathBuf> = std::fs::read_dir(&config.output)
            .map(|listing| listing.map(|entry| entry.expect("an entry").path()).collect())
            .unwrap_or_default();
        assert!(!left.iter().any(|path| path.ends_with("config.toml")), "{left:?}");
        error.to_string()
    };
    let lines = [
        refused(|config| config.train.accumulate = 6),
        refused(|config| config.train.accumulate = 0),
        refused(|config| config.schedule.warmup_steps = 10),
        refused(|config| config.optimizer.layer_decay = 0.5),
        refused(|config| config.train.ema = Some(1.0)),
        refused(|config| config.checkpoints.keep = Some(0)),
        refused(|config| {
            config.data.valid.clear();
            config.train.patience = Some(2);
        }),
        refused(|config| {
            config.checkpoints.best_by = "veins:iou".parse().expect("a measure");
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
        train.accumulate: expected at most the 5 batches of an epoch, found 6
        train.accumulate: expected 1 or more, found 0
        schedule.warmup_steps: expected fewer than the 10 updates of the run, found 10
        optimizer.layer_decay: expected 1 where no block of the image encoder learns (train.learns), found 0.5
        train.ema: expected a decay above 0 and below 1, found 1
        checkpoints.keep: expected 1 or more, found 0
        train.patience: expected none where nothing is validated, found 2
        checkpoints.best_by: expected a validation set (demo-valid), found veins
        ");
}
