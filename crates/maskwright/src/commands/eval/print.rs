//! An evaluation for people: tables and lines.

use maskwright_model::MaskKind;
use maskwright_train::evaluator::statistics::{
    ClickStatistics, Compared, Comparison, Interval, SetStatistics,
};
use maskwright_train::evaluator::{ClickMetrics, EvalTimes, Evaluation, SetMetrics};

use super::per_click;
use crate::output;

/// The clicks after which the mean IoU is printed.
const AFTER: [usize; 4] = [1, 3, 5, 10];

/// The means of every set, prompt and mask; also used by the demo.
pub(crate) fn means(evaluation: &Evaluation, statistics: &[SetStatistics]) -> anyhow::Result<()> {
    if evaluation.sets.is_empty() {
        return Ok(());
    }
    // Where every object is a record of its own.
    let several = evaluation.sets.iter().any(|set| set.objects > set.images);
    let with_intervals = statistics.iter().any(|set| !set.intervals.is_empty());
    let mut header = vec!["set", "prompt", "mask", "mIoU"];
    header.extend(with_intervals.then_some("95%"));
    header.push("boundary mIoU");
    header.extend(with_intervals.then_some("95%"));
    header.push("images");
    header.extend(several.then_some("objects"));
    let mut rows = Vec::new();
    for (place, set) in evaluation.sets.iter().enumerate() {
        for scores in &set.scores {
            let interval = statistics.get(place).and_then(|found| {
                found.intervals.iter().find(|interval| interval.mask == scores.mask)
            });
            let mut row = vec![
                set.set.clone(),
                set.prompt.to_string(),
                scores.mask.title().to_owned(),
                format!("{:.4}", scores.iou),
            ];
            row.extend(with_intervals.then(|| range(interval.map(|found| found.iou), 3)));
            row.push(format!("{:.4}", scores.boundary_iou));
            row.extend(with_intervals.then(|| range(interval.map(|found| found.boundary_iou), 3)));
            row.push(set.images.to_string());
            row.extend(several.then(|| set.objects.to_string()));
            rows.push(row);
        }
    }
    output::table(&header, &rows)?;
    output::lines(evaluation.sets.iter().filter_map(SetMetrics::left_out))
}

/// How many clicks objects took; with `details` how sure these means are, too.
pub(super) fn clicks(
    evaluation: &Evaluation,
    statistics: &[ClickStatistics],
    times: Option<&EvalTimes>,
    details: bool,
) -> anyhow::Result<()> {
    let Some(first) = evaluation.clicks.first() else { return Ok(()) };
    let percent = |iou: f64| format!("{}", (1000.0 * iou).round() / 10.0);
    let after = AFTER.iter().filter(|clicks| **clicks <= first.most);
    let mut header: Vec<String> = ["set", "mask"].map(str::to_owned).into();
    header.extend(first.reached.iter().map(|at| format!("NoC@{}", percent(at.iou))));
    header.extend(first.reached.iter().map(|at| format!("NoF@{}", percent(at.iou))));
    header.extend(after.clone().map(|clicks| format!("IoU@{clicks}")));
    header.extend(times.map(|_| "s/click".into()));
    header.push("objects".into());
    let row = |metrics: &ClickMetrics| {
        let interval =
            statistics.iter().find(|found| found.set == metrics.set && found.mask == metrics.mask);
        let mut row = vec![metrics.set.clone(), metrics.mask.title().to_owned()];
        row.extend(metrics.reached.iter().enumerate().map(|(place, at)| {
            match interval.filter(|_| details).and_then(|found| found.noc.get(place)) {
                Some(interval) => format!("{:.2} ({})", at.noc, range(Some(*interval), 2)),
                None => format!("{:.2}", at.noc),
            }
        }));
        row.extend(metrics.reached.iter().map(|at| at.nof.to_string()));
        row.extend(
            after.clone().map(|clicks| format!("{:.4}", metrics.after(*clicks).unwrap_or(0.0))),
        );
        row.extend(times.map(|_| {
            let seconds = per_click(times, metrics);
            seconds.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds:.4}"))
        }));
        row.push(metrics.objects.to_string());
        row
    };
    let rows: Vec<Vec<String>> = evaluation.clicks.iter().map(row).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    output::line("")?;
    output::table(&header, &rows)?;
    let most = first.most;
    output::line(format_args!(
        "NoC: clicks until the IoU is reached, {most} where it never is; NoF: objects of {most} clicks, also those that the \
         last click brings there"
    ))?;
    output::lines(evaluation.clicks.iter().filter(|metrics| metrics.empty > 0).map(|metrics| {
        format!("{}: {} objects are in no mean: their masks are empty", metrics.set, metrics.empty)
    }))
}

/// On which objects the masks are good, and how much the model knows about them.
pub(super) fn details(statistics: &[SetStatistics]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for set in statistics {
        for group in &set.groups {
            for scores in &group.scores {
                rows.push(vec![
                    set.set.clone(),
                    set.prompt.to_string(),
                    group.name.clone(),
                    scores.mask.title().to_owned(),
                    format!("{:.4}", scores.iou),
                    format!("{:.4}", scores.boundary_iou),
                    group.objects.to_string(),
                ]);
            }
        }
    }
    output::line("")?;
    let header = ["set", "prompt", "objects that are", "mask", "mIoU", "boundary mIoU", "objects"];
    output::table(&header, &rows)?;
    let mut rows = Vec::new();
    for set in statistics {
        for found in &set.calibration {
            rows.push(vec![
                set.set.clone(),
                set.prompt.to_string(),
                found.mask.title().to_owned(),
                format!("{:.4}", found.mean_error),
                format!("{:+.4}", found.bias),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    output::line("")?;
    output::table(&["set", "prompt", "mask", "error of predicted IoU", "bias"], &rows)
}

/// A model beside the one before it: on what it was validated on, and on other sets.
pub(super) fn comparison(comparison: &Comparison, others: &[String]) -> anyhow::Result<()> {
    let header = ["set", "prompt", "mask", "verdict", "before", "now", "difference (95%)"];
    let more = ["set", "prompt", "mask", "boundary before", "now", "better", "worse", "objects"];
    for (title, forgotten) in [("Before and after", false), ("On other sets: forgetting", true)] {
        let own = comparison.sets.iter().filter(|set| others.contains(&set.set) == forgotten);
        let mut own: Vec<&Compared> = own.collect();
        if own.is_empty() {
            continue;
        }
        // The mask that is judged comes first.
        for same in own.chunk_by_mut(|a, b| (&a.set, a.prompt) == (&b.set, b.prompt)) {
            same.sort_by_key(|set| set.mask != MaskKind::Hq);
        }
        let of_what = |set: &Compared| {
            let mask = match set.mask == set.before_mask {
                true => set.mask.title().to_owned(),
                false => format!("{} (before: {})", set.mask.title(), set.before_mask.title()),
            };
            vec![set.set.clone(), set.prompt.to_string(), mask]
        };
        let iou = |set: &&Compared| {
            let difference = set.difference.map_or_else(String::new, |interval| {
                format!(" ({:+.3} to {:+.3})", interval.low, interval.high)
            });
            let mut row = of_what(set);
            row.push(set.verdict().to_owned());
            row.push(format!("{:.4}", set.before));
            row.push(format!("{:.4}", set.after));
            row.push(format!("{:+.4}{difference}", set.after - set.before));
            row
        };
        let rest = |set: &&Compared| {
            let mut row = of_what(set);
            row.push(format!("{:.4}", set.boundary_before));
            row.push(format!("{:.4}", set.boundary_after));
            row.extend([set.better, set.worse, set.objects].map(|count| count.to_string()));
            row
        };
        output::line("")?;
        output::line(format_args!("{title}: mean IoU"))?;
        output::table(&header, &own.iter().map(iou).collect::<Vec<_>>())?;
        output::line("")?;
        output::table(&more, &own.iter().map(rest).collect::<Vec<_>>())?;
    }
    if comparison.better.is_empty() != comparison.worse.is_empty() {
        let what = if comparison.worse.is_empty() { "worse" } else { "better" };
        output::line("")?;
        output::line(format_args!("No object got {what} by 0.01 or more"))?;
    }
    for (title, changed) in [("Better most", &comparison.better), ("Worse most", &comparison.worse)]
    {
        if changed.is_empty() {
            continue;
        }
        output::line("")?;
        output::line(title)?;
        let row = |one: &maskwright_train::evaluator::statistics::Changed| {
            let name = format!("{}/{}", one.set, one.name);
            let difference = format!("{:+.4}", one.after - one.before);
            vec![name, format!("{:.4}", one.before), format!("{:.4}", one.after), difference]
        };
        let rows: Vec<Vec<String>> = changed.iter().map(row).collect();
        output::table(&["record", "IoU before", "now", "difference"], &rows)?;
    }
    Ok(())
}

/// Where the time went, as a line.
pub(super) fn times(times: &EvalTimes, peak_mib: Option<f64>) -> String {
    let each = |seconds: f64, count: usize| 1000.0 * seconds / count.max(1) as f64;
    let mut parts = vec![format!(
        "{} images encoded in {:.0} ms each",
        times.images,
        each(times.encode_seconds, times.images)
    )];
    if times.prompts > 0 {
        let ms = each(times.decode_seconds, times.prompts);
        parts.push(format!("{} prompts answered in {ms:.0} ms", times.prompts));
    }
    if times.clicks > 0 {
        let ms = each(times.click_seconds, times.clicks);
        parts.push(format!("{} clicks in {ms:.0} ms", times.clicks));
    }
    parts.push(format!("{:.1} s in all", times.seconds));
    parts.extend(peak_mib.map(|mib| format!("{mib:.0} MiB of memory at most")));
    parts.join(", ")
}

/// An interval from end to end.
fn range(interval: Option<Interval>, digits: usize) -> String {
    interval.map_or_else(String::new, |Interval { low, high }| {
        format!("{low:.digits$}-{high:.digits$}")
    })
}
