//! The fuzz targets as a plain test: their seeds, and seeded changes of them, a fixed number of times.
//!
//! `fuzz/` runs the same functions under libFuzzer, for as long as one likes.

mod bodies;
mod run;

use run::run;

#[test]
fn png() {
    run("png", bodies::png);
}

#[test]
fn label() {
    run("label", bodies::label);
}

#[test]
fn axis() {
    run("axis", bodies::axis);
}

#[test]
fn rle() {
    run("rle", bodies::rle);
}
