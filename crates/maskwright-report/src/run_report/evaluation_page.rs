//! The page of an evaluation, and of a model beside the one before it.

use std::path::Path;

use maskwright_model::MaskKind;
use maskwright_train::evaluator::statistics::{
    Calibration, ClickStatistics, Compared, Comparison, Interval, SetStatistics,
};
use maskwright_train::evaluator::{ClickMetrics, EvalSet, EvalTimes, Evaluation};

use super::{figures, gallery, picture_beside, pictures_of, remove, stacked, today};
use crate::error::Result;
use crate::page::{BarPlot, Bin, CurvePlot, Report, Series, Table};
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
    pub times: Option<EvalTimes>,
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
        report.galleries = gallery::compared(sets, comparison, kept.0, kept.1)?;
    }
    if !evaluation.sets.is_empty() {
        report.tables.push(figures::evaluation_table(&evaluation.sets));
        report.tables.push(interval_table(content.statistics));
        report.tables.push(group_table(content.statistics));
    }
    if !evaluation.clicks.is_empty() {
        report.tables.push(click_table(&evaluation.clicks, content.click_statistics));
        report.curves.extend(click_curves(&evaluation.clicks));
    }
    for set in content.statistics {
        let title = format!("{}, prompt: {}", set.set, set.prompt.name().replace('_', " "));
        report.curves.extend(calibration_curve(&title, &set.calibration));
    }
    report.tables.extend(content.times.as_ref().map(time_table));
    report.tables.push(record_table(evaluation));
    report.galleries.extend(gallery::galleries(sets, &evaluation.shown)?);
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
    if let Some(metrics) = content.evaluation.clicks.first() {
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

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn between(interval: Option<Interval>, signed: bool) -> String {
    interval.map_or_else(
        || "none".to_owned(),
        |Interval { low, high }| match signed {
            true => format!("{low:+.4} to {high:+.4}"),
            false => format!("{low:.4} to {high:.4}"),
        },
    )
}

fn comparison_table(title: &str, sets: &[&Compared]) -> Table {
    let row = |set: &&Compared| {
        vec![
            set.set.clone(),
            set.prompt.to_string().replace('_', " "),
            set.mask.title().to_owned(),
            format!("{:.4}", set.before),
            format!("{:.4}", set.after),
            format!("{:+.4}", set.after - set.before),
            between(set.difference, true),
            format!("{:+.4}", set.boundary_after - set.boundary_before),
            set.better.to_string(),
            set.worse.to_string(),
            set.objects.to_string(),
            set.verdict().to_owned(),
        ]
    };
    Table {
        title: title.to_owned(),
        caption: "Over the objects that both models were evaluated on. The interval holds the mean difference in IoU with 95% \
                  confidence, by resampling images; it decides the verdict. Better and worse: objects whose IoU changed by 0.01 \
                  or more. A model without an HQ head is compared by SAM's own mask."
            .into(),
        header: text(&[
            "set", "prompt", "mask", "mIoU before", "now", "difference", "95%", "boundary difference",
            "better", "worse", "objects", "verdict",
        ]),
        rows: sets.iter().map(row).collect(),
        best: Vec::new(),
    }
}

fn interval_table(statistics: &[SetStatistics]) -> Table {
    let mut rows = Vec::new();
    for set in statistics {
        for interval in &set.intervals {
            let per_image = set.per_image.iter().find(|scores| scores.mask == interval.mask);
            rows.push(vec![
                set.set.clone(),
                set.prompt.to_string().replace('_', " "),
                interval.mask.title().to_owned(),
                between(Some(interval.iou), false),
                between(Some(interval.boundary_iou), false),
                per_image.map_or_else(|| "same".into(), |scores| format!("{:.4}", scores.iou)),
            ]);
        }
    }
    Table {
        title: "How sure the means are".into(),
        caption: "95% intervals by resampling images (2,000 times). The last column is the mean over images of the means over \
                  their objects, where images have several."
            .into(),
        header: text(&["set", "prompt", "mask", "mIoU", "boundary mIoU", "per image"]),
        rows,
        best: Vec::new(),
    }
}

fn group_table(statistics: &[SetStatistics]) -> Table {
    let mut rows = Vec::new();
    for set in statistics {
        for group in &set.groups {
            for scores in &group.scores {
                rows.push(vec![
                    set.set.clone(),
                    set.prompt.to_string().replace('_', " "),
                    scores.mask.title().to_owned(),
                    group.name.clone(),
                    group.range.clone(),
                    format!("{:.4}", scores.iou),
                    format!("{:.4}", scores.boundary_iou),
                    group.objects.to_string(),
                ]);
            }
        }
    }
    Table {
        title: "By size and thinness".into(),
        caption: "Sizes are COCO's. Thinness is the area over that of the band in boundary IoU."
            .into(),
        header: text(&[
            "set",
            "prompt",
            "mask",
            "size",
            "which objects",
            "mIoU",
            "boundary mIoU",
            "objects",
        ]),
        rows,
        best: Vec::new(),
    }
}

fn click_table(clicks: &[ClickMetrics], statistics: &[ClickStatistics]) -> Table {
    let mut rows = Vec::new();
    for metrics in clicks {
        let own =
            statistics.iter().find(|found| found.set == metrics.set && found.mask == metrics.mask);
        for (place, at) in metrics.reached.iter().enumerate() {
            let interval = own.and_then(|found| found.noc.get(place)).copied();
            rows.push(vec![
                metrics.set.clone(),
                metrics.mask.title().to_owned(),
                format!("{:.2}", at.iou),
                format!("{:.2}", at.noc),
                interval.map_or_else(
                    || "none".to_owned(),
                    |Interval { low, high }| format!("{low:.2} to {high:.2}"),
                ),
                at.nof.to_string(),
                at.never.to_string(),
                metrics.objects.to_string(),
            ]);
        }
    }
    let most = clicks.first().map_or(0, |metrics| metrics.most);
    Table {
        title: "Clicks".into(),
        caption: format!(
            "Each click lies in the middle of the largest error of the last mask. NoC: the number of clicks until the IoU is \
             reached, {most} where it never is. NoF: objects of {most} clicks, those included that the last click brings there, \
             as RITM counts them; never: without these."
        ),
        header: text(&["set", "mask", "IoU", "NoC", "95%", "NoF", "never", "objects"]),
        rows,
        best: Vec::new(),
    }
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

fn time_table(times: &EvalTimes) -> Table {
    let row = |name: &str, count: usize, seconds: f64| {
        let each = 1000.0 * seconds / count.max(1) as f64;
        vec![name.to_owned(), count.to_string(), format!("{seconds:.2}"), format!("{each:.1}")]
    };
    let mut rows = vec![row("images encoded", times.images, times.encode_seconds)];
    if times.prompts > 0 {
        rows.push(row("prompts answered", times.prompts, times.decode_seconds));
    }
    if times.clicks > 0 {
        rows.push(row("clicks answered", times.clicks, times.click_seconds));
    }
    rows.push(vec![
        "everything".into(),
        String::new(),
        format!("{:.2}", times.seconds),
        String::new(),
    ]);
    Table {
        title: "Where the time went".into(),
        caption: "Images are read and masks are scored beside the model.".into(),
        header: text(&["what", "count", "seconds", "ms each"]),
        rows,
        best: Vec::new(),
    }
}

/// Records that the table names; of more, the worst.
const RECORDS: usize = 500;

/// Every record, the worst first.
fn record_table(evaluation: &Evaluation) -> Table {
    let iou = |one: &maskwright_train::evaluator::ImageScores| {
        one.of(MaskKind::Hq).or_else(|| one.of(MaskKind::Sam)).map_or(0.0, |scores| scores.iou)
    };
    let mut records: Vec<_> = evaluation.images.iter().collect();
    records.sort_by(|a, b| iou(a).total_cmp(&iou(b)));
    let size = |area: usize| match area {
        0..1024 => "small",
        1024..9216 => "medium",
        _ => "large",
    };
    let masks: Vec<MaskKind> = evaluation
        .sets
        .first()
        .map_or_else(Vec::new, |set| set.scores.iter().map(|s| s.mask).collect());
    let row = |one: &&maskwright_train::evaluator::ImageScores| {
        let mut row = vec![
            one.set.clone(),
            one.prompt.to_string().replace('_', " "),
            one.name.clone(),
            size(one.area).to_owned(),
            one.area.to_string(),
        ];
        let scores = |mask: &MaskKind| {
            one.of(*mask).map_or_else(|| "none".into(), |scores| format!("{:.4}", scores.iou))
        };
        row.extend(masks.iter().map(scores));
        row
    };
    let mut header = text(&["set", "prompt", "record", "size", "area"]);
    header.extend(masks.iter().map(|mask| format!("{} IoU", mask.title())));
    let more = records.len().saturating_sub(RECORDS);
    Table {
        title: "Every object".into(),
        caption: match more {
            0 => "The worst first; a heading sorts by its column.".into(),
            more => format!("The worst {RECORDS}; {more} others are not on the page."),
        },
        header,
        rows: records.iter().take(RECORDS).map(row).collect(),
        best: Vec::new(),
    }
}
