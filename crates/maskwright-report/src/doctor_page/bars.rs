//! Histograms as bars, in SVG.

use std::fmt::Write;

use maskwright_doctor::Histogram;

use crate::page::escape::escape;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 210.0;
const TOP: f64 = 22.0;
const FLOOR: f64 = 166.0;
const LEFT: f64 = 26.0;

/// Writes one histogram as a figure. Bins before the first and after the last value are left out.
pub(super) fn write(page: &mut String, histogram: &Histogram) {
    let _ = writeln!(
        page,
        "<figure class=\"chart\">\n<figcaption><h3>{}</h3><p class=\"hint\">{}{}</p></figcaption>",
        escape(histogram.title),
        escape(histogram.unit),
        escape(&range(histogram))
    );
    let used = |&at: &usize| histogram.counts[at] > 0;
    let all = 0..histogram.counts.len();
    let first = all.clone().find(used).unwrap_or(0);
    let last = all.rev().find(used).unwrap_or(0);
    let highest = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let total = histogram.total().max(1) as f64;
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(&describe(histogram))
    );
    let bins = last + 1 - first;
    // Few bins make no broad walls.
    let step = ((WIDTH - 2.0 * LEFT) / bins.max(5) as f64).min(72.0);
    for (column, at) in (first..=last).enumerate() {
        let count = histogram.counts[at];
        let x = LEFT + step * column as f64;
        let height = (FLOOR - TOP) * count as f64 / highest;
        let middle = x + step / 2.0;
        let (from, to) = (histogram.edges[at], histogram.edges[at + 1]);
        let label = bin(histogram, at);
        let _ = writeln!(
            page,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\">\
             <title>{} to {} {}: {count} ({:.1}%)</title></rect>",
            x + 2.0,
            FLOOR - height,
            step - 4.0,
            number(from),
            number(to),
            escape(histogram.unit),
            100.0 * count as f64 / total
        );
        if count > 0 {
            let _ = writeln!(
                page,
                "<text class=\"tick\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{count}</text>",
                FLOOR - height - 5.0
            );
        }
        let _ = writeln!(
            page,
            "<text class=\"tick\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"end\" \
             transform=\"rotate(-32 {middle:.1} {:.1})\">{label}</text>",
            FLOOR + 15.0,
            FLOOR + 15.0
        );
    }
    let _ = writeln!(page, "<path class=\"axis\" d=\"M{LEFT} {FLOOR}H{:.1}\"/>", WIDTH - LEFT);
    page.push_str("</svg>\n</figure>\n");
}

/// A bin's values in few letters: counts of whole things are one number where the bin holds one.
fn bin(histogram: &Histogram, at: usize) -> String {
    let (from, to) = (histogram.edges[at], histogram.edges[at + 1]);
    if at + 2 == histogram.edges.len() {
        return format!("{}+", number(from));
    }
    if histogram.name == "objects_per_image" {
        let last = to - 1.0;
        return if last <= from {
            number(from)
        } else {
            format!("{}-{}", number(from), number(last))
        };
    }
    format!("{}-{}", number(from), number(to))
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn range(histogram: &Histogram) -> String {
    match (histogram.min, histogram.mean, histogram.max) {
        (Some(min), Some(mean), Some(max)) => {
            format!("; {} to {}, mean {}", number(min), number(max), number(mean))
        }
        _ => String::new(),
    }
}

/// The histogram for readers who do not see it.
fn describe(histogram: &Histogram) -> String {
    let mut text = format!("{} in {}", histogram.title, histogram.unit);
    for (at, count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let _ = write!(text, "; {}: {count}", bin(histogram, at));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bins_are_short() {
        assert_eq!(number(0.10), "0.1");
        assert_eq!(number(1024.0), "1024");
        assert_eq!(number(0.0), "0");
    }
}
