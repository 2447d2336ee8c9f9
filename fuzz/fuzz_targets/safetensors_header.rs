#![no_main]

#[path = "../../crates/maskwright-model/tests/fuzz_bodies/bodies.rs"]
#[allow(dead_code, reason = "each target runs one of them")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::safetensors_header(data));
