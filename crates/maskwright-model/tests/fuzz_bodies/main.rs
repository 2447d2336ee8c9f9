//! The fuzz targets of this crate as plain tests: their seeds, and seeded changes of them.

mod bodies;
#[path = "../../../../fuzz/harness.rs"]
mod harness;

#[test]
fn checkpoint() {
    harness::run("checkpoint", 8_000, bodies::checkpoint);
}

#[test]
fn hf_config() {
    harness::run("hf_config", 4_000, bodies::hf_config);
}

#[test]
fn safetensors_header() {
    harness::run("safetensors_header", 8_000, bodies::safetensors_header);
}
