//! The doctor's fixes, training, models, comparisons.

use serde::Deserialize;
use serde_json::json;

use crate::api::{CompareRequest, ModelInfo, TrainRequest};
use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};

/// The key of the side of a model's input.
const INPUT_SIZE: &str = "model.input_size";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    id: String,
}

/// Writes a fix into the data file and opens the data again.
pub(super) fn fix(app: &App, request: &Request) -> Result<Response> {
    let Wanted { id } = request.json()?;
    app.doctor.fix(&id)?;
    app.reopen()?;
    Ok(Response::json(200, &app.doctor.state()))
}

/// The model that a training begins from, unless its form names another.
fn model_at_hand(app: &App) -> Option<ModelInfo> {
    app.engine.current().model.map(|model| model.info.clone())
}

/// The form for training; a run has the input size of the model that it begins with, unless it is said.
pub(super) fn form(app: &App) -> Response {
    let mut form = app.program.form();
    if let Some(model) = model_at_hand(app) {
        for field in form.fields.iter_mut().filter(|field| field.key == INPUT_SIZE) {
            field.default = model.input_size.to_string();
        }
    }
    Response::json(200, &form)
}

/// Says what a training will take.
pub(super) fn forecast(app: &App, request: &Request) -> Result<Response> {
    let wanted: TrainRequest = request.json()?;
    let forecast =
        app.jobs.forecast(&wanted, &app.set(), &app.corrections, model_at_hand(app).as_ref())?;
    Ok(Response::json(200, &forecast))
}

/// Begins a training.
pub(super) fn train(app: &App, request: &Request) -> Result<Response> {
    let wanted: TrainRequest = request.json()?;
    let job = app.jobs.train(&wanted, &app.set(), &app.corrections, model_at_hand(app).as_ref())?;
    Ok(Response::json(202, &job))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    checkpoint: String,
}

/// Clicks with another model.
pub(super) fn model(app: &App, request: &Request) -> Result<Response> {
    let Chosen { checkpoint } = request.json()?;
    let path = app.jobs.find_checkpoint(&checkpoint, &app.given)?;
    app.engine.load(&path)?;
    Ok(Response::json(202, &json!({ "checkpoint": path.display().to_string() })))
}

/// Two models on one image.
pub(super) fn compare(app: &App, request: &Request) -> Result<Response> {
    let wanted: CompareRequest = request.json()?;
    let set = app.set();
    set.size(wanted.index)?;
    let a = app.jobs.find_checkpoint(&wanted.a, &app.given)?;
    let b = app.jobs.find_checkpoint(&wanted.b, &app.given)?;
    let found = app.compared.compare(&app.engine, &set, &wanted, [&a, &b])?;
    Ok(Response::json(200, &found))
}
