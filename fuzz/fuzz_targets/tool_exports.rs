#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| maskwright_data::source::fuzzing::tool_exports(data));
