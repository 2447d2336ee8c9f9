//! The doctor's histograms as bars.

use maskwright_doctor::Histogram;

use crate::page::{BarPlot, Bin, bar_chart};

/// Writes one histogram as a figure.
pub(super) fn write(page: &mut String, histogram: &Histogram) {
    let bins = histogram.counts.iter().enumerate().map(|(at, &count)| {
        let (from, to) = (histogram.edges[at], histogram.edges[at + 1]);
        let range = format!("{} to {} {}", number(from), number(to), histogram.unit);
        Bin { label: label(histogram, at), range, count }
    });
    let plot = BarPlot {
        title: histogram.title.to_owned(),
        hint: format!("{}{}", histogram.unit, range(histogram)),
        bins: bins.collect(),
    };
    bar_chart::write(page, &plot);
}

/// A bin's values in few letters: counts of whole things are one number where the bin holds one.
fn label(histogram: &Histogram, at: usize) -> String {
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
