//! The fuzz targets as a plain test: their seeds, their corpora, and seeded changes of them, a fixed number of times.
//!
//! `fuzz/` runs the same functions under libFuzzer, for as long as one likes.

mod bodies;
#[path = "../../../../fuzz/harness.rs"]
mod harness;

use harness::run;

/// How many changed inputs a target gets: a second or two each.
const CHANGES: usize = 30_000;

/// Each of these is decoded four times.
const JPEG_CHANGES: usize = 5_000;

/// Their decoders take long for a small picture, too.
const SLOW_CHANGES: usize = 3_000;

#[test]
fn png() {
    run("png", CHANGES, bodies::png);
}

#[test]
fn jpeg() {
    run("jpeg", JPEG_CHANGES, bodies::jpeg);
}

#[test]
fn tiff() {
    run("tiff", CHANGES, bodies::tiff);
}

#[test]
fn webp() {
    run("webp", CHANGES, bodies::webp);
}

#[test]
fn jxl() {
    run("jxl", SLOW_CHANGES, bodies::jxl);
}

#[test]
fn avif() {
    run("avif", SLOW_CHANGES, bodies::avif);
}

#[test]
fn bmp() {
    run("bmp", CHANGES, bodies::bmp);
}

#[test]
fn picture() {
    run("picture", CHANGES, bodies::picture);
}

#[test]
fn label() {
    run("label", CHANGES, bodies::label);
}

#[test]
fn axis() {
    run("axis", CHANGES, bodies::axis);
}

#[test]
fn rle() {
    run("rle", CHANGES, bodies::rle);
}
