//! The page of two runs: the settings in which they differ, and their curves on top of each other.

use std::path::Path;

use maskwright_train::run_files::RunFiles;
use maskwright_train::run_log::Entry;
use maskwright_train::runs::{Difference, RunSummary};

use super::today;
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
        ..Report::default()
    };
    crate::files::write_atomically(page, report.to_html().as_bytes())
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
            number(summary.best),
            summary.best_epoch.map_or_else(|| "none".into(), |epoch| (epoch + 1).to_string()),
            number(summary.iou),
            number(summary.boundary_iou),
            format!("{:.0}", summary.seconds),
        ]
    };
    let header = [
        "run",
        "what learns",
        "epochs",
        "best",
        "its epoch",
        "last mIoU",
        "boundary mIoU",
        "seconds",
    ];
    Table {
        title: "Both runs".into(),
        caption: "Epochs are counted from 0. Seconds are those of training.".into(),
        header: header.map(str::to_owned).into(),
        rows: runs.map(row).into(),
        best: Vec::new(),
    }
}

fn settings(differences: &[Difference], names: &[String; 2]) -> Table {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".into());
    let row = |one: &Difference| vec![one.key.clone(), value(&one.first), value(&one.second)];
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

/// The loss of both, and each metric of every set that both validated on.
fn curves(runs: [&RunFiles; 2], names: &[String; 2]) -> Vec<CurvePlot> {
    let loss = |run: &RunFiles| -> Vec<(f64, f64)> {
        run.log
            .iter()
            .filter_map(|entry| match entry {
                Entry::Step(step) => Some((step.global_step as f64, step.loss.total)),
                _ => None,
            })
            .collect()
    };
    let series = |points: [Vec<(f64, f64)>; 2]| -> Vec<Series> {
        let named = names.iter().cloned().zip(points);
        named.map(|(name, points)| Series { name, points }).collect()
    };
    let plot = |title: String, x_label: &str, y_label: &str, points| CurvePlot {
        title,
        x_label: x_label.into(),
        y_label: y_label.into(),
        series: series(points),
        log_y: false,
    };
    let mut curves = vec![plot("Training loss".into(), "step", "loss", runs.map(loss))];
    let mut kinds = Vec::new();
    for epoch in runs[0].epochs() {
        for set in &epoch.validation {
            for scores in &set.scores {
                let kind = (set.set.clone(), set.prompt, scores.mask);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
    }
    for (set, prompt, mask) in kinds {
        let points = runs.map(|run| -> Vec<(f64, f64)> {
            let value = |epoch: &maskwright_train::run_log::EpochEntry| {
                let own = |one: &&maskwright_train::evaluator::SetMetrics| {
                    one.set == set && one.prompt == prompt
                };
                let scores = epoch.validation.iter().find(own)?.of(mask)?;
                Some((epoch.epoch as f64 + 1.0, scores.iou))
            };
            run.epochs().filter_map(value).collect()
        });
        if points.iter().all(|points| !points.is_empty()) {
            let title = format!("{set}, {}: {}", prompt.name().replace('_', " "), mask.title());
            curves.push(plot(title, "epochs done", "mean IoU", points));
        }
    }
    curves
}
