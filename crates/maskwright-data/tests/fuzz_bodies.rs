//! The fuzz targets of this crate as a plain test: their seeds, and seeded changes of them, a fixed
//! number of times. `fuzz/` runs the same functions under libFuzzer.

#[path = "../../maskwright-image/tests/fuzz_bodies/run.rs"]
mod run;

use maskwright_data::source::fuzzing;
use run::{CHANGES, run};

#[test]
fn annotations() {
    run("annotations", CHANGES, fuzzing::annotations);
}

#[test]
fn tar_index() {
    run("tar_index", CHANGES, fuzzing::tar_index);
}
