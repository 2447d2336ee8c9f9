//! The report of a run: made when training ends, and again from what lies in the folder, whatever
//! state that is in.

mod support;

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use support::{Place, printed, refused, text, works, write_pairs, write_tiny_model};

/// A run of three epochs that is over, and its folder.
fn run(place: &Place) -> PathBuf {
    let (images, masks) = write_pairs(place.path(), 12);
    let (images, masks) = (images.display().to_string(), masks.display().to_string());
    let (model, output) = (place.text("model.toml"), place.text("run"));
    write_tiny_model(Path::new(&model));
    let mut args = vec!["train", "--images", &images, "--masks", &masks, "--output", &output];
    args.extend(["--model-config", &model, "--input-size", "64", "--train", "all"]);
    args.extend(["--batch-size-train", "2", "--max-epoch-num", "3", "--hold-out", "50"]);
    args.extend(["--log-every", "1", "--eval-prompts", "box,points"]);
    works(&args);
    place.join("run")
}

/// The page without what differs from one making to the next: the day.
fn page(run: &Path) -> String {
    let page = std::fs::read_to_string(run.join("report.html")).expect("a page");
    page.lines().filter(|line| !line.contains("class=\"created\"")).collect()
}

fn bytes(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Makes the report; gives the JSON document that says what was written.
fn remade(run: &Path) -> serde_json::Value {
    let output = works(&["report", &run.display().to_string(), "--json"]);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Makes the report; gives the notes on what is missing in it.
fn notes(run: &Path) -> String {
    text(&works(&["report", &run.display().to_string()]).stderr)
}

#[test]
fn a_report_is_remade_as_it_was() {
    let place = Place::new();
    let run = run(&place);
    let names = ["curves.png", "predictions.png"];
    let before = (page(&run), names.map(|name| bytes(&run, name)));
    for name in ["report.html", "curves.png", "predictions.png"] {
        std::fs::remove_file(run.join(name)).expect("removed");
    }
    let written = remade(&run);
    assert_eq!(written["notes"], serde_json::json!([]));
    assert_eq!(written["report"], run.join("report.html").display().to_string());
    assert_snapshot!(printed(&["report", &run.display().to_string()]), @"
        [DIR]/run/report.html
        [DIR]/run/curves.png
        [DIR]/run/predictions.png
        ");
    assert!(before == (page(&run), names.map(|name| bytes(&run, name))), "the same to the byte");

    // The best epoch is marked, and the verdict stands before everything else.
    assert!(before.0.contains("<path class=\"mark\""));
    let (verdict, figures) =
        (before.0.find("Best: epoch "), before.0.find("<dl class=\"summary\""));
    assert!(verdict.is_some() && verdict < figures, "{verdict:?} {figures:?}");

    // The page has the last validation, too.
    let log = std::fs::read_to_string(run.join("metrics.jsonl")).expect("a log");
    let epochs: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|entry: &serde_json::Value| entry["kind"] == "epoch")
        .collect();
    let sets = epochs[2]["validation"].as_array().expect("a list");
    assert_eq!(sets.len(), 2, "a validation for each kind of prompt");
    for set in sets {
        let iou = set["scores"][0]["iou"].as_f64().expect("a number");
        assert!(before.0.contains(&format!(">{iou:.4}<")), "{iou:.4}");
    }
}

/// Killed after its second epoch: the numbers are there, and the model of an epoch before.
#[test]
fn a_run_that_was_killed_gets_its_page() {
    let place = Place::new();
    let run = run(&place);
    let log = std::fs::read_to_string(run.join("metrics.jsonl")).expect("a log");
    let end = log.match_indices("\"kind\":\"epoch\"").nth(1).expect("a second epoch").0;
    let end = end + log[end..].find('\n').expect("a whole line") + 1;
    // A line that the kill cut short follows.
    std::fs::write(run.join("metrics.jsonl"), format!("{}{{\"kind\":\"st", &log[..end]))
        .expect("written");
    for name in ["report.html", "predictions.png"] {
        std::fs::remove_file(run.join(name)).expect("removed");
    }

    // The last validation on disk is that of the third epoch: its pictures are not the second's.
    assert_snapshot!(notes(&run), @"
        note: No predictions are shown: the folder has no validation.json of epoch 1.
        note: The run is not over: 2 epochs are done.
        ");
    assert!(!run.join("predictions.png").exists());

    let validation = std::fs::read_to_string(run.join("validation.json")).expect("kept");
    assert!(validation.contains("\"epoch\":2"), "{validation}");
    std::fs::write(run.join("validation.json"), validation.replace("\"epoch\":2", "\"epoch\":1"))
        .expect("written");
    assert_snapshot!(notes(&run), @"note: The run is not over: 2 epochs are done.");
    assert!(page(&run).contains("The run is not over"));
    assert!(run.join("predictions.png").is_file());
}

#[test]
fn data_that_moved_cost_the_pictures_and_no_more() {
    let place = Place::new();
    let run = run(&place);
    std::fs::rename(place.join("images"), place.join("elsewhere")).expect("moved");
    std::fs::remove_file(run.join("predictions.png")).expect("removed");
    let written = remade(&run);
    assert_snapshot!(text(written["notes"].to_string().as_bytes()), @r#"["No predictions are shown: set images (held out): the folder of its images does not exist: [DIR]/images."]"#);
    assert!(written["predictions"].is_null() && !run.join("predictions.png").exists());
    let page = page(&run);
    assert!(page.contains("No predictions are shown") && page.contains("mIoU"), "{page}");
    assert_snapshot!(printed(&["report", &run.display().to_string()]), @"
        [DIR]/run/report.html
        [DIR]/run/curves.png
        ");
}

#[test]
fn what_is_no_run_is_refused_by_name() {
    let place = Place::new();
    let none = place.text("none");
    assert_snapshot!(refused(&["report", &none], 2), @"error: [DIR]/none: expected config.toml, the settings of a run, found no such folder");
    assert_snapshot!(refused(&["report", &place.text("")], 2), @"error: [DIR]/: expected config.toml, the settings of a run, found none");
    let run = run(&place);
    std::fs::write(run.join("metrics.jsonl"), "{\"kind\":\"fish\"}\n").expect("written");
    let run = run.display().to_string();
    // A damaged log costs its lines.
    let report = works(&["report", &run]);
    assert_snapshot!(text(&report.stderr), @"
        note: [DIR]/run/metrics.jsonl: 1 damaged line is passed over (line 1: unknown variant `fish`, expected one of `before`, `step`, `skipped`, `epoch`, `loader`, `times` at column 14)
        note: The run is not over: 0 epochs are done.
        ");
}
