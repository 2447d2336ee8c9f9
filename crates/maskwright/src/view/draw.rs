//! Drawing what is known of a run, on terminals of every size.
//!
//! From the top: the run and its time; what is being counted; loss and IoU as curves; where the time of a step goes; the last
//! validation beside the first; the last lines that were said. Where there is little room the lower ones go first, and the
//! curves before the numbers.

use std::time::Duration;

use maskwright_train::times::TrainTimes;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Axis, Block, Chart, Dataset, GraphType, LegendPosition, Paragraph, Row, Table,
};

use super::state::{Scored, Stage, State};
use crate::numbers::duration;

/// The least width at which two charts stand beside each other, and the least height at which there are charts.
const BESIDE: u16 = 80;
const WITH_CHARTS: u16 = 16;
/// The least width at which a validation stands beside earlier ones.
const WITH_CHANGES: u16 = 76;
/// Rows of a chart.
const CHART: u16 = 8;
/// Rows of the validation, at most.
const VALIDATIONS: usize = 8;
/// Colours of the curves and the parts of a step; the terminal says what they look like.
const COLOURS: [Color; 6] =
    [Color::Cyan, Color::Yellow, Color::Green, Color::Magenta, Color::Blue, Color::Red];
const FAINT: Style = Style::new().fg(Color::DarkGray);
const BOLD: Style = Style::new().bold();

/// Draws the view of a run that has been shown for `after`.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, after: Duration) {
    let area = frame.area();
    let tall = area.height >= WITH_CHARTS;
    let charts = match (tall, area.width >= BESIDE) {
        (false, _) => 0,
        (true, true) => (area.height / 2).max(CHART),
        // One below the other.
        (true, false) => (2 * area.height / 3).max(CHART),
    };
    let validations = state.scored.len().min(VALIDATIONS) as u16;
    let validation = if validations > 0 { validations + 1 } else { 0 };
    let [title, stage, curves, parts, data, table, said, hint] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Max(charts),
        Constraint::Length(2),
        Constraint::Length(u16::from(!state.data.is_empty())),
        Constraint::Length(validation),
        Constraint::Min(0),
        Constraint::Length(u16::from(tall)),
    ])
    .areas(area);
    frame.render_widget(title_line(state, after, title.width), title);
    draw_stage(frame, state, stage);
    draw_curves(frame, state, curves);
    draw_parts(frame, &state.times, parts);
    frame.render_widget(Paragraph::new(Line::styled(format!("  {}", state.data), FAINT)), data);
    draw_validation(frame, &state.scored, table);
    draw_said(frame, state, said);
    let text = match state.stopping {
        true => "stopping after this step; Ctrl-C once more stops at once",
        false => "Ctrl-C saves the state and stops",
    };
    let warnings = match state.warnings {
        0 => String::new(),
        1 => "  1 warning".to_owned(),
        several => format!("  {several} warnings"),
    };
    let line = Line::from(vec![Span::styled(text, FAINT), Span::styled(warnings, Color::Yellow)]);
    frame.render_widget(line, hint);
}

/// The folder, what is trained, and on the right the time.
fn title_line(state: &State, after: Duration, width: u16) -> Line<'_> {
    let time = duration(after.as_secs_f64());
    let left = format!("{}  ", state.folder);
    let used = left.chars().count() + state.about.chars().count() + time.chars().count() + 1;
    let gap = usize::from(width).saturating_sub(used) + 1;
    Line::from(vec![
        Span::styled(left, BOLD),
        Span::raw(&*state.about),
        Span::raw(" ".repeat(gap)),
        Span::styled(time, FAINT),
    ])
}

/// What is counted, as numbers and as a bar.
fn draw_stage(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let Stage { name, done, total } = &state.stage;
    let mut facts = vec![format!("{name}  {done}/{total}")];
    if !state.loss.points.is_empty() {
        facts.push(format!("loss {:.4}", state.smooth_loss));
    }
    if let Some(seconds) = state.seconds_left {
        facts.push(format!("{} left", duration(seconds)));
        facts.push(format!("{:.1} images/s", state.images_per_second));
    }
    let width = usize::from(area.width);
    let full = (width * done).checked_div(*total).unwrap_or(0).min(width);
    let bar = Line::from(vec![
        Span::styled("━".repeat(full), Color::Cyan),
        Span::styled("─".repeat(width - full), FAINT),
    ]);
    frame.render_widget(Paragraph::new(vec![Line::raw(facts.join("   ")), bar]), area);
}

/// The curves of the loss and of the IoUs.
fn draw_curves(frame: &mut Frame<'_>, state: &State, area: Rect) {
    if area.height < 4 {
        return;
    }
    let both = [Constraint::Fill(1), Constraint::Fill(1)];
    let beside = area.width >= BESIDE;
    let [loss, iou] =
        if beside { Layout::horizontal(both) } else { Layout::vertical(both) }.areas(area);
    let curve = vec![("loss".to_owned(), state.loss.points.as_slice())];
    draw_chart(frame, loss, ("loss", "step"), curve, 4);
    let curves = state.scored.iter().take(COLOURS.len());
    let curves: Vec<_> = curves.map(|one| (one.name(), one.ious.as_slice())).collect();
    draw_chart(frame, iou, ("mean IoU", "epochs done"), curves, 3);
}

fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    (title, x_title): (&str, &str),
    curves: Vec<(String, &[(f64, f64)])>,
    digits: usize,
) {
    let block =
        Block::bordered().title(Span::styled(format!(" {title} "), BOLD)).border_style(FAINT);
    let points = || curves.iter().flat_map(|(_, points)| points.iter());
    if points().next().is_none() {
        let text = if title == "loss" { "no step yet" } else { "no validation yet" };
        frame.render_widget(Paragraph::new(Span::styled(text, FAINT)).block(block), area);
        return;
    }
    let x = bounds(points().map(|point| point.0), 1.0);
    let y = bounds(points().map(|point| point.1), 1e-3);
    let axis = |[low, high]: [f64; 2], digits: usize| {
        let labels = [low, high].map(|value| format!("{value:.digits$}"));
        Axis::default().bounds([low, high]).labels(labels).style(FAINT)
    };
    let datasets = curves.iter().zip(COLOURS).map(|((name, points), colour)| {
        // A single point is no line.
        let kind = if points.len() > 1 { GraphType::Line } else { GraphType::Scatter };
        let set = Dataset::default().marker(Marker::Braille).graph_type(kind).data(points);
        let set = set.style(Style::new().fg(colour));
        if curves.len() > 1 { set.name(name.clone()) } else { set }
    });
    let chart = Chart::new(datasets.collect())
        .block(block)
        .x_axis(axis(x, 0).title(Span::styled(x_title.to_owned(), FAINT)))
        .y_axis(axis(y, digits))
        .legend_position(Some(LegendPosition::BottomRight))
        .hidden_legend_constraints((Constraint::Percentage(70), Constraint::Percentage(60)));
    frame.render_widget(chart, area);
}

/// The least and the largest value, at least `apart`.
fn bounds(values: impl Iterator<Item = f64> + Clone, apart: f64) -> [f64; 2] {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    [low, high.max(low + apart)]
}

/// Where the time of a step goes: a bar of parts, and their shares.
fn draw_parts(frame: &mut Frame<'_>, times: &TrainTimes, area: Rect) {
    let total = times.total();
    if total <= 0.0 {
        return;
    }
    let width = usize::from(area.width);
    let (mut bar, mut legend) = (Vec::new(), vec![Span::raw("a step: ")]);
    let (mut until, mut drawn) = (0.0, 0);
    for ((name, seconds), colour) in times.parts().into_iter().zip(COLOURS) {
        if seconds <= 0.0 {
            continue;
        }
        until += seconds;
        let end = ((until / total * width as f64).round() as usize).min(width);
        bar.push(Span::styled("█".repeat(end - drawn), colour));
        drawn = end;
        let name = if name == "data" { "waits for data" } else { name };
        let share = 100.0 * seconds / total;
        legend.push(Span::styled("■ ", colour));
        legend.push(Span::raw(format!("{name} {share:.0}%  ")));
    }
    legend.push(Span::styled(format!("{:.2} s", total), FAINT));
    frame.render_widget(Paragraph::new(vec![Line::from(legend), Line::from(bar)]), area);
}

/// The last validation beside the first and the one before.
fn draw_validation(frame: &mut Frame<'_>, scored: &[Scored], area: Rect) {
    let wide = area.width >= WITH_CHANGES;
    let row = |one: &Scored| {
        let ious: Vec<f64> = one.ious.iter().map(|(_, iou)| *iou).collect();
        let last = ious.last().copied().unwrap_or(0.0);
        let cell = |value: f64| format!("{value:.4}");
        let change = |from: Option<f64>| {
            from.map_or_else(String::new, |from| format!("{from:.4} {:+.4}", last - from))
        };
        let before = ious.len().checked_sub(2).map(|at| ious[at]);
        let first = before.and(ious.first().copied());
        let best = ious.iter().copied().fold(0.0, f64::max);
        let mut cells = vec![one.name(), cell(last), cell(one.boundary_iou), cell(best)];
        cells.extend(wide.then(|| [change(before), change(first)]).into_iter().flatten());
        Row::new(cells)
    };
    let header = ["validation", "mIoU", "boundary", "best", "before", "first"];
    let mut widths = vec![
        Constraint::Fill(1),
        Constraint::Length(6),
        Constraint::Length(8),
        Constraint::Length(6),
    ];
    widths.extend(wide.then_some([Constraint::Length(14); 2]).into_iter().flatten());
    let header = Row::new(header.into_iter().take(widths.len())).style(BOLD);
    let rows = scored.iter().take(VALIDATIONS).map(row);
    frame.render_widget(Table::new(rows, widths).header(header), area);
}

/// The last lines that were said.
fn draw_said(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let first = state.said.len().saturating_sub(usize::from(area.height));
    let line = |said: &super::state::Said| match said.warns {
        true => Line::styled(format!("note: {}", said.text), Color::Yellow),
        false => Line::styled(said.text.clone(), FAINT),
    };
    let lines: Vec<Line<'_>> = state.said.iter().skip(first).map(line).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests;
