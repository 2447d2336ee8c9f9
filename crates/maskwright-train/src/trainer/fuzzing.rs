//! What the fuzz targets run: readers of a run's files on any bytes, and what must hold of the result.

use std::path::Path;

use maskwright_data::source::DataFile;

use super::state;
use crate::config::{Preset, TrainConfig};
use crate::run_log;

/// A `config.toml`, a preset or settings in JSON: no input panics; an error names the file and what was expected, in
/// one line; what is read is the same after writing and reading it again, to the last bit of every number.
///
/// # Panics
///
/// Where one of that fails.
pub fn config(data: &[u8]) {
    let path = Path::new("fuzz.toml");
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read_again = |config: &TrainConfig| {
        let written = config.to_toml(path).expect("what was text can be TOML");
        let again = TrainConfig::parse(path, &written).expect("what was written reads");
        // Not compared as values: a number that is none differs from itself.
        assert_eq!(format!("{config:?}"), format!("{again:?}"));
    };
    let told = |error: crate::Error, begin: &str| {
        let text = error.to_string();
        let is_told = text.starts_with(begin) && text.contains("expected ");
        assert!(is_told && !text.contains('\n'), "{text:?}");
    };
    match TrainConfig::parse(path, text) {
        Ok(config) => read_again(&config),
        Err(error) => told(error, "fuzz.toml"),
    }
    let mut config = TrainConfig::new(DataFile::default(), "run".into());
    match Preset::of_text("fuzz.toml", text.to_owned()).put_over(&mut config) {
        Ok(()) if config.validate().is_ok() => read_again(&config),
        Ok(()) => {}
        Err(error) => told(error, "fuzz.toml"),
    }
    match TrainConfig::from_json(text) {
        Ok(config) => read_again(&config),
        Err(error) => told(error, ""),
    }
}

/// The `state.json` of a saved state: no input panics; an error names the file and what was expected; what is read
/// is the same after writing and reading it again, to the last bit of every number.
///
/// # Panics
///
/// Where one of that fails.
pub fn run_state(data: &[u8]) {
    let path = Path::new("fuzz.json");
    match state::parse(data, path) {
        Ok(state) => {
            let text = serde_json::to_vec_pretty(&state).expect("numbers");
            assert_eq!(state::parse(&text, path).expect("read again"), state);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("fuzz.json: expected ") && text.contains("found"), "{text}");
        }
    }
}

/// A `metrics.jsonl`: no input panics; every whole line that is not empty is read or told as damaged; what is read
/// is the same after writing and reading it again.
///
/// # Panics
///
/// Where one of that fails.
pub fn metrics(data: &[u8]) {
    let log = run_log::parse(data);
    let whole = data.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    assert_eq!(log.entries.len() + log.damaged.len(), whole.filter(|line| line.len() > 1).count());
    assert!(log.damaged.is_sorted_by(|one, next| one.0 < next.0));
    let text: String = log.entries.iter().map(run_log::line).collect();
    let again = run_log::parse(text.as_bytes());
    assert_eq!(again.entries, log.entries);
    assert!(again.damaged.is_empty());
}
