//! The model as it came is validated before the first step, what becomes of it is compared, and the best epoch's model is kept.

use std::cell::Cell;

use maskwright_model::weights::conventions;
use maskwright_model::{MaskKind, SamConfig, weights};
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{EvalJob, SetMetrics, judged};
use maskwright_train::observer::{Observer, Silent};
use maskwright_train::provenance;
use maskwright_train::run_files::{self, BEST, RunFiles};
use maskwright_train::run_log::{BeforeEntry, Entry, EpochEntry};
use maskwright_train::trainer::{Start, train};
use maskwright_train::verdict::Verdict;

use super::{Place, StopAfter};

/// A SAM without an HQ head, trained a little from nothing.
fn sam(place: &Place) -> std::path::PathBuf {
    let mut config = place.run("sam");
    config.train.epochs = 1;
    config.model.config = Some(SamConfig::small(64, 16, 32, 2).with_hq(false));
    config.train.learns = maskwright_model::Trainable::All;
    let outcome = train(&config, Start::Fresh, &mut Silent).expect("trained");
    let log = RunFiles::read(&config.output).expect("a run");
    assert_eq!(log.before(), None, "fresh weights are nothing to compare with");
    assert_eq!(outcome.verdict.expect("validated").before, None);
    outcome.checkpoint.expect("a checkpoint")
}

fn tuned(place: &Place, name: &str, checkpoint: &std::path::Path) -> TrainConfig {
    let mut config = place.run(name);
    config.model = maskwright_model::ModelSource {
        checkpoint: Some(checkpoint.to_path_buf()),
        ..Default::default()
    };
    config
}

/// Counts what is said of the model as it came, and stops within its validation if it shall.
#[derive(Default)]
struct Watch {
    before: Vec<BeforeEntry>,
    sets: Vec<SetMetrics>,
    stops: bool,
    evaluating: Cell<usize>,
}

impl Observer for Watch {
    fn before_evaluated(&mut self, metrics: &SetMetrics) {
        self.sets.push(metrics.clone());
    }
    fn before(&mut self, entry: &BeforeEntry) {
        self.before.push(entry.clone());
    }
    fn evaluating(&mut self, _set: &str, _done: usize, _total: usize) {
        self.evaluating.set(self.evaluating.get() + 1);
    }
    fn should_stop(&self) -> bool {
        self.stops && self.evaluating.get() > 0
    }
}

fn masks(sets: &[SetMetrics]) -> Vec<MaskKind> {
    sets.iter().flat_map(|set| set.scores.iter().map(|scores| scores.mask)).collect()
}

#[test]
fn a_model_with_a_new_head_is_judged_by_its_own_mask_before() {
    let place = Place::new();
    let sam = sam(&place);
    let config = tuned(&place, "run", &sam);
    let mut watch = Watch::default();
    let outcome = train(&config, Start::Fresh, &mut watch).expect("trained");
    let run = RunFiles::read(&config.output).expect("a run");
    assert!(matches!(run.log[0], Entry::Before(_)), "{:?}", run.log[0]);
    assert_eq!(run.before(), watch.before.first());
    let before = run.before().expect("validated before");
    assert_eq!(
        (masks(&before.validation), masks(&watch.sets)),
        (vec![MaskKind::Sam], vec![MaskKind::Sam])
    );
    let images = run_files::read_before(&config.output).expect("read").expect("image by image");
    assert!(images.images.iter().all(|image| image.scores.len() == 1));

    // It is what an evaluation of that checkpoint says.
    let job = EvalJob::open(&config.model, &Default::default(), &config.data, &Default::default());
    let evaluation = job.expect("opened");
    let settings = config.validation.evaluation();
    let evaluation = evaluation.evaluate(&settings, &mut Silent).expect("evaluated");
    assert_eq!(evaluation.sets[0].of(MaskKind::Sam), before.validation[0].of(MaskKind::Sam));

    let verdict = outcome.verdict.expect("validated");
    assert_eq!(Some(&verdict), Verdict::of(&run).as_ref());
    let scores: Vec<f64> = run
        .epochs()
        .map(|epoch: &EpochEntry| judged(&epoch.validation[0].scores).expect("scored").iou)
        .collect();
    let best = scores.iter().copied().fold(f64::MIN, f64::max);
    assert_eq!((verdict.best, verdict.last), (best, scores[1]));
    assert_eq!((verdict.mask, verdict.before_mask), (MaskKind::Hq, Some(MaskKind::Sam)));
    assert_eq!(verdict.before, Some(before.validation[0].scores[0].iou));
    assert_eq!(verdict.better, verdict.before.map(|before| best > before));

    // Tuned again, the head is no longer new.
    let again = tuned(&place, "again", &config.output.join(BEST));
    let mut watch = Watch::default();
    train(&again, Start::Fresh, &mut watch).expect("trained");
    let masks = masks(&watch.before[0].validation);
    assert_eq!(masks, [MaskKind::Sam, MaskKind::Hq, MaskKind::SamHq]);
    let judged = judged(&watch.before[0].validation[0].scores).expect("scored");
    assert_eq!(judged.iou, best, "the best model is the one that was kept");
}

#[test]
fn best_is_the_best_whatever_is_saved_else() {
    let place = Place::new();
    let sam = sam(&place);
    let mut config = tuned(&place, "run", &sam);
    config.train.epochs = 3;
    config.checkpoints.every_epochs = 3;
    // So large a rate makes later epochs worse.
    config.optimizer.learning_rate = 0.1;
    train(&config, Start::Fresh, &mut Silent).expect("trained");
    let run = RunFiles::read(&config.output).expect("a run");
    let (epoch, score) = run.best().expect("validated");
    let best = tuned(&place, "none", &config.output.join(BEST));
    let job = EvalJob::open(&best.model, &Default::default(), &best.data, &Default::default());
    let settings = best.validation.evaluation();
    let evaluation = job.expect("opened").evaluate(&settings, &mut Silent).expect("evaluated");
    let found = judged(&evaluation.sets[0].scores).expect("scored").iou;
    assert_eq!(found, score, "best.safetensors is of epoch {epoch}");
    let names = super::checkpoints(&config.output);
    assert_eq!(names, ["best.safetensors", "epoch_2.safetensors", "sam_hq_epoch_2.safetensors"]);
    // What replaces the run takes it along.
    let mut short = config.clone();
    short.train.epochs = 1;
    short.checkpoints.every_epochs = 1;
    short.validation.before = false;
    short.data.valid.clear();
    train(&short, Start::Overwrite, &mut Silent).expect("trained");
    let names = super::checkpoints(&config.output);
    assert_eq!(names, ["epoch_0.safetensors", "sam_hq_epoch_0.safetensors"]);
    assert_eq!(RunFiles::read(&config.output).expect("a run").before(), None);
}

#[test]
fn a_run_that_is_stopped_while_it_validates_first_does_it_again() {
    let place = Place::new();
    let sam = sam(&place);
    let whole = tuned(&place, "whole", &sam);
    train(&whole, Start::Fresh, &mut Silent).expect("trained");

    let config = tuned(&place, "stopped", &sam);
    let mut watch = Watch { stops: true, ..Watch::default() };
    let outcome = train(&config, Start::Fresh, &mut watch).expect("stopped");
    assert!(outcome.stopped && watch.before.is_empty());
    let resumed = TrainConfig::read_from_run(&config.output).expect("settings");
    let mut first = StopAfter(1);
    assert!(train(&resumed, Start::Resume, &mut first).expect("stopped").stopped);
    let mut watch = Watch::default();
    train(&resumed, Start::Resume, &mut watch).expect("trained");
    assert_eq!(watch.before, [], "it is done once");
    let log = |config: &TrainConfig| {
        let run = RunFiles::read(&config.output).expect("a run");
        let before = run.before().expect("validated before").validation.clone();
        (before, run.epochs().map(|epoch| epoch.validation.clone()).collect::<Vec<_>>())
    };
    assert_eq!(log(&whole), log(&config));
}

#[test]
fn a_validation_that_fails_costs_no_earlier_run() {
    let place = Place::new();
    let sam = sam(&place);
    let mut config = tuned(&place, "run", &sam);
    train(&config, Start::Fresh, &mut Silent).expect("trained");
    let kept = std::fs::read(config.output.join(BEST)).expect("read");
    // Its header is whole, and its end is missing.
    let valid = config.data.open_valid(&Default::default()).expect("opened");
    let image = valid[0].record(1).expect("a record").image;
    let bytes = std::fs::read(&image).expect("read");
    std::fs::write(&image, &bytes[..bytes.len() / 2]).expect("written");
    config.data.plan.strict = true;
    let error = train(&config, Start::Overwrite, &mut Silent).expect_err("refused");
    assert!(error.to_string().contains(&image.display().to_string()), "{error}");
    assert_eq!(std::fs::read(config.output.join(BEST)).expect("read"), kept);
}

#[test]
fn checkpoints_say_how_they_were_trained() {
    let place = Place::new();
    let sam = sam(&place);
    let config = tuned(&place, "run", &sam);
    train(&config, Start::Fresh, &mut Silent).expect("trained");
    let best = weights::Checkpoint::open(&config.output.join(BEST)).expect("opened");
    let known = conventions(&best).expect("readable").expect("conventions");
    assert_eq!(known.mask, Some(MaskKind::Hq));
    let training = known.training.expect("training");
    let sum = maskwright_train::checksums::of_file(&sam).expect("read").0;
    assert_eq!((training.program.as_str(), training.began_with), (provenance::PROGRAM, Some(sum)));
    let settings: toml::Table = training.settings.parse().expect("TOML");
    assert_eq!(settings["train"]["epochs"].as_integer(), Some(2));
    let train_set = config.data.train_mix(&Default::default()).expect("opened");
    let valid = config.data.open_valid(&Default::default()).expect("opened");
    let share = |set| provenance::share_of(&training.images, set).expect("read");
    assert_eq!(share(&*train_set.sets()[0]), Some(1.0));
    assert_eq!(share(&*valid[0]), Some(0.0));
}
