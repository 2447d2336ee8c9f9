//! The fuzz targets of this crate as plain tests: their seeds, and seeded changes of them.

mod bodies;
#[path = "../../../../fuzz/harness.rs"]
mod harness;

#[test]
fn prompt_file() {
    harness::run("prompt_file", 20_000, bodies::prompt_file);
}

#[test]
fn tensor_file() {
    harness::run("tensor_file", 8_000, bodies::tensor_file);
}

#[test]
fn prompt_list() {
    harness::run("prompt_list", 20_000, bodies::prompt_list);
}
