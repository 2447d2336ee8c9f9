#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| maskwright_train::trainer::fuzzing::config(data));
