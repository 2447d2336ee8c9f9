//! The doctor's fixes, training, models, comparisons.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{CompareRequest, ModelInfo, TrainRequest};
use crate::app::App;
use crate::error::Result;
use crate::http::asked::{At, Sent};
use crate::http::{Response, answer};

/// The key of the side of a model's input.
const INPUT_SIZE: &str = "model.input_size";

fn accepted(document: &impl Serialize) -> Response {
    answer::json(StatusCode::ACCEPTED, document)
}

/// What the doctor found.
pub(super) fn doctor(app: &Arc<App>, (): ()) -> Result<Response> {
    Ok(answer::good(&app.doctor.state()))
}

/// Has the doctor examine the sets.
pub(super) fn examine(app: &Arc<App>, (): (), _: Sent) -> Result<Response> {
    Ok(accepted(&app.doctor.start(app.set())?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    id: String,
}

/// Writes a fix into the data file and opens the data again.
pub(super) fn fix(app: &Arc<App>, (): (), sent: Sent) -> Result<Response> {
    let Wanted { id } = sent.json()?;
    app.doctor.fix(&id)?;
    app.reopen()?;
    Ok(answer::good(&app.doctor.state()))
}

/// The model that a training begins from, unless its form names another.
fn model_at_hand(app: &App) -> Option<ModelInfo> {
    app.engine.current().model.map(|model| model.info.clone())
}

/// The form for training; a run has the input size of the model that it begins with, unless it is said.
pub(super) fn form(app: &Arc<App>, (): ()) -> Result<Response> {
    let mut form = app.program.form();
    if let Some(model) = model_at_hand(app) {
        for field in form.fields.iter_mut().filter(|field| field.key == INPUT_SIZE) {
            field.default = model.input_size.to_string();
        }
    }
    Ok(answer::good(&form))
}

/// Says what a training will take.
pub(super) fn forecast(app: &Arc<App>, (): (), sent: Sent) -> Result<Response> {
    let wanted: TrainRequest = sent.json()?;
    let forecast =
        app.jobs.forecast(&wanted, &app.set(), &app.corrections, model_at_hand(app).as_ref())?;
    Ok(answer::good(&forecast))
}

/// Begins a training.
pub(super) fn train(app: &Arc<App>, (): (), sent: Sent) -> Result<Response> {
    let wanted: TrainRequest = sent.json()?;
    let job = app.jobs.train(&wanted, &app.set(), &app.corrections, model_at_hand(app).as_ref())?;
    Ok(accepted(&job))
}

/// The trainings.
pub(super) fn jobs(app: &Arc<App>, (): ()) -> Result<Response> {
    Ok(answer::good(&app.jobs.list()))
}

/// Has a training save its state and end.
pub(super) fn stop(app: &Arc<App>, At(id): At<String>, _: Sent) -> Result<Response> {
    Ok(accepted(&app.jobs.stop(&id)?))
}

/// Has a training stand still.
pub(super) fn pause(app: &Arc<App>, At(id): At<String>, _: Sent) -> Result<Response> {
    Ok(accepted(&app.jobs.pause(&id)?))
}

/// Has a training go on.
pub(super) fn resume(app: &Arc<App>, At(id): At<String>, _: Sent) -> Result<Response> {
    Ok(accepted(&app.jobs.resume(&id)?))
}

/// All runs.
pub(super) fn runs(app: &Arc<App>, (): ()) -> Result<Response> {
    Ok(answer::good(&app.jobs.runs()))
}

/// A run with its curves and images.
pub(super) fn run(app: &Arc<App>, At(name): At<String>) -> Result<Response> {
    Ok(answer::good(&app.jobs.details(&name, &app.set())?))
}

/// A picture or the page of a run.
pub(super) fn file(app: &Arc<App>, At((name, file)): At<(String, String)>) -> Result<Response> {
    app.jobs.file(&name, &file)
}

/// The models that can be clicked with.
pub(super) fn checkpoints(app: &Arc<App>, (): ()) -> Result<Response> {
    Ok(answer::good(&app.jobs.checkpoints(&app.given)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    checkpoint: String,
}

/// Clicks with another model.
pub(super) fn model(app: &Arc<App>, (): (), sent: Sent) -> Result<Response> {
    let Chosen { checkpoint } = sent.json()?;
    let path = app.jobs.find_checkpoint(&checkpoint, &app.given)?;
    app.engine.load(&path)?;
    Ok(accepted(&json!({ "checkpoint": path.display().to_string() })))
}

/// Two models on one image.
pub(super) fn compare(app: &Arc<App>, (): (), sent: Sent) -> Result<Response> {
    let wanted: CompareRequest = sent.json()?;
    let set = app.set();
    set.size(wanted.index)?;
    let a = app.jobs.find_checkpoint(&wanted.a, &app.given)?;
    let b = app.jobs.find_checkpoint(&wanted.b, &app.given)?;
    let found = app.compared.compare(&app.engine, &set, &wanted, [&a, &b])?;
    Ok(answer::good(&found))
}
