//! The demo's report: its figures, curves and tables.

use maskwright_data::prompt::PromptKind;
use maskwright_model::Sam;

use super::{DemoConfig, DemoOutcome};
use crate::config::TrainConfig;
use crate::error::Result;
use crate::evaluator::{MaskKind, SetMetrics};
use crate::report::{Best, CurvePlot, Gallery, Report, Series, Table};
use crate::run_log::{self, Entry};

pub(super) fn report(
    config: &DemoConfig,
    sam: &TrainConfig,
    hq: &TrainConfig,
    model: &Sam,
    outcome: &DemoOutcome,
    galleries: Vec<Gallery>,
) -> Result<Report> {
    let sam_log = run_log::read(&sam.output.join("metrics.jsonl"))?;
    let hq_log = run_log::read(&hq.output.join("metrics.jsonl"))?;
    let box_metrics = outcome.evaluation.sets.iter().find(|set| set.prompt == PromptKind::Box);
    let score = |kind: MaskKind, boundary: bool| {
        box_metrics.and_then(|set| set.of(kind)).map_or_else(
            || "none".to_owned(),
            |scores| format!("{:.3}", if boundary { scores.boundary_iou } else { scores.iou }),
        )
    };
    let total: f64 = outcome.seconds.iter().map(|(_, seconds)| seconds).sum();
    Ok(Report {
        title: "maskwright demo".into(),
        command: "maskwright demo".into(),
        created: String::new(),
        summary: vec![
            ("HQ mIoU, box prompts".into(), score(MaskKind::Hq, false)),
            ("HQ boundary mIoU".into(), score(MaskKind::Hq, true)),
            ("SAM mIoU, box prompts".into(), score(MaskKind::Sam, false)),
            ("SAM boundary mIoU".into(), score(MaskKind::Sam, true)),
            ("time".into(), format!("{:.0} s", total)),
        ],
        curves: vec![
            loss_curve("SAM from nothing: training loss", &sam_log),
            loss_curve("HQ head: training loss", &hq_log),
            validation_curve("SAM from nothing: validation", &sam_log, &[MaskKind::Sam]),
            validation_curve("HQ head: validation", &hq_log, &[MaskKind::Sam, MaskKind::Hq]),
        ],
        tables: vec![
            evaluation_table(&outcome.evaluation.sets),
            settings_table(config, model),
            time_table(&outcome.seconds),
        ],
        galleries,
        notes: vec![
            "Every figure was measured in this run, on generated pictures that were not trained \
             on. The model is small and saw a few minutes of training: it shows that the whole \
             way works, not what SAM-HQ can do."
                .into(),
            format!(
                "Both runs lie beside this file as maskwright train leaves them, and the tuned \
                 model is {}.",
                outcome.checkpoint.display()
            ),
        ],
    })
}

fn loss_curve(title: &str, log: &[Entry]) -> CurvePlot {
    let of = |value: fn(&run_log::StepEntry) -> f64| -> Vec<(f64, f64)> {
        log.iter()
            .filter_map(|entry| match entry {
                Entry::Step(step) => Some((step.global_step as f64, value(step))),
                Entry::Epoch(_) => None,
            })
            .collect()
    };
    CurvePlot {
        title: title.into(),
        x_label: "step".into(),
        y_label: "loss".into(),
        series: vec![
            Series { name: "cross entropy".into(), points: of(|step| step.bce) },
            Series { name: "dice".into(), points: of(|step| step.dice) },
        ],
        log_y: false,
    }
}

fn validation_curve(title: &str, log: &[Entry], masks: &[MaskKind]) -> CurvePlot {
    let mut series = Vec::new();
    for &mask in masks {
        for (name, boundary) in [("IoU", false), ("boundary IoU", true)] {
            let points = log
                .iter()
                .filter_map(|entry| match entry {
                    Entry::Epoch(epoch) => {
                        let scores = epoch.validation.first()?.of(mask)?;
                        let value = if boundary { scores.boundary_iou } else { scores.iou };
                        Some((epoch.epoch as f64 + 1.0, value))
                    }
                    Entry::Step(_) => None,
                })
                .collect();
            series.push(Series { name: format!("{} {name}", mask.title()), points });
        }
    }
    CurvePlot {
        title: title.into(),
        x_label: "epochs done".into(),
        y_label: "mean over held-out pictures".into(),
        series,
        log_y: false,
    }
}

fn evaluation_table(sets: &[SetMetrics]) -> Table {
    let masks = [MaskKind::Sam, MaskKind::Hq, MaskKind::SamHq];
    let mut header = vec!["prompt".to_owned(), "pictures".to_owned()];
    for mask in masks {
        header.push(format!("{} mIoU", mask.title()));
        header.push(format!("{} boundary", mask.title()));
    }
    let rows = sets
        .iter()
        .map(|set| {
            let mut row = vec![set.prompt.to_string().replace('_', " "), set.images.to_string()];
            for mask in masks {
                let scores = set.of(mask);
                let cell = |value: Option<f64>| {
                    value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"))
                };
                row.push(cell(scores.map(|s| s.iou)));
                row.push(cell(scores.map(|s| s.boundary_iou)));
            }
            row
        })
        .collect();
    Table {
        title: "SAM and SAM-HQ on the held-out pictures".into(),
        caption: "Mean IoU and boundary IoU (band of 2% of the diagonal) at each picture's own \
                  resolution. SAM is the small SAM's own mask, HQ the mask of the HQ head, SAM + HQ \
                  the sum of both logits, which HQ-SAM's predictor shows."
            .into(),
        header,
        rows,
        best: Vec::<Option<Best>>::new(),
    }
}

fn settings_table(config: &DemoConfig, model: &Sam) -> Table {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    Table {
        title: "What was trained".into(),
        caption: String::new(),
        header: vec!["setting".into(), "value".into()],
        rows: vec![
            row("training pictures", config.pictures.train.to_string()),
            row("held-out pictures", config.pictures.valid.to_string()),
            row("input", format!("{0} x {0} pixels", config.model.image_size)),
            row("model", crate::checkpoint::describe(model.config())),
            row("parameters", crate::checkpoint::parameter_count(model).to_string()),
            row("epochs: SAM, HQ head", format!("{}, {}", config.sam_epochs, config.hq_epochs)),
            row("pictures per step", config.batch_size.to_string()),
            row("seed", config.seed.to_string()),
        ],
        best: Vec::new(),
    }
}

fn time_table(seconds: &[(String, f64)]) -> Table {
    Table {
        title: "Where the time went".into(),
        caption: String::new(),
        header: vec!["stage".into(), "seconds".into()],
        rows: seconds
            .iter()
            .map(|(stage, seconds)| vec![stage.clone(), format!("{seconds:.1}")])
            .collect(),
        best: Vec::new(),
    }
}
