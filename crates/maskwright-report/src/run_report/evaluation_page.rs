//! The page of an evaluation, and of a model beside the one before it.

use std::path::Path;

use maskwright_model::MaskKind;
use maskwright_train::evaluator::statistics::{
    Calibration, ClickStatistics, Compared, Comparison, SetStatistics,
};
use maskwright_train::evaluator::{ClickMetrics, EvalSet, EvalTimes, Evaluation};

use super::evaluation_tables::{
    click_table, comparison_table, group_table, interval_table, record_table, time_table,
};
use super::{figures, gallery, picture_beside, pictures_of, remove, stacked, today};
use crate::error::Result;
use crate::page::{BarPlot, Bin, CurvePlot, Report, Series};
use crate::pictures::write_png;

/// The bins of a histogram of IoU.
const BINS: usize = 20;

/// What a page of an evaluation is made of.
pub struct EvaluationPage<'a> {
    /// The sets that were evaluated.
    pub sets: &'a [EvalSet],
    /// The names of those that show what was forgotten.
    pub others: &'a [String],
    /// The scores.
    pub evaluation: &'a Evaluation,
    /// What they mean.
    pub statistics: &'a [SetStatistics],
    /// What the clicks mean.
    pub click_statistics: &'a [ClickStatistics],
    /// The model before, and how both compare.
    pub before: Option<(&'a Evaluation, &'a Comparison)>,
    /// Where the time went.
    pub times: Option<&'a EvalTimes>,
    /// The command line; empty where there was none.
    pub command: String,
    /// What leads to the same figures again: the program's version, the checkpoint and the like.
    pub reproduce: Vec<(String, String)>,
}

/// Writes the page of an evaluation to `page`, and its predictions to a PNG with the same stem beside it.
///
/// # Errors
/// An image that cannot be read again, and failed writes.
pub fn write_evaluation(content: &EvaluationPage<'_>, page: &Path) -> Result<()> {
    let EvaluationPage { sets, evaluation, .. } = *content;
    let mut images = gallery::Images::new(sets);
    let mut report = Report {
        title: if content.before.is_some() { "Before and after" } else { "Evaluation" }.into(),
        created: today(),
        command: content.command.clone(),
        summary: summary(content),
        reproduce: content.reproduce.clone(),
        bars: histograms(evaluation),
        ..Report::default()
    };
    if let Some((before, comparison)) = content.before {
        for (title, forgotten) in [("Before and after", false), ("On other sets: forgetting", true)]
        {
            let own = |set: &&Compared| content.others.contains(&set.set) == forgotten;
            let own: Vec<&Compared> = comparison.sets.iter().filter(own).collect();
            if !own.is_empty() {
                report.tables.push(comparison_table(title, &own));
            }
        }
        let kept = (&evaluation.kept, &before.kept);
        report.galleries = gallery::compared(&mut images, comparison, kept.0, kept.1)?;
    }
    if !evaluation.sets.is_empty() {
        report.tables.push(figures::evaluation_table(&evaluation.sets));
        report.tables.push(interval_table(content.statistics));
        report.tables.push(group_table(content.statistics));
    }
    if !evaluation.clicks.is_empty() {
        report.tables.push(click_table(
            &evaluation.clicks,
            content.click_statistics,
            content.times,
        ));
        report.curves.extend(click_curves(&evaluation.clicks));
    }
    for set in content.statistics {
        let title = format!("{}, prompt: {}", set.set, set.prompt.name().replace('_', " "));
        report.curves.extend(calibration_curve(&title, &set.calibration));
    }
    report.tables.extend(content.times.map(time_table));
    report.tables.push(record_table(evaluation, content.before.map(|(before, _)| before)));
    report.galleries.extend(gallery::galleries(&mut images, &evaluation.shown)?);
    if report.galleries.is_empty() {
        remove(&picture_beside(page))?;
    } else {
        write_png(&stacked(&pictures_of(&report.galleries)), &picture_beside(page))?;
    }
    crate::files::write_atomically(page, report.to_html().as_bytes())
}

/// The key figures: of the first set.
fn summary(content: &EvaluationPage<'_>) -> Vec<(String, String)> {
    let mut summary = Vec::new();
    if let Some(compared) = content.before.and_then(|(_, comparison)| decisive(comparison)) {
        let change = compared.after - compared.before;
        summary.push((format!("mIoU before, {}", compared.set), format!("{:.3}", compared.before)));
        summary.push(("now".into(), format!("{:.3}", compared.after)));
        summary.push(("difference".into(), format!("{change:+.3}")));
        summary.push(("verdict".into(), compared.verdict().into()));
    } else if let Some(set) = content.evaluation.sets.first() {
        for scores in &set.scores {
            let name = format!("{} mIoU, {}", scores.mask.title(), set.set);
            summary.push((name, format!("{:.3}", scores.iou)));
        }
    }
    let clicks = &content.evaluation.clicks;
    let judged = clicks.iter().find(|metrics| metrics.mask == MaskKind::Hq).or(clicks.first());
    if let Some(metrics) = judged {
        for at in metrics.reached.iter().filter(|at| at.iou == 0.9) {
            summary.push((format!("NoC@90, {}", metrics.mask.title()), format!("{:.2}", at.noc)));
        }
    }
    summary
}

/// The mask that is judged first, of the first set.
fn decisive(comparison: &Comparison) -> Option<&Compared> {
    let first = comparison.sets.first()?;
    let mut same =
        comparison.sets.iter().filter(|set| set.set == first.set && set.prompt == first.prompt);
    same.clone().find(|set| set.mask == MaskKind::Hq).or_else(|| same.next())
}

/// The mean IoU after each click: a chart for each set.
fn click_curves(clicks: &[ClickMetrics]) -> Vec<CurvePlot> {
    clicks
        .chunk_by(|a, b| a.set == b.set)
        .map(|of_set| CurvePlot {
            title: format!("{}: IoU by click", of_set[0].set),
            x_label: "clicks".into(),
            y_label: "mean IoU".into(),
            series: of_set
                .iter()
                .map(|metrics| Series {
                    name: metrics.mask.title().into(),
                    points: (1..).map(f64::from).zip(metrics.iou_after.iter().copied()).collect(),
                })
                .collect(),
            log_y: false,
            ..CurvePlot::default()
        })
        .collect()
}

/// True over predicted IoU.
fn calibration_curve(title: &str, calibration: &[Calibration]) -> Option<CurvePlot> {
    let ends = |found: &Calibration| {
        let predicted = found.bins.iter().map(|bin| bin.predicted);
        (predicted.clone().fold(f64::MAX, f64::min), predicted.fold(f64::MIN, f64::max))
    };
    let all: Vec<(f64, f64)> = calibration.iter().map(ends).collect();
    let low = all.iter().map(|ends| ends.0).fold(f64::MAX, f64::min);
    let high = all.iter().map(|ends| ends.1).fold(f64::MIN, f64::max);
    // A single bin is no line.
    if low >= high {
        return None;
    }
    let mut series: Vec<Series> = calibration
        .iter()
        .map(|found| Series {
            name: found.mask.title().into(),
            points: found.bins.iter().map(|bin| (bin.predicted, bin.iou)).collect(),
        })
        .collect();
    series.push(Series { name: "equal".into(), points: vec![(low, low), (high, high)] });
    Some(CurvePlot {
        title: format!("{title}: true by predicted IoU"),
        x_label: "predicted IoU".into(),
        y_label: "mean true IoU".into(),
        series,
        log_y: false,
        ..CurvePlot::default()
    })
}

/// How many objects have which IoU: a histogram for each set, prompt and mask but the sum.
fn histograms(evaluation: &Evaluation) -> Vec<BarPlot> {
    let mut plots = Vec::new();
    for set in &evaluation.sets {
        for mask in set.scores.iter().map(|scores| scores.mask) {
            if mask == MaskKind::SamHq {
                continue;
            }
            let own = evaluation
                .images
                .iter()
                .filter(|one| one.set == set.set && one.prompt == set.prompt)
                .filter_map(|one| Some(one.of(mask)?.iou));
            let mut counts = [0u64; BINS];
            own.for_each(|iou| counts[((iou * BINS as f64) as usize).min(BINS - 1)] += 1);
            let bin = |(at, &count): (usize, &u64)| {
                let edge = |at: usize| format!("{:.2}", at as f64 / BINS as f64);
                let (from, to) = (edge(at), edge(at + 1));
                Bin { label: from.clone(), range: format!("IoU {from} to {to}"), count }
            };
            plots.push(BarPlot {
                title: format!("{}, {}: IoU of {}", set.set, set.prompt, mask.title()),
                hint: "objects by IoU".into(),
                bins: counts.iter().enumerate().map(bin).collect(),
            });
        }
    }
    plots
}
