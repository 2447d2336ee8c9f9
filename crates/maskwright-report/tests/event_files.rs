//! Event files as TensorBoard's own reader finds them.
//!
//! Needs a Python with the package tensorboard: the one that `MASKWRIGHT_TENSORBOARD_PYTHON` names, that of `cargo xtask check`, or
//! `python3`. Left out with a line where none has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use maskwright_data::source::DataFile;
use maskwright_image::{RgbImage, Size};
use maskwright_report::event_log::EventLog;
use maskwright_report::page::{Gallery, GalleryRow, Tile};
use maskwright_train::TrainConfig;
use maskwright_train::loss::LossValues;
use maskwright_train::run_log::StepEntry;
use serde_json::{Value, json};

/// Names the Python to use.
const PYTHON: &str = "MASKWRIGHT_TENSORBOARD_PYTHON";

/// The repository's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn python() -> Option<PathBuf> {
    let reads = |python: &Path| {
        let output = Command::new(python).args(["-c", "import tensorboard"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    if let Some(named) = std::env::var_os(PYTHON).map(PathBuf::from) {
        assert!(reads(&named), "{PYTHON}: {} has no tensorboard", named.display());
        return Some(named);
    }
    let found = [root().join("target/python-checks/bin/python"), "python3".into()];
    let found = found.into_iter().find(|python| reads(python));
    if found.is_none() {
        eprintln!("left out: the test with TensorBoard's reader, since no Python here has it");
    }
    found
}

fn step(global_step: usize, total: f64) -> StepEntry {
    StepEntry {
        epoch: 0,
        step: global_step,
        global_step,
        loss: LossValues { total, terms: [("bce".to_owned(), total / 2.0)].into() },
        learning_rate: 0.0009765625,
        images_per_second: 3.5,
    }
}

#[test]
fn tensorboards_reader_finds_what_was_written() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut config =
        TrainConfig::new(DataFile::from_folders("photos|x", "masks"), folder.path().into());
    config.train.epochs = 7;
    let mut log = EventLog::create(folder.path()).expect("a file");
    log.settings(&config).expect("written");
    log.step(&step(20, 1.5)).expect("written");
    log.step(&step(40, 0.25)).expect("written");
    let tile = |width: usize| Tile {
        caption: "a".into(),
        image: RgbImage::filled(Size::new(width / 2, width), 90),
        other: None,
    };
    let row = GalleryRow { tiles: vec![tile(80), tile(640)], ..GalleryRow::default() };
    let gallery = Gallery { title: "Worst".into(), rows: vec![row], ..Gallery::default() };
    log.galleries(&[gallery], 40).expect("written");

    let script = root().join("python/parity/read_events.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let scalars = json!({
        "loss/total": [[20, 1.5], [40, 0.25]],
        "loss/bce": [[20, 0.75], [40, 0.125]],
        "learning_rate": [[20, 0.0009765625], [40, 0.0009765625]],
        "images_per_second": [[20, 3.5], [40, 3.5]],
    });
    assert_eq!(found["scalars"], scalars);
    // Pictures are made no larger than 320 pixels wide.
    let images = json!({
        "worst/0/0": [[40, 40, 80, "PNG"]],
        "worst/0/1": [[40, 160, 320, "PNG"]],
    });
    assert_eq!(found["images"], images);
    let text = found["texts"]["settings"].as_str().expect("a text");
    for line in
        ["| setting | value |", "| train.epochs | 7 |", r#"| data.train.0.images | "photos\|x" |"#]
    {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    let settings = &found["hparams"];
    assert_eq!((&settings["train.epochs"], &settings["train.learns"]), (&json!(7.0), &json!("hq")));
    assert_eq!(settings["data.train.0.images"], "photos|x");
}
