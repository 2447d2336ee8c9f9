//! The page of two runs: the settings in which they differ, and their curves on top of each other.

use std::path::Path;

use maskwright_data::prompt::PromptKind;
use maskwright_model::MaskKind;
use maskwright_train::evaluator::{SetMetrics, judged};
use maskwright_train::run_files::RunFiles;
use maskwright_train::run_log::Entry;
use maskwright_train::runs::{Difference, RunSummary};
use maskwright_train::trainer::held_out_differ;

use super::figures::even;
use super::{capitalised, today};
use crate::error::Result;
use crate::page::{CurvePlot, Report, Series, Table};

/// Writes the page of two runs to `page`.
///
/// # Errors
/// Failed writes.
pub fn write_comparison(
    runs: [&RunFiles; 2],
    differences: &[Difference],
    command: String,
    page: &Path,
) -> Result<()> {
    let names = runs.map(|run| run.folder.display().to_string());
    let report = Report {
        title: format!("{} and {}", names[0], names[1]),
        created: today(),
        command,
        tables: vec![summaries(runs), settings(differences, &names)],
        curves: curves(runs, &names),
        verdict: unlike(runs[0], runs[1])
            .iter()
            .map(|sentence| format!("{}.", capitalised(sentence)))
            .collect(),
        ..Report::default()
    };
    crate::files::write_atomically(page, report.to_html().as_bytes())
}

/// What keeps the figures of two runs from being compared, in sentences.
pub fn unlike(first: &RunFiles, second: &RunFiles) -> Vec<String> {
    let mut unlike = Vec::new();
    if let Some([one, other]) = held_out_differ(&first.folder, &second.folder) {
        let counts = match one == other {
            true => format!("{one} each"),
            false => format!("{one} and {other}"),
        };
        unlike.push(format!(
            "the runs held out unlike records ({counts}), so their figures are no comparison of the two"
        ));
    }
    let [one, other] = [first, second].map(RunSummary::of);
    if let (Some(mask), Some(second)) = (one.mask, other.mask)
        && mask != second
    {
        unlike.push(format!(
            "the runs are judged by unlike masks: {} and {}",
            mask.title(),
            second.title()
        ));
    }
    if one.best_by != other.best_by {
        unlike.push(format!(
            "the runs are judged by unlike measures: {} and {}",
            one.best_by, other.best_by
        ));
    }
    unlike
}

fn summaries(runs: [&RunFiles; 2]) -> Table {
    let number =
        |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"));
    let row = |run: &RunFiles| {
        let summary = RunSummary::of(run);
        vec![
            summary.folder.display().to_string(),
            summary.learns,
            format!("{} of {}", summary.epochs_done, summary.epochs),
            summary.mask.map_or_else(|| "none".into(), |mask| mask.title().to_owned()),
            number(summary.before),
            match summary.best.zip(summary.best_epoch) {
                Some((best, epoch)) => format!("{best:.4} in epoch {}", epoch + 1),
                None => "none".into(),
            },
            summary.held_out.to_string(),
            number(summary.iou),
            number(summary.boundary_iou),
            format!("{:.0}", summary.seconds),
        ]
    };
    let header = [
        "run",
        "what learns",
        "epochs",
        "judged mask",
        "before",
        "best",
        "objects",
        "last mIoU",
        "boundary mIoU",
        "seconds",
    ];
    let measures = runs.map(|run| run.config.checkpoints.best_by.to_string());
    let measure = match measures[0] == measures[1] {
        true => measures[0].clone(),
        false => measures.join(" and "),
    };
    Table {
        title: "Both runs".into(),
        caption: format!(
            "Before and best are measured by {measure}, as the mean of so many held-out objects. Seconds are those of training."
        ),
        header: header.map(str::to_owned).into(),
        rows: runs.map(row).into(),
        best: Vec::new(),
    }
}

fn settings(differences: &[Difference], names: &[String; 2]) -> Table {
    let row = |one: &Difference| {
        let [first, second] = one.shown();
        vec![one.key.clone(), first, second]
    };
    Table {
        title: "Settings that differ".into(),
        caption: match differences.is_empty() {
            true => "None: both have the same settings.".into(),
            false => String::new(),
        },
        header: vec!["setting".into(), names[0].clone(), names[1].clone()],
        rows: differences.iter().map(row).collect(),
        best: Vec::new(),
    }
}

/// The loss of both, and of every set the mask that each run is judged by; then each other mask that both have.
fn curves(runs: [&RunFiles; 2], names: &[String; 2]) -> Vec<CurvePlot> {
    let plot = |title: String, x_label: &str, y_label: &str, series| CurvePlot {
        title,
        x_label: x_label.into(),
        y_label: y_label.into(),
        series,
        ..CurvePlot::default()
    };
    let mut curves = Vec::new();
    for (title, points) in losses(runs) {
        let named = names.iter().cloned().zip(points);
        let series = named.map(|(name, points)| Series { name, points }).collect();
        curves.push(plot(title, "step", "loss", series));
    }
    let mut kinds: Vec<(String, PromptKind)> = Vec::new();
    for set in runs.iter().flat_map(|run| run.epochs()).flat_map(|epoch| &epoch.validation) {
        let kind = (set.set.clone(), set.prompt);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    for (set, prompt) in &kinds {
        let prompt_name = prompt.name().replace('_', " ");
        let mut series = Vec::new();
        let mut known = Vec::new();
        for (run, name) in runs.iter().zip(names) {
            let Some(mask) = judged_of(run, set, *prompt) else { continue };
            let name = format!("{name}: {}", mask.title());
            known.push(mask);
            series.push(Series { name, points: points(run, set, *prompt, mask) });
        }
        let title = format!("{set}, {prompt_name}: the judged mask");
        curves.push(plot(title, "epochs done", "mean IoU", series));
        for mask in [MaskKind::Sam, MaskKind::Hq, MaskKind::SamHq] {
            let both = runs.map(|run| points(run, set, *prompt, mask));
            if known == [mask, mask] || both.iter().any(Vec::is_empty) {
                continue;
            }
            let named = names.iter().cloned().zip(both);
            let series = named.map(|(name, points)| Series { name, points }).collect();
            let title = format!("{set}, {prompt_name}: {}", mask.title());
            curves.push(plot(title, "epochs done", "mean IoU", series));
        }
    }
    curves
}

/// The points of one curve of each run.
type Curves = [Vec<(f64, f64)>; 2];

/// The curves of the loss of both, with their titles: the sum, or where its terms have unlike weights each term that both have.
fn losses(runs: [&RunFiles; 2]) -> Vec<(String, Curves)> {
    let of = |value: &dyn Fn(&maskwright_train::loss::LossValues) -> Option<f64>| {
        runs.map(|run| -> Vec<(f64, f64)> {
            let steps = run.log.iter().filter_map(|entry| match entry {
                Entry::Step(step) => Some((step.global_step, value(&step.loss)?)),
                _ => None,
            });
            even(steps.collect())
        })
    };
    let [first, second] = runs.map(|run| &run.config.train.loss.weights);
    if first == second {
        return vec![("Training loss".into(), of(&|loss| Some(loss.total)))];
    }
    let terms = first.keys().filter(|name| second.contains_key(*name));
    let of_term = |name: &String| {
        let title = format!("Training loss, {name} alone, since the weights of the terms differ");
        (title, of(&|loss| loss.term(name)))
    };
    let there = |(_, points): &(String, Curves)| points.iter().all(|one| !one.is_empty());
    terms.map(of_term).filter(there).collect()
}

/// The mask that a run is judged by on a set; none where it does not validate on it.
fn judged_of(run: &RunFiles, set: &str, prompt: PromptKind) -> Option<MaskKind> {
    let last = run.epochs().rev().find_map(|epoch| own(&epoch.validation, set, prompt))?;
    judged(&last.scores).map(|scores| scores.mask)
}

fn own<'a>(sets: &'a [SetMetrics], set: &str, prompt: PromptKind) -> Option<&'a SetMetrics> {
    sets.iter().find(|one| one.set == set && one.prompt == prompt)
}

/// The IoU of a mask on a set over the epochs of a run: before the first step at 0, where that was validated.
fn points(run: &RunFiles, set: &str, prompt: PromptKind, mask: MaskKind) -> Vec<(f64, f64)> {
    let value = |sets: &[SetMetrics]| Some(own(sets, set, prompt)?.of(mask)?.iou);
    let before = run.before().and_then(|before| Some((0.0, value(&before.validation)?)));
    let epochs = run
        .epochs()
        .filter_map(|epoch| Some((epoch.epoch as f64 + 1.0, value(&epoch.validation)?)));
    before.into_iter().chain(epochs).collect()
}
