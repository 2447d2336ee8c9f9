//! The demo's report: its figures, curves and tables.

use maskwright_data::prompt::PromptKind;
use maskwright_model::load::{describe, parameter_count};
use maskwright_model::{MaskKind, Sam};
use maskwright_report::page::{Gallery, Report, Table};
use maskwright_report::run_report::{figures, today};
use maskwright_train::{TrainConfig, run_log};

use super::{DemoConfig, DemoOutcome, masks_command};

pub(super) fn report(
    config: &DemoConfig,
    sam: &TrainConfig,
    hq: &TrainConfig,
    model: &Sam,
    outcome: &DemoOutcome,
    galleries: Vec<Gallery>,
) -> anyhow::Result<Report> {
    let sam_log = run_log::read(&sam.output.join("metrics.jsonl"))?.entries;
    let hq_log = run_log::read(&hq.output.join("metrics.jsonl"))?.entries;
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
        created: today(),
        summary: vec![
            ("HQ mIoU, box prompts".into(), score(MaskKind::Hq, false)),
            ("HQ boundary mIoU".into(), score(MaskKind::Hq, true)),
            ("SAM mIoU, box prompts".into(), score(MaskKind::Sam, false)),
            ("SAM boundary mIoU".into(), score(MaskKind::Sam, true)),
            ("time".into(), format!("{:.0} s", total)),
        ],
        curves: vec![
            figures::loss_curve("SAM from nothing: training loss", &sam_log),
            figures::loss_curve("HQ head: training loss", &hq_log),
            figures::validation_curve(
                "SAM from nothing: validation",
                &sam_log,
                0,
                &[MaskKind::Sam],
            ),
            figures::validation_curve(
                "HQ head: validation",
                &hq_log,
                0,
                &[MaskKind::Sam, MaskKind::Hq],
            ),
        ],
        tables: vec![
            figures::evaluation_table(&outcome.evaluation.sets),
            settings_table(config, model),
            time_table(&outcome.seconds),
        ],
        galleries,
        reproduce: vec![("seed".into(), config.seed.to_string())],
        notes: vec![
            "Every figure was measured in this run, on generated pictures that were not trained \
             on. The model is small and saw a few minutes of training: it shows that the whole \
             way works, not what SAM-HQ can do."
                .into(),
            format!(
                "All runs lie beside this file as maskwright train leaves them, and the tuned \
                 model is {}.",
                outcome.checkpoint.display()
            ),
            format!(
                "Everything in the held-out pictures, asked for without a prompt: {}. Its thresholds \
                 are lower than those that SAM's masks pass, because a model that saw so little \
                 predicts lower IoUs, and rightly.",
                masks_command(&config.output, &outcome.checkpoint)
            ),
        ],
        ..Report::default()
    })
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
            row("model", describe(model.config())),
            row("parameters", parameter_count(model).to_string()),
            row(
                "epochs: SAM, single points, HQ head",
                format!("{}, {}, {}", config.sam_epochs, config.point_epochs, config.hq_epochs),
            ),
            row("jitter", "0.7 to 1.5 of the input (HQ-SAM: 0.1 to 2.0)".to_owned()),
            row("prompts", "half boxes, a quarter points, a quarter noise masks".to_owned()),
            row(
                "prompts of the single points' epochs",
                "a quarter boxes, half one or two points, a quarter noise masks".to_owned(),
            ),
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
