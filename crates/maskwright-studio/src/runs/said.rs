//! What a program said last.

/// The last line that says something; a bar draws over its line.
pub(super) fn last_of(text: &str) -> String {
    let mut lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    lines.next_back().unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
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
