//! The flags that say what lines of a data file say.

use maskwright_doctor::Diagnosis;

/// Gives every finding that has a line the flags that do the same, where there are such.
pub(super) fn add(diagnosis: &mut Diagnosis) {
    for finding in diagnosis.sets.iter_mut().flat_map(|set| &mut set.findings) {
        finding.flags = finding.fix.as_deref().and_then(flags_of);
    }
}

/// The flags that say what lines of a data file say; none where not every line has one.
fn flags_of(lines: &str) -> Option<String> {
    let keys: toml::Table = toml::from_str(lines).ok()?;
    let flag = |(key, value): (&String, &toml::Value)| {
        let given = match (key.as_str(), value) {
            ("crowds", toml::Value::Boolean(true)) => "--crowds".to_owned(),
            ("unmatched", toml::Value::String(what)) if what == "skip" => "--skip-unmatched".into(),
            ("mask_kind" | "image_ext" | "mask_ext" | "mask_suffix", toml::Value::String(text)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                let text = match text.chars().all(plain) {
                    true => text.clone(),
                    // A shell takes what is in these quotes as it is.
                    false => format!("'{}'", text.replace('\'', "'\\''")),
                };
                // A suffix may begin as flags do.
                format!("--{}={text}", key.replace('_', "-"))
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
            _ => return None,
        };
        Some(given)
    };
    let flags: Option<Vec<String>> = keys.iter().map(flag).collect();
    flags.map(|flags| flags.join(" "))
}

#[cfg(test)]
mod tests {
    use super::flags_of;

    #[test]
    fn lines_have_the_flags_that_say_the_same() {
        let flags = |lines: &str| flags_of(lines).unwrap_or_default();
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
        // What a flag cannot say.
        assert_eq!(flags_of("exclude = [\"a\"]"), None);
        assert_eq!(flags_of("ignore_values = [255]\nmask_values = { 1 = 255 }"), None);
    }
}
