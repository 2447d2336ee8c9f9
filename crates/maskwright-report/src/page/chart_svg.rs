//! A line chart as SVG, for the page and for its picture.

use std::fmt::Write;

use super::axis::format_significant;
use super::chart::{self, Fitted, Pieces};
use super::escape::escape;
use super::{CurvePlot, Series};

/// Colours of the series are taken in turn; the style sheet defines as many.
pub(super) const COLOURS: usize = 8;

/// Up to this many points, each has a dot and says its value under the mouse.
const MAX_DOTS: usize = 60;

/// Points of a line that the page can tell the values of.
const MOST_READINGS: usize = 400;

/// The frame that charts are drawn in.
pub(super) const WIDTH: f64 = 560.0;
/// Its height.
pub(super) const HEIGHT: f64 = 300.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 18.0;

/// A text of a chart in that frame.
pub(super) struct Text {
    /// Where it is anchored.
    pub(super) x: f64,
    /// Its base line.
    pub(super) y: f64,
    /// What of it lies there.
    pub(super) anchor: Anchor,
    class: &'static str,
    /// The words.
    pub(super) words: String,
}

/// What of a text lies at its place.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Writes the chart as a figure with heading, legend and SVG.
pub(super) fn write(page: &mut String, plot: &CurvePlot) {
    let title = escape(&plot.title);
    let _ = writeln!(page, "<figure class=\"chart\">\n<figcaption><h3>{title}</h3>");
    let fitted = chart::fit(plot);
    legend(page, plot, fitted.as_ref());
    page.push_str("</figcaption>\n");
    match fitted {
        Some(fitted) => {
            let _ = writeln!(
                page,
                "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\" data-plot=\"{}\">",
                escape(&describe(plot)),
                escape(&readings(plot, &fitted))
            );
            let place = Placement::of(&fitted);
            page.push_str(&shapes(plot, &fitted, &place));
            for text in texts(plot, &fitted, &place) {
                let _ = writeln!(
                    page,
                    "<text class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">{}</text>",
                    text.class,
                    text.x,
                    text.y,
                    text.anchor.name(),
                    escape(&text.words)
                );
            }
            page.push_str("</svg>\n");
        }
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
        if let Some(value) = last_value(series, fitted, i) {
            let _ = write!(page, " <b>{value}</b>");
        }
        page.push_str("</li>");
    }
    page.push_str("</ul>");
    let smoothed = fitted.is_some_and(|f| f.lines.iter().any(|line| line.smooth.is_some()));
    if smoothed {
        page.push_str("<p class=\"hint\">Faint: every value. Strong: moving mean.</p>");
    }
}

/// What the legend says of series `i`: of a noisy line the last mean, which says more than the last
/// value.
pub(super) fn last_value(series: &Series, fitted: Option<&Fitted>, i: usize) -> Option<String> {
    let mean = fitted.and_then(|f| Some(f.lines[i].smooth.as_ref()?.last()?.last()?.1));
    mean.or_else(|| series.last()).map(|value| format_significant(value, 3))
}

/// Where the values of a chart lie in its frame.
pub(super) struct Placement<'a> {
    fitted: &'a Fitted,
    left: f64,
}

impl<'a> Placement<'a> {
    pub(super) fn of(fitted: &'a Fitted) -> Self {
        let longest = fitted.y.ticks.iter().map(|(_, label)| label.chars().count()).max();
        // Digits of the 12 px labels are about 7 px wide.
        Self { fitted, left: 16.0 + 7.0 * longest.unwrap_or(1) as f64 }
    }

    fn right(&self) -> f64 {
        WIDTH - RIGHT
    }

    fn floor(&self) -> f64 {
        HEIGHT - BOTTOM
    }

    fn x(&self, value: f64) -> Option<f64> {
        Some(self.left + self.fitted.x.place(value)? * (self.right() - self.left))
    }

    /// As [`x`](Self::x), of values that lie between the axis' ends.
    fn inside(&self, value: f64) -> Option<f64> {
        self.x(value).filter(|x| (self.left - 0.5..=self.right() + 0.5).contains(x))
    }

    fn y(&self, value: f64) -> Option<f64> {
        Some(self.floor() - self.fitted.y.place(value)? * (self.floor() - TOP))
    }

    fn point(&self, &(x, y): &(f64, f64)) -> Option<(f64, f64)> {
        Some((self.x(x)?, self.y(y)?))
    }
}

/// Everything but the texts: grid, axes, lines, dots. Colours come from the style sheet.
pub(super) fn shapes(plot: &CurvePlot, fitted: &Fitted, place: &Placement<'_>) -> String {
    let mut svg = String::new();
    let (left, right, floor) = (place.left, place.right(), place.floor());
    for y in fitted.y.ticks.iter().filter_map(|(value, _)| place.y(*value)) {
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>");
    }
    let _ = writeln!(svg, "<path class=\"axis\" d=\"M{left:.1} {floor:.1}H{right:.1}\"/>");
    for x in fitted.x.ticks.iter().filter_map(|(value, _)| place.x(*value)) {
        let _ = writeln!(svg, "<path class=\"axis\" d=\"M{x:.1} {floor:.1}v5\"/>");
    }
    for x in plot.marks.iter().filter_map(|(value, _)| place.inside(*value)) {
        let _ = writeln!(svg, "<path class=\"mark\" d=\"M{x:.1} {TOP:.1}V{floor:.1}\"/>");
    }
    for (i, (line, series)) in fitted.lines.iter().zip(&plot.series).enumerate() {
        let _ = writeln!(svg, "<g class=\"s{}\">", i % COLOURS);
        let faint = if line.smooth.is_some() { "line faint" } else { "line" };
        path(&mut svg, faint, &line.raw, place);
        if let Some(smooth) = &line.smooth {
            path(&mut svg, "line", smooth, place);
        }
        let count: usize = line.raw.iter().map(Vec::len).sum();
        if count <= MAX_DOTS {
            for point in line.raw.iter().flatten() {
                if let Some(at) = place.point(point) {
                    dot(&mut svg, plot, series, point, at);
                }
            }
        }
        svg.push_str("</g>\n");
    }
    svg
}

/// The ticks' values and the axes' labels.
pub(super) fn texts(plot: &CurvePlot, fitted: &Fitted, place: &Placement<'_>) -> Vec<Text> {
    let (left, right, floor) = (place.left, place.right(), place.floor());
    let on_y = fitted.y.ticks.iter().filter_map(|(value, label)| {
        let (x, y) = (left - 8.0, place.y(*value)? + 4.0);
        Some(Text { x, y, anchor: Anchor::End, class: "tick", words: label.clone() })
    });
    let on_x = fitted.x.ticks.iter().filter_map(|(value, label)| {
        let (x, y) = (place.x(*value)?, floor + 19.0);
        Some(Text { x, y, anchor: Anchor::Middle, class: "tick", words: label.clone() })
    });
    let label =
        |x, y, anchor, words: &str| Text { x, y, anchor, class: "label", words: words.into() };
    let labels = [
        label(left, 16.0, Anchor::Start, &plot.y_label),
        label((left + right) / 2.0, HEIGHT - 6.0, Anchor::Middle, &plot.x_label),
    ];
    // A word stands inside the frame, whichever end its mark is near.
    let marks = plot.marks.iter().filter_map(|(value, word)| {
        let x = place.inside(*value)?;
        let (x, anchor) = match x > (left + right) / 2.0 {
            true => (x - 4.0, Anchor::End),
            false => (x + 4.0, Anchor::Start),
        };
        Some(Text { x, y: TOP + 10.0, anchor, class: "tick", words: word.clone() })
    });
    on_y.chain(on_x).chain(labels).chain(marks).collect()
}

/// A dot, and a larger invisible one around it that shows the value as a tool tip.
fn dot(svg: &mut String, plot: &CurvePlot, series: &Series, point: &(f64, f64), at: (f64, f64)) {
    let x_label = if plot.x_label.is_empty() { "x" } else { &plot.x_label };
    let _ = writeln!(
        svg,
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

fn path(svg: &mut String, class: &str, pieces: &Pieces, place: &Placement<'_>) {
    let mut data = String::new();
    for piece in pieces {
        for (i, (x, y)) in piece.iter().filter_map(|point| place.point(point)).enumerate() {
            let _ = write!(data, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
    }
    if !data.is_empty() {
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{data}\"/>");
    }
}

/// What the page's script reads values from: the frame, the ends of the x axis and the lines' points; of noisy lines the mean.
fn readings(plot: &CurvePlot, fitted: &Fitted) -> String {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        name: &'a str,
        points: Vec<(f64, f64)>,
    }
    #[derive(serde::Serialize)]
    struct Readings<'a> {
        left: f64,
        right: f64,
        top: f64,
        floor: f64,
        x: [f64; 2],
        label: &'a str,
        series: Vec<Line<'a>>,
    }
    let place = Placement::of(fitted);
    let points = |line: &chart::Line| {
        let points: Vec<(f64, f64)> =
            line.smooth.as_ref().unwrap_or(&line.raw).iter().flatten().copied().collect();
        let every = points.len().div_ceil(MOST_READINGS).max(1);
        points.into_iter().step_by(every).collect::<Vec<_>>()
    };
    let series = fitted.lines.iter().zip(&plot.series);
    let readings = Readings {
        left: place.left,
        right: place.right(),
        top: TOP,
        floor: place.floor(),
        x: fitted.x.ends(),
        label: if plot.x_label.is_empty() { "x" } else { &plot.x_label },
        series: series
            .map(|(drawn, series)| Line { name: &series.name, points: points(drawn) })
            .collect(),
    };
    serde_json::to_string(&readings).unwrap_or_default()
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
