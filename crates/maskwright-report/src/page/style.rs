//! The style sheets: of the page, and of charts in a page or in a picture.

use std::sync::LazyLock;

use maskwright_image::draw::Colour;

/// Everything but the charts.
pub(super) const PAGE: &str = include_str!("style.css");

/// Charts: shared by the page and its pictures.
pub(super) const CHART: &str = include_str!("chart.css");

/// [`CHART`] as a renderer without variables takes it: the colours on light paper put in.
pub(super) static CHART_ON_LIGHT: LazyLock<String> = LazyLock::new(|| {
    let mut css = String::new();
    let mut rest = CHART;
    while let Some((before, after)) = rest.split_once("var(--") {
        let (name, after) = after.split_once(')').expect("our style sheet closes its brackets");
        css.push_str(before);
        css.push_str(value(name));
        rest = after;
    }
    css + rest
});

/// The value of a variable on light paper, which [`PAGE`] sets first.
fn value(name: &str) -> &'static str {
    let start = format!("--{name}: ");
    let after = PAGE.split_once(start.as_str()).expect("our style sheet sets its variables").1;
    after.split_once(';').expect("and ends their lines").0
}

/// A colour on light paper by the name of its variable.
pub(super) fn colour(name: &str) -> Colour {
    let hex = value(name).trim_start_matches('#');
    let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("six digits");
    [channel(0), channel(2), channel(4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_resolved_on_light_paper() {
        assert!(!CHART_ON_LIGHT.contains("var("), "{}", *CHART_ON_LIGHT);
        assert!(CHART_ON_LIGHT.contains(".s0 { color: #2563eb; }"), "{}", *CHART_ON_LIGHT);
        assert_eq!(colour("s1"), [0xd9, 0x66, 0x0a]);
    }
}
