//! The fuzz targets of this crate as a plain test: their seeds, and seeded changes of them, a fixed
//! number of times. `fuzz/` runs the same functions under libFuzzer.

#[path = "../../../fuzz/harness.rs"]
mod harness;

use harness::run;
use maskwright_data::source::fuzzing;

/// How many changed inputs a target gets: a second or two each.
const CHANGES: usize = 30_000;

#[test]
fn annotations() {
    run("annotations", CHANGES, fuzzing::annotations);
}

#[test]
fn labelme() {
    run("labelme", CHANGES / 3, fuzzing::labelme);
}

#[test]
fn yolo() {
    run("yolo", CHANGES / 3, fuzzing::yolo);
}

#[test]
fn tool_exports() {
    run("tool_exports", CHANGES / 3, fuzzing::tool_exports);
}

#[test]
fn csv() {
    run("csv", CHANGES, fuzzing::csv);
}

#[test]
fn tar_index() {
    run("tar_index", CHANGES, fuzzing::tar_index);
}

#[test]
fn data_file() {
    run("data_file", CHANGES, fuzzing::data_file);
}

#[test]
fn index() {
    run("index", CHANGES / 3, fuzzing::index);
}
