//! Curves and tables of a run.

use std::collections::BTreeSet;

use maskwright_model::MaskKind;
use maskwright_train::evaluator::SetMetrics;
use maskwright_train::loss::TERMS;
use maskwright_train::run_log::{BeforeEntry, Entry, EpochEntry};
use maskwright_train::times::TrainTimes;

use crate::page::{Best, CurvePlot, Series, Table};

/// Every term of the loss over the steps of a run, by name. The lines of the log are means over as many steps as the settings
/// say, but for shorter ones where an epoch ends; these are put together, so that every point is a mean over about as many steps.
pub fn loss_curve(title: &str, log: &[Entry]) -> CurvePlot {
    let steps = || {
        log.iter().filter_map(|entry| match entry {
            Entry::Step(step) => Some(step),
            _ => None,
        })
    };
    let of = |name: &str| -> Vec<(f64, f64)> {
        even(steps().filter_map(|step| Some((step.global_step, step.loss.term(name)?))).collect())
    };
    // Terms in the order in which they are added; then what only a later version knows.
    let known = TERMS.iter().map(|term| (term.name, term.title));
    let logged: BTreeSet<&str> =
        steps().flat_map(|step| step.loss.terms.keys().map(String::as_str)).collect();
    let others = logged.iter().map(|&name| (name, name));
    let others = others.filter(|(name, _)| TERMS.iter().all(|term| term.name != *name));
    let series = known
        .chain(others)
        .filter(|(name, _)| logged.contains(name))
        .map(|(name, title)| Series { name: title.into(), points: of(name) })
        .collect();
    CurvePlot {
        title: title.into(),
        x_label: "step".into(),
        y_label: "loss".into(),
        series,
        ..CurvePlot::default()
    }
}

/// Means over the steps up to each of these, put together to means over about as many steps as the longest has.
pub(super) fn even(means: Vec<(usize, f64)>) -> Vec<(f64, f64)> {
    let lengths = || {
        let before = std::iter::once(0).chain(means.iter().map(|(step, _)| *step));
        before.zip(&means).map(|(before, (step, _))| step.saturating_sub(before).max(1))
    };
    let longest = lengths().max().unwrap_or(1);
    // The end of each, the sum over its steps, and how many these are.
    let mut windows: Vec<(usize, f64, usize)> = Vec::new();
    for ((step, mean), length) in means.iter().zip(lengths()) {
        let sum = mean * length as f64;
        match windows.last_mut().filter(|last| last.2 + length <= longest) {
            Some(last) => *last = (*step, last.1 + sum, last.2 + length),
            None => windows.push((*step, sum, length)),
        }
    }
    // What is left at the end says little by itself.
    if let [.., (_, sum, length), last] = &mut windows[..]
        && 2 * last.2 < longest
    {
        *last = (last.0, last.1 + *sum, last.2 + *length);
        let at = windows.len() - 2;
        windows.remove(at);
    }
    windows.into_iter().map(|(step, sum, length)| (step as f64, sum / length as f64)).collect()
}

/// IoU and boundary IoU over the epochs of a run, on one of its validation sets; where weights are averaged, the IoU with
/// these, too.
pub fn validation_curve(title: &str, log: &[Entry], set: usize, masks: &[MaskKind]) -> CurvePlot {
    let epochs = || {
        log.iter().filter_map(|entry| match entry {
            Entry::Epoch(epoch) => Some(epoch),
            _ => None,
        })
    };
    let mut series = Vec::new();
    for &mask in masks {
        for (name, boundary) in [("IoU", false), ("boundary IoU", true)] {
            let value = |epoch: &EpochEntry| {
                let scores = epoch.validation.get(set)?.of(mask)?;
                let value = if boundary { scores.boundary_iou } else { scores.iou };
                Some((epoch.epoch as f64 + 1.0, value))
            };
            let begin = |before: &BeforeEntry| {
                let scores = before.validation.get(set)?.of(mask)?;
                Some((0.0, if boundary { scores.boundary_iou } else { scores.iou }))
            };
            let before = log.iter().find_map(|entry| match entry {
                Entry::Before(before) => begin(before),
                _ => None,
            });
            let points = before.into_iter().chain(epochs().filter_map(value)).collect();
            series.push(Series { name: format!("{} {name}", mask.title()), points });
        }
        let averaged = |epoch: &EpochEntry| {
            let scores = epoch.average_validation.get(set)?.of(mask)?;
            Some((epoch.epoch as f64 + 1.0, scores.iou))
        };
        let points: Vec<(f64, f64)> = epochs().filter_map(averaged).collect();
        if !points.is_empty() {
            series.push(Series { name: format!("{} IoU, averaged", mask.title()), points });
        }
    }
    CurvePlot {
        title: title.into(),
        x_label: "epochs done".into(),
        y_label: "mean over held-out images".into(),
        series,
        ..CurvePlot::default()
    }
}

/// Where the time of a run went, if its log says so: in all, and for each epoch.
pub fn time_table(log: &[Entry]) -> Option<Table> {
    let mut times = TrainTimes::default();
    let mut epochs = BTreeSet::new();
    for entry in log {
        if let Entry::Times(entry) = entry {
            times.add(&entry.times);
            epochs.insert(entry.epoch);
        }
    }
    let total = times.total();
    if epochs.is_empty() || total <= 0.0 {
        return None;
    }
    let row = |name: &str, seconds: f64| {
        let each = seconds / epochs.len() as f64;
        let share = 100.0 * seconds / total;
        vec![name.to_owned(), format!("{seconds:.1}"), format!("{share:.1}"), format!("{each:.1}")]
    };
    let mut rows: Vec<Vec<String>> =
        times.parts().iter().map(|(name, seconds)| row(words_of(name), *seconds)).collect();
    rows.push(row("all of these", total));
    Some(Table {
        title: "Where the time went".into(),
        caption: "Data are read and sampled beside the training; here is what it waited for them. On a GPU the time of a \
                  part counts where its result is first waited for, so the encoder's may be among the decoder's."
            .into(),
        header: ["what", "seconds", "per cent", "seconds per epoch"].map(str::to_owned).into(),
        rows,
        best: Vec::new(),
    })
}

/// A part of a run's time, in words.
fn words_of(part: &str) -> &str {
    match part {
        "data" => "waiting for data",
        "encoder" => "image encoder, or its cache",
        "decoder" => "mask decoder and loss",
        "backward" => "gradients",
        "update" => "update of the weights",
        "saving" => "checkpoints and states",
        other => other,
    }
}

/// Every set and prompt of an evaluation, SAM's own mask beside the others.
pub fn evaluation_table(sets: &[SetMetrics]) -> Table {
    let mut masks = vec![MaskKind::Sam, MaskKind::Hq, MaskKind::SamHq];
    // A SAM without an HQ head has one mask.
    masks.retain(|mask| sets.iter().any(|set| set.of(*mask).is_some()));
    let mut header = vec!["set".to_owned(), "prompt".to_owned(), "images".to_owned()];
    let several = sets.iter().any(|set| set.objects > set.images);
    if several {
        header.push("objects".to_owned());
    }
    for mask in &masks {
        header.push(format!("{} mIoU", mask.title()));
        header.push(format!("{} boundary", mask.title()));
    }
    let rows = sets
        .iter()
        .map(|set| {
            let mut row = vec![
                set.set.clone(),
                set.prompt.to_string().replace('_', " "),
                set.images.to_string(),
            ];
            if several {
                row.push(set.objects.to_string());
            }
            for mask in &masks {
                let scores = set.of(*mask);
                let cell = |value: Option<f64>| {
                    value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"))
                };
                row.push(cell(scores.map(|s| s.iou)));
                row.push(cell(scores.map(|s| s.boundary_iou)));
            }
            row
        })
        .collect();
    let left_out: Vec<String> = sets.iter().filter_map(SetMetrics::left_out).collect();
    let left_out = left_out.iter().map(|line| format!(" {line}.")).collect::<String>();
    Table {
        title: "SAM and SAM-HQ on held-out images".into(),
        caption: format!(
            "Mean IoU and boundary IoU (band of 2% of the diagonal) at each image's own \
                  resolution. SAM is SAM's own mask, without the HQ token, HQ the mask of the HQ head, SAM + HQ \
                  the sum of both logits, which HQ-SAM's predictor shows.{left_out}"
        ),
        header,
        rows,
        best: Vec::<Option<Best>>::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::even;

    #[test]
    fn short_means_are_put_together() {
        // 18 steps an epoch, a line every 10: means over 10 and 8 steps, as they are.
        let steady = vec![(10, 1.0), (18, 0.5), (28, 0.4), (36, 0.2)];
        assert_eq!(even(steady).len(), 4);
        // 22 steps an epoch: 20, then 2, 18 and 4, which make 20 and 4.
        let uneven = vec![(20, 1.0), (22, 5.0), (40, 0.5), (44, 0.25), (60, 0.5)];
        let found = even(uneven);
        assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), [20.0, 40.0, 60.0]);
        assert!((found[1].1 - (2.0 * 5.0 + 18.0 * 0.5) / 20.0).abs() < 1e-12);
        // A rest at the end joins what is before it.
        assert_eq!(even(vec![(20, 1.0), (40, 2.0), (42, 9.0)]).len(), 2);
        assert_eq!(even(vec![(3, 1.0)]), [(3.0, 1.0)]);
        assert!(even(Vec::new()).is_empty());
    }
}
