//! Names in words, as messages and help list them.

/// All names: "a, b or c", where `last` is "or".
pub fn list(names: &[&str], last: &str) -> String {
    match names.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// What is said of a name that is none of these.
pub(crate) fn expected(names: &[&str], found: &str) -> String {
    format!("expected {}, found {found:?}", list(names, "or"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed() {
        let lists = [&["one", "two", "three"][..], &["one", "two"], &["one"], &[]];
        let lists = lists.map(|names| list(names, "or"));
        assert_eq!(lists, ["one, two or three", "one or two", "one", ""]);
        assert_eq!(expected(&["one", "two"], "a\n"), "expected one or two, found \"a\\n\"");
    }
}
