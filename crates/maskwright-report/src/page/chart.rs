//! Line charts: what is drawn of a [`CurvePlot`], and its drawing as SVG.

use super::axis::{Axis, format_significant};
use super::html::escape;
use super::{CurvePlot, Series};
use std::fmt::Write;

/// Series with more points than this are also drawn smoothed, if they are noisy.
const SMOOTH_OVER: usize = 120;
/// The smoothed line averages this share of the points around each one.
const SMOOTH_SHARE: usize = 30;
/// Lines are thinned to about this many points, more than a chart has columns.
const MAX_POINTS: usize = 1200;
/// Up to this many points, each has a dot and says its value under the mouse.
const MAX_DOTS: usize = 60;

/// Colours of the series are taken in turn; the style sheet defines as many.
pub(super) const COLOURS: usize = 8;

/// Unbroken pieces of a line.
pub(super) type Pieces = Vec<Vec<(f64, f64)>>;

/// A chart with its axes fitted and its lines made ready.
pub(super) struct Fitted {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    /// The points as given, thinned where there are very many.
    pub(super) raw: Pieces,
    /// A moving mean of the points, where there are many.
    pub(super) smooth: Option<Pieces>,
}

/// `None` where there is no point that can be shown.
pub(super) fn fit(plot: &CurvePlot) -> Option<Fitted> {
    let shown = |&&(x, y): &&(f64, f64)| x.is_finite() && y.is_finite() && (!plot.log_y || y > 0.0);
    let points = || plot.series.iter().flat_map(|series| &series.points).filter(shown);
    let mut x = Axis::fit(points().map(|p| p.0), false, 6)?;
    let y = Axis::fit(points().map(|p| p.1), plot.log_y, 5)?;
    // Lines span the whole width; round numbers at the ends matter on y alone.
    x.tighten(points().map(|p| p.0));
    let lines = plot
        .series
        .iter()
        .map(|series| {
            let pieces: Pieces = series
                .points
                .split(|point| !shown(&point))
                .filter(|piece| !piece.is_empty())
                .map(<[_]>::to_vec)
                .collect();
            let smooth = is_noisy(&series.points)
                .then(|| pieces.iter().map(|piece| thinned(&smoothed(piece))).collect());
            Line { raw: pieces.iter().map(|piece| thinned(piece)).collect(), smooth }
        })
        .collect();
    Some(Fitted { x, y, lines })
}

/// Whether a line goes up and down so often that a mean says more: a loss does, a
/// learning rate that drops in steps does not.
fn is_noisy(points: &[(f64, f64)]) -> bool {
    let turns = points.windows(3).filter(|w| (w[1].1 - w[0].1) * (w[2].1 - w[1].1) < 0.0).count();
    points.len() > SMOOTH_OVER && turns * 5 > points.len()
}

/// A centred moving mean; at the ends, of what there is of the window.
fn smoothed(piece: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (piece.len() / SMOOTH_SHARE / 2).max(1);
    let mut sums = vec![0.0];
    for (_, y) in piece {
        sums.push(sums[sums.len() - 1] + y);
    }
    (0..piece.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(half), (i + half + 1).min(piece.len()));
            (piece[i].0, (sums[to] - sums[from]) / (to - from) as f64)
        })
        .collect()
}

/// Keeps the first, the lowest, the highest and the last point of each stretch, so
/// that no peak is lost.
fn thinned(piece: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if piece.len() <= MAX_POINTS {
        return piece.to_vec();
    }
    let stretch = piece.len().div_ceil(MAX_POINTS / 4);
    piece
        .chunks(stretch)
        .flat_map(|chunk| {
            let by_y = |&a: &usize, &b: &usize| chunk[a].1.total_cmp(&chunk[b].1);
            let lowest = (0..chunk.len()).min_by(by_y).unwrap_or(0);
            let highest = (0..chunk.len()).max_by(by_y).unwrap_or(0);
            let mut kept = vec![0, lowest, highest, chunk.len() - 1];
            kept.sort_unstable();
            kept.dedup();
            kept.into_iter().map(|i| chunk[i]).collect::<Vec<_>>()
        })
        .collect()
}

impl Series {
    /// The last finite value.
    fn last(&self) -> Option<f64> {
        self.points.iter().rev().map(|p| p.1).find(|y| y.is_finite())
    }
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 18.0;

/// Writes the chart as a figure with heading, legend and SVG.
pub(super) fn write(page: &mut String, plot: &CurvePlot) {
    let title = escape(&plot.title);
    let _ = writeln!(page, "<figure class=\"chart\">\n<figcaption><h3>{title}</h3>");
    let fitted = fit(plot);
    legend(page, plot, fitted.as_ref());
    page.push_str("</figcaption>\n");
    match fitted {
        Some(fitted) => svg(page, plot, &fitted),
        None => page.push_str("<p class=\"empty\">No values to show.</p>\n"),
    }
    page.push_str("</figure>\n");
}

fn legend(page: &mut String, plot: &CurvePlot, fitted: Option<&Fitted>) {
    page.push_str("<ul class=\"legend\">");
    for (i, series) in plot.series.iter().enumerate() {
        let _ = write!(
            page,
            "<li><svg class=\"key s{}\" viewBox=\"0 0 22 8\" aria-hidden=\"true\"><path d=\"M1 4H21\"/></svg>{}",
            i % COLOURS,
            escape(&series.name)
        );
        // Of a noisy line the last mean says more than the last value.
        let mean = fitted.and_then(|f| Some(f.lines[i].smooth.as_ref()?.last()?.last()?.1));
        if let Some(last) = mean.or_else(|| series.last()) {
            let _ = write!(page, " <b>{}</b>", format_significant(last, 3));
        }
        page.push_str("</li>");
    }
    page.push_str("</ul>");
    let smoothed = fitted.is_some_and(|f| f.lines.iter().any(|line| line.smooth.is_some()));
    if smoothed {
        page.push_str("<p class=\"hint\">Faint: every value. Strong: moving mean.</p>");
    }
}

fn svg(page: &mut String, plot: &CurvePlot, fitted: &Fitted) {
    let longest = fitted.y.ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(1);
    // Digits of the 12 px labels are about 7 px wide.
    let left = 16.0 + 7.0 * longest as f64;
    let right = WIDTH - RIGHT;
    let floor = HEIGHT - BOTTOM;
    let at_x = |value: f64| fitted.x.place(value).map(|place| left + place * (right - left));
    let at_y = |value: f64| fitted.y.place(value).map(|place| floor - place * (floor - TOP));
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(&describe(plot))
    );
    for (value, label) in &fitted.y.ticks {
        if let Some(y) = at_y(*value) {
            let _ = writeln!(
                page,
                "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                left - 8.0,
                y + 4.0
            );
        }
    }
    let _ = writeln!(page, "<path class=\"axis\" d=\"M{left:.1} {floor:.1}H{right:.1}\"/>");
    for (value, label) in &fitted.x.ticks {
        if let Some(x) = at_x(*value) {
            let _ = writeln!(
                page,
                "<path class=\"axis\" d=\"M{x:.1} {floor:.1}v5\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                floor + 19.0
            );
        }
    }
    let _ = writeln!(
        page,
        "<text class=\"label\" x=\"{left:.1}\" y=\"16\">{}</text>\
         <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        escape(&plot.y_label),
        (left + right) / 2.0,
        HEIGHT - 6.0,
        escape(&plot.x_label)
    );
    let place = |&(x, y): &(f64, f64)| Some((at_x(x)?, at_y(y)?));
    for (i, (line, series)) in fitted.lines.iter().zip(&plot.series).enumerate() {
        let _ = writeln!(page, "<g class=\"s{}\">", i % COLOURS);
        let faint = if line.smooth.is_some() { "line faint" } else { "line" };
        path(page, faint, &line.raw, place);
        if let Some(smooth) = &line.smooth {
            path(page, "line", smooth, place);
        }
        let count: usize = line.raw.iter().map(Vec::len).sum();
        if count <= MAX_DOTS {
            for point in line.raw.iter().flatten() {
                if let Some((x, y)) = place(point) {
                    dot(page, plot, series, point, (x, y));
                }
            }
        }
        page.push_str("</g>\n");
    }
    page.push_str("</svg>\n");
}

/// A dot, and a larger invisible one around it that shows the value as a tool tip.
fn dot(page: &mut String, plot: &CurvePlot, series: &Series, point: &(f64, f64), at: (f64, f64)) {
    let x_label = if plot.x_label.is_empty() { "x" } else { &plot.x_label };
    let _ = writeln!(
        page,
        "<circle class=\"dot\" cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"2.6\"/>\
         <circle class=\"hit\" cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"9\"><title>{2}, {3} {4}: {5}</title></circle>",
        at.0,
        at.1,
        escape(&series.name),
        escape(x_label),
        format_significant(point.0, 6),
        format_significant(point.1, 4)
    );
}

fn path(
    page: &mut String,
    class: &str,
    pieces: &Pieces,
    place: impl Fn(&(f64, f64)) -> Option<(f64, f64)>,
) {
    let mut data = String::new();
    for piece in pieces {
        for (i, (x, y)) in piece.iter().filter_map(&place).enumerate() {
            let _ = write!(data, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
    }
    if !data.is_empty() {
        let _ = writeln!(page, "<path class=\"{class}\" d=\"{data}\"/>");
    }
}

/// What the chart shows, for readers who do not see it.
fn describe(plot: &CurvePlot) -> String {
    let mut text = format!("{}: {} by {}", plot.title, plot.y_label, plot.x_label);
    for series in &plot.series {
        let first = series.points.iter().map(|p| p.1).find(|y| y.is_finite());
        if let (Some(first), Some(last)) = (first, series.last()) {
            let _ = write!(
                text,
                "; {} from {} to {}",
                series.name,
                format_significant(first, 3),
                format_significant(last, 3)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_peaks() {
        let mut piece: Vec<(f64, f64)> = (0..50_000).map(|i| (f64::from(i), 1.0)).collect();
        piece[31_234].1 = 9.0;
        piece[777].1 = -3.0;
        let kept = thinned(&piece);
        assert!(kept.len() <= MAX_POINTS, "{}", kept.len());
        assert!(kept.contains(&(31_234.0, 9.0)) && kept.contains(&(777.0, -3.0)));
        assert_eq!((kept[0], kept[kept.len() - 1]), (piece[0], piece[49_999]));
        assert!(kept.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn the_moving_mean_evens_out_noise_alone() {
        let line = |i: i32| f64::from(i) * 0.01;
        let noisy: Vec<(f64, f64)> =
            (0..600).map(|i| (f64::from(i), line(i) + f64::from(i % 2))).collect();
        assert!(is_noisy(&noisy));
        for (i, (x, mean)) in smoothed(&noisy).into_iter().enumerate() {
            assert_eq!(x, noisy[i].0);
            assert!((mean - line(i as i32) - 0.5).abs() < 0.15, "{i}: {mean}");
        }
        let steps: Vec<(f64, f64)> = (0..600).map(|i| (f64::from(i), f64::from(i / 200))).collect();
        assert!(!is_noisy(&steps));
        assert!(!is_noisy(&noisy[..SMOOTH_OVER]));
    }

    #[test]
    fn values_that_cannot_be_shown_interrupt_the_line() {
        let plot = CurvePlot {
            series: vec![Series {
                name: "a".into(),
                points: vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0), (4.0, -1.0)],
            }],
            ..CurvePlot::default()
        };
        let pieces = |plot: &CurvePlot| fit(plot).unwrap().lines.remove(0).raw;
        assert_eq!(pieces(&plot).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        let logarithmic = CurvePlot { log_y: true, ..plot };
        assert_eq!(pieces(&logarithmic).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }
}
