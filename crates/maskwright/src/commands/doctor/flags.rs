//! The flags that say what lines of a data file say.

use std::path::Path;

use maskwright_doctor::Diagnosis;

use crate::command_line;

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    command_line::quoted(Path::new(word))
}

/// Gives every finding that has a line the flags that do the same.
pub(super) fn add(diagnosis: &mut Diagnosis) {
    let several = diagnosis.sets.len() > 1;
    for set in &mut diagnosis.sets {
        // What is for one of several sets says for which.
        let prefix = if several { format!("{}.", set.name) } else { String::new() };
        for finding in &mut set.findings {
            finding.flags = finding.fix.as_deref().and_then(|lines| flags_of(lines, &prefix));
        }
    }
}

/// The flags that say what lines of a data file say; `prefix` is what stands before a key of a set.
fn flags_of(lines: &str, prefix: &str) -> Option<String> {
    let keys: toml::Table = toml::from_str(lines).ok()?;
    let flag = |(key, value): (&String, &toml::Value)| {
        match (key.as_str(), value) {
            ("crowds", toml::Value::Boolean(true)) => "--crowds".to_owned(),
            ("unmatched", toml::Value::String(what)) if what == "skip" => "--skip-unmatched".into(),
            ("mask_kind" | "image_ext" | "mask_ext" | "mask_suffix", toml::Value::String(text)) => {
                // A suffix may begin as flags do.
                format!("--{}={}", key.replace('_', "-"), quoted(text))
            }
            ("ignore_values", toml::Value::Array(numbers)) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                format!("--ignore-values {}", numbers.join(","))
            }
            ("value_range", toml::Value::Array(ends)) => {
                let ends: Vec<String> = ends.iter().map(ToString::to_string).collect();
                format!("--value-range {}", ends.join(","))
            }
            ("value_range", toml::Value::String(word)) => format!("--value-range {word}"),
            ("min_area", toml::Value::Integer(area)) => format!("--min-area {area}"),
            ("scale_min", toml::Value::Float(scale)) => format!("--scale-min {scale}"),
            (_, toml::Value::String(word)) => {
                format!("--set {}", quoted(&format!("{prefix}{key}={word}")))
            }
            _ => format!("--set {}", quoted(&format!("{prefix}{key}={value}"))),
        }
    };
    let flags: Vec<String> = keys.iter().map(flag).collect();
    Some(flags.join(" "))
}

#[cfg(test)]
mod tests {
    use super::flags_of;

    #[test]
    fn lines_have_the_flags_that_say_the_same() {
        let flags = |lines: &str| flags_of(lines, "").unwrap_or_default();
        assert_eq!(flags("crowds = true"), "--crowds");
        assert_eq!(flags("unmatched = \"skip\""), "--skip-unmatched");
        assert_eq!(flags("mask_suffix = \"_mask\""), "--mask-suffix=_mask");
        assert_eq!(flags("mask_suffix = \" it's\""), "--mask-suffix=' it'\\''s'");
        assert_eq!(flags("image_ext = \"jpg\""), "--image-ext=jpg");
        assert_eq!(flags("min_area = 121"), "--min-area 121");
        assert_eq!(flags("value_range = [0, 4095]"), "--value-range 0,4095");
        assert_eq!(flags("value_range = \"auto\""), "--value-range auto");
        let both = flags("ignore_values = [255]\nmask_kind = \"instances\"");
        assert_eq!(both, "--ignore-values 255 --mask-kind=instances");
        assert_eq!(flags("scale_min = 0.13"), "--scale-min 0.13");
        // What has no flag of its own.
        assert_eq!(flags("exclude = [\"a\"]"), "--set 'exclude=[\"a\"]'");
        assert_eq!(flags("exif = \"ignore\""), "--set exif=ignore");
        let of_set = flags_of("exclude = [\"a\"]", "valid.");
        assert_eq!(of_set.as_deref(), Some("--set 'valid.exclude=[\"a\"]'"));
        let both = flags("ignore_values = [255]\nmask_values = { 1 = 255 }");
        assert_eq!(both, "--ignore-values 255 --set 'mask_values={ 1 = 255 }'");
    }
}
