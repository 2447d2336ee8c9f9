//! The tables of the page of an evaluation.

use std::collections::HashMap;

use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use maskwright_train::evaluator::statistics::{
    ClickStatistics, Compared, Interval, SetStatistics, size_of,
};
use maskwright_train::evaluator::{ClickMetrics, EvalTimes, Evaluation, ImageScores, judged};

use crate::page::Table;

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn between(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "none".to_owned(),
        |Interval { low, high }| format!("{low:.4} to {high:.4}"),
    )
}

pub(super) fn comparison_table(title: &str, sets: &[&Compared]) -> Table {
    let row = |set: &&Compared| {
        vec![
            set.set.clone(),
            set.prompt.to_string().replace('_', " "),
            set.mask.title().to_owned(),
            set.verdict().to_owned(),
            format!("{:.4}", set.before),
            format!("{:.4}", set.after),
            format!("{:+.4}", set.after - set.before),
            set.difference.map_or_else(
                || "none".to_owned(),
                |Interval { low, high }| format!("{low:+.3} to {high:+.3}"),
            ),
            format!("{:+.4}", set.boundary_after - set.boundary_before),
            format!("{} / {} of {}", set.better, set.worse, set.objects),
        ]
    };
    Table {
        title: title.to_owned(),
        caption: "Mean IoU before and now, over the objects that both models were evaluated on, of the mask that is judged first. \
                  The interval holds the mean difference in IoU with 95% \
                  confidence, by resampling images; it decides the verdict. Better and worse: objects whose IoU changed by 0.01 \
                  or more. A model without an HQ head is compared by SAM's own mask."
            .into(),
        header: text(&[
            "set", "prompt", "mask", "verdict", "before", "now", "difference", "95%", "boundary difference",
            "better / worse",
        ]),
        rows: judged_first(sets.iter().copied()).iter().map(row).collect(),
        best: Vec::new(),
    }
}

/// Under each set and prompt the mask that is judged first, as [`judged`] has it, and then the others.
fn judged_first<'a>(sets: impl Iterator<Item = &'a Compared>) -> Vec<&'a Compared> {
    let mut sets: Vec<&Compared> = sets.collect();
    for same in sets.chunk_by_mut(|a, b| (&a.set, a.prompt) == (&b.set, b.prompt)) {
        same.sort_by_key(|set| set.mask != MaskKind::Hq);
    }
    sets
}

pub(super) fn interval_table(statistics: &[SetStatistics]) -> Table {
    let mut rows = Vec::new();
    for set in statistics {
        for interval in &set.intervals {
            let per_image = set.per_image.iter().find(|scores| scores.mask == interval.mask);
            rows.push(vec![
                set.set.clone(),
                set.prompt.to_string().replace('_', " "),
                interval.mask.title().to_owned(),
                between(Some(interval.iou)),
                between(Some(interval.boundary_iou)),
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

pub(super) fn group_table(statistics: &[SetStatistics]) -> Table {
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

pub(super) fn click_table(
    clicks: &[ClickMetrics],
    statistics: &[ClickStatistics],
    times: Option<&EvalTimes>,
) -> Table {
    let mut rows = Vec::new();
    for metrics in clicks {
        let own =
            statistics.iter().find(|found| found.set == metrics.set && found.mask == metrics.mask);
        let seconds = times.and_then(|times| times.per_click(&metrics.set, metrics.mask));
        let seconds = seconds.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds:.4}"));
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
                seconds.clone(),
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
             as RITM counts them; never: without these. A click's time is that of the model's answer; the image is encoded before."
        ),
        header: text(&[
            "set",
            "mask",
            "IoU",
            "NoC",
            "95%",
            "NoF",
            "never",
            "seconds per click",
            "objects",
        ]),
        rows,
        best: Vec::new(),
    }
}

pub(super) fn time_table(times: &EvalTimes) -> Table {
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

/// Every record, the worst first; with the model before its IoU there, too, by the mask that is judged.
pub(super) fn record_table(evaluation: &Evaluation, before: Option<&Evaluation>) -> Table {
    type Key<'a> = (&'a str, usize, PromptKind);
    fn key(one: &ImageScores) -> Key<'_> {
        (&one.set, one.record, one.prompt)
    }
    let earlier: Option<HashMap<Key<'_>, &ImageScores>> =
        before.map(|before| before.images.iter().map(|one| (key(one), one)).collect());
    // Of a model without an HQ head SAM's own mask.
    let pair = |one: &ImageScores| {
        let now = judged(&one.scores)?;
        let before = earlier.as_ref()?.get(&key(one))?;
        let before = before.of(now.mask).or_else(|| before.of(MaskKind::Sam))?;
        Some((before.iou, now.iou))
    };
    let iou = |one: &ImageScores| judged(&one.scores).map_or(0.0, |scores| scores.iou);
    let mut records: Vec<_> = evaluation.images.iter().collect();
    records.sort_by(|a, b| iou(a).total_cmp(&iou(b)));
    let mut masks: Vec<MaskKind> = evaluation
        .sets
        .first()
        .map_or_else(Vec::new, |set| set.scores.iter().map(|s| s.mask).collect());
    masks.sort_by_key(|mask| *mask != MaskKind::Hq);
    let row = |one: &&ImageScores| {
        let mut row = vec![
            one.set.clone(),
            one.prompt.to_string().replace('_', " "),
            one.name.clone(),
            size_of(one.area).to_owned(),
            one.area.to_string(),
        ];
        let scores = |mask: &MaskKind| {
            one.of(*mask).map_or_else(|| "none".into(), |scores| format!("{:.4}", scores.iou))
        };
        if earlier.is_some() {
            let pair = pair(one);
            let cell = |text: Option<String>| text.unwrap_or_else(|| "none".into());
            row.push(cell(pair.map(|(before, _)| format!("{before:.4}"))));
            row.push(cell(pair.map(|(before, now)| format!("{:+.4}", now - before))));
        }
        row.extend(masks.iter().map(scores));
        row
    };
    let mut header = text(&["set", "prompt", "record", "size", "area"]);
    if earlier.is_some() {
        header.extend(text(&["before", "difference"]));
    }
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
