//! The fuzz targets of this crate as plain tests: their seeds, and seeded changes of them.

#[path = "../../../fuzz/harness.rs"]
mod harness;

use maskwright_train::trainer::fuzzing;

#[test]
fn config() {
    harness::run("config", 20_000, fuzzing::config);
}

#[test]
fn run_state() {
    harness::run("run_state", 20_000, fuzzing::run_state);
}

#[test]
fn metrics() {
    harness::run("metrics", 20_000, fuzzing::metrics);
}
