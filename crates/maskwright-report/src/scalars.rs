//! The numbers of a run's log by name, the same for every place that a run is logged to.

use maskwright_train::evaluator::{ClickMetrics, SetMetrics};
use maskwright_train::run_log::{BeforeEntry, EpochEntry, StepEntry};

/// The losses and the speed of a step: `loss/total`, `loss/bce` and the like, `learning_rate`, `images_per_second`.
pub(crate) fn of_step(entry: &StepEntry) -> Vec<(String, f64)> {
    let mut scalars = vec![("loss/total".to_owned(), entry.loss.total)];
    let terms = entry.loss.terms.iter();
    scalars.extend(terms.map(|(name, value)| (format!("loss/{name}"), *value)));
    scalars.push(("learning_rate".into(), entry.learning_rate));
    scalars.push(("images_per_second".into(), entry.images_per_second));
    scalars
}

/// The time that the training of an epoch took: `epoch/seconds`.
pub(crate) fn of_epoch(entry: &EpochEntry) -> Vec<(String, f64)> {
    vec![("epoch/seconds".into(), entry.seconds)]
}

/// The validation of a model as it came, by the names of those that follow.
pub(crate) fn of_before(entry: &BeforeEntry) -> Vec<(String, f64)> {
    let mut scalars = Vec::new();
    add(&mut scalars, "", &entry.validation);
    add_clicks(&mut scalars, &entry.clicks);
    scalars
}

/// The validation of an epoch, that of averaged weights under `averaged/`, too, and how many clicks it took: `SET/box/hq/iou`,
/// `SET/box/hq/boundary_iou`, `SET/clicks/hq/noc_90`.
pub(crate) fn of_validation(entry: &EpochEntry) -> Vec<(String, f64)> {
    let mut scalars = Vec::new();
    add(&mut scalars, "", &entry.validation);
    add(&mut scalars, "averaged/", &entry.average_validation);
    add_clicks(&mut scalars, &entry.clicks);
    scalars
}

fn add_clicks(scalars: &mut Vec<(String, f64)>, clicks: &[ClickMetrics]) {
    for metrics in clicks {
        for at in &metrics.reached {
            let percent = (100.0 * at.iou).round();
            let name = format!("{}/clicks/{}/noc_{percent}", metrics.set, metrics.mask.name());
            scalars.push((name, at.noc));
        }
    }
}

fn add(scalars: &mut Vec<(String, f64)>, prefix: &str, sets: &[SetMetrics]) {
    for set in sets {
        for scores in &set.scores {
            let name = format!("{prefix}{}/{}/{}", set.set, set.prompt, scores.mask.name());
            scalars.push((format!("{name}/iou"), scores.iou));
            scalars.push((format!("{name}/boundary_iou"), scores.boundary_iou));
        }
    }
}
