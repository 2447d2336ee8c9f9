//! Prompts, everything in an image, corrections, the queue.

use std::sync::{Arc, TryLockError};
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use crate::api::{Answer, EmbeddingSource, Event, Order, PromptRequest, SaveRequest, Saved};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::model::Model;
use crate::model::answer;

/// The header that names the window.
const CLIENT: &str = "x-maskwright-client";
/// Entries of the queue that are sent.
const ENTRIES: usize = 500;

fn model(app: &App) -> Result<Arc<Model>> {
    app.engine.model(&app.program.how_to_get_a_model())
}

/// Has an image encoded soon, and those after it ahead of time.
pub(super) fn embedding(app: &App, index: usize) -> Result<Response> {
    let set = app.set();
    set.size(index)?;
    let next: Vec<usize> = (index + 1..set.len()).take(4).collect();
    let state = app.engine.prepare(&model(app)?, &set, index, &next)?;
    Ok(Response::json(202, &json!({ "state": state })))
}

/// Answers a prompt.
pub(super) fn predict(app: &App, index: usize, request: &Request) -> Result<Response> {
    let prompt: PromptRequest = request.json()?;
    let (model, set) = (model(app)?, app.set());
    let (image, made) = app.engine.encoded(&model, &set, index, true)?;
    let (proposals, milliseconds) =
        app.engine.clicking(|| answer::answer(&model, &image, &prompt))?;
    let embedding = if made { EmbeddingSource::Made } else { EmbeddingSource::Ready };
    Ok(Response::json(200, &Answer { proposals, milliseconds, embedding }))
}

/// Finds everything in an image.
pub(super) fn everything(app: &App, index: usize) -> Result<Response> {
    let (model, set) = (model(app)?, app.set());
    let one = match app.everything.try_lock() {
        Ok(one) => one,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Busy {
                what: "everything".into(),
                reason: "another image is searched; one at a time".into(),
            });
        }
    };
    let (image, _) = app.engine.encoded(&model, &set, index, true)?;
    let pixels = set.pixels(index)?;
    let found = answer::everything(&model, &image, &pixels, || !app.is_ending())?;
    drop(one);
    Ok(Response::json(200, &found))
}

/// What was saved of an image.
pub(super) fn corrections(app: &App, index: usize) -> Result<Response> {
    Ok(Response::json(200, &app.corrections.get(&app.set(), index)?))
}

/// Saves an image's objects.
pub(super) fn save(app: &App, index: usize, request: &Request) -> Result<Response> {
    let start = Instant::now();
    let wanted: SaveRequest = request.json()?;
    let (revision, file) = app.corrections.save(&app.set(), index, &wanted)?;
    let client = request.header(CLIENT).unwrap_or_default().chars().take(100).collect();
    app.events.tell(&Event::Saved { index, revision, client });
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    Ok(Response::json(200, &Saved { revision, file: file.display().to_string(), milliseconds }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    client: String,
}

/// Tells other windows that this one has an image open.
pub(super) fn open(app: &App, index: usize, request: &Request) -> Result<Response> {
    let Opened { client } = request.json()?;
    app.set().find(index)?;
    app.events.tell(&Event::Opened { index, client });
    Ok(Response::json(200, &json!({})))
}

/// The images without masks, in the order in which they should be annotated.
pub(super) fn queue(app: &App, request: &Request) -> Result<Response> {
    let order = match request.text("order") {
        None | Some("doubt") => Order::Doubt,
        Some("name") => Order::Name,
        Some(other) => return Err(Error::setting("order", "name or doubt", other)),
    };
    let limit: usize = request.value("limit", "a number")?.unwrap_or(100);
    Ok(Response::json(200, &app.measured.queue(app, order, limit.min(ENTRIES))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    enabled: bool,
}

/// Turns measuring on or off.
pub(super) fn enable_queue(app: &App, request: &Request) -> Result<Response> {
    let Enabled { enabled } = request.json()?;
    app.measured.enable(enabled);
    Ok(Response::json(200, &json!({ "enabled": enabled })))
}
