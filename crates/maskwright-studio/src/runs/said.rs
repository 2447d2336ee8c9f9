//! What a program says: its last line, a forecast.

/// The last line that says something; a bar draws over its line.
pub(super) fn last_of(text: &str) -> String {
    let mut lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    lines.next_back().unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}

/// A forecast line by line.
pub(super) fn in_words(found: &serde_json::Value) -> String {
    let number = |key: &str| found[key].as_u64().unwrap_or_default();
    let seconds = |key: &str| found[key].as_f64().unwrap_or_default();
    let mut lines = vec![
        format!(
            "learns: {} of {} parameters",
            number("trainable_parameters"),
            number("parameters")
        ),
        format!(
            "steps: {} an epoch of {} samples, {} epochs",
            number("steps_per_epoch"),
            number("records"),
            number("epochs")
        ),
        format!("a step: {:.2} s", seconds("seconds_per_step")),
        format!("an epoch: {:.0} s", seconds("seconds_per_epoch")),
    ];
    if seconds("seconds_per_validation") > 0.0 {
        lines.push(format!("validation: {:.0} s", seconds("seconds_per_validation")));
    }
    lines.push(format!("the run: {:.0} s", seconds("seconds")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_what_a_bar_shows_now() {
        assert_eq!(last_of("epoch 0\rstep 1\rstep 2\r\n\n"), "step 2");
        assert_eq!(last_of("\u{1b}[2Kdone\n"), "[2Kdone");
        assert_eq!(last_of(""), "");
    }
}
