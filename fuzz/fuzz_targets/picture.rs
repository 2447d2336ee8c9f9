#![no_main]

#[path = "../../crates/maskwright-image/tests/fuzz_bodies/bodies.rs"]
#[allow(dead_code, reason = "each target runs one of them")]
mod bodies;
#[path = "../others.rs"]
mod others;

libfuzzer_sys::fuzz_target!(init: others::unwind(), |data: &[u8]| bodies::picture(data));
