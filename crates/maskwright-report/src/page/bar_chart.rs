//! Histograms as bars, in SVG.

use std::fmt::Write;

use super::BarPlot;
use super::escape::escape;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 210.0;
const TOP: f64 = 22.0;
const FLOOR: f64 = 166.0;
const LEFT: f64 = 26.0;

/// Writes one histogram as a figure. Bins before the first and after the last value are left out.
pub(crate) fn write(page: &mut String, plot: &BarPlot) {
    let _ = writeln!(
        page,
        "<figure class=\"chart\">\n<figcaption><h3>{}</h3><p class=\"hint\">{}</p></figcaption>",
        escape(&plot.title),
        escape(&plot.hint)
    );
    let used = |&at: &usize| plot.bins[at].count > 0;
    let all = 0..plot.bins.len();
    let first = all.clone().find(used).unwrap_or(0);
    let last = all.rev().find(used).unwrap_or(0);
    let shown = plot.bins.get(first..=last).unwrap_or_default();
    let counts = plot.bins.iter().map(|bin| bin.count);
    let highest = counts.clone().max().unwrap_or(0).max(1) as f64;
    let total = counts.sum::<u64>().max(1) as f64;
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(&describe(plot))
    );
    // Few bins make no broad walls.
    let step = ((WIDTH - 2.0 * LEFT) / shown.len().max(5) as f64).min(72.0);
    for (column, bin) in shown.iter().enumerate() {
        let (count, label) = (bin.count, escape(&bin.label));
        let x = LEFT + step * column as f64;
        let height = (FLOOR - TOP) * count as f64 / highest;
        let middle = x + step / 2.0;
        let _ = writeln!(
            page,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\">\
             <title>{}: {count} ({:.1}%)</title></rect>",
            x + 2.0,
            FLOOR - height,
            step - 4.0,
            escape(&bin.range),
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

/// The histogram for readers who do not see it.
fn describe(plot: &BarPlot) -> String {
    let mut text = format!("{}, {}", plot.title, plot.hint);
    for bin in plot.bins.iter().filter(|bin| bin.count > 0) {
        let _ = write!(text, "; {}: {}", bin.label, bin.count);
    }
    text
}
