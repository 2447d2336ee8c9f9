//! Names and values as MLflow takes them.

/// The longest name of a metric or a parameter.
const LONGEST_NAME: usize = 250;
/// The longest value of a parameter.
const LONGEST_VALUE: usize = 6000;

/// A name with `_` in place of what MLflow refuses: of characters it takes letters, digits, `_`, `-`, `.`, space and `/`, and
/// between slashes no nothing, `.` or `..`, since it may become a path.
pub(super) fn name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-. /".contains(c);
    let name: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let part = |part: &str| match part {
        "" | "." | ".." => "_".to_owned(),
        part => part.to_owned(),
    };
    let name = name.split('/').map(part).collect::<Vec<_>>().join("/");
    name.chars().take(LONGEST_NAME).collect()
}

/// A setting, given by its dotted key and its value in TOML, as a parameter: texts without their quotes.
pub(super) fn parameter((key, value): (String, String)) -> (String, String) {
    let plain = value.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    (name(&key), plain.unwrap_or(&value).chars().take(LONGEST_VALUE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_mlflow_takes_them() {
        assert_eq!(name("leaves 2/one_point/hq/iou"), "leaves 2/one_point/hq/iou");
        assert_eq!(name("Blätter: grün/box"), "Bl_tter_ gr_n/box");
        assert_eq!(name("/a//../b/"), "_/a/_/_/b/_");
        assert_eq!(name(&"a".repeat(300)).len(), LONGEST_NAME);
    }

    #[test]
    fn texts_lose_their_quotes() {
        let parameter = |value: &str| super::parameter(("a.b".into(), value.into())).1;
        assert_eq!(parameter("\"hq\""), "hq");
        assert_eq!(parameter("[1, 2]"), "[1, 2]");
        assert_eq!(parameter("\""), "\"");
    }
}
