//! Prompts, everything in an image, corrections, the queue.

use std::sync::{Arc, TryLockError};
use std::time::Instant;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::api::{Answer, EmbeddingSource, Event, Order, PromptRequest, SaveRequest, Saved};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::asked::{Asked, At, Sent};
use crate::http::{Response, answer};
use crate::model::Model;
use crate::model::answer as model_answer;

/// Entries of the queue that are sent.
const ENTRIES: usize = 500;

fn model(app: &App) -> Result<Arc<Model>> {
    app.engine.model(&app.program.how_to_get_a_model())
}

/// Has an image encoded soon, and those after it ahead of time.
pub(super) fn embedding(app: &Arc<App>, At(index): At<usize>, _: Sent) -> Result<Response> {
    let set = app.set();
    set.size(index)?;
    let next: Vec<usize> = (index + 1..set.len()).take(4).collect();
    let state = app.engine.prepare(&model(app)?, &set, index, &next)?;
    Ok(answer::json(StatusCode::ACCEPTED, &json!({ "state": state })))
}

/// Answers a prompt.
pub(super) fn predict(app: &Arc<App>, At(index): At<usize>, sent: Sent) -> Result<Response> {
    let prompt: PromptRequest = sent.json()?;
    let (model, set) = (model(app)?, app.set());
    let (image, made) = app.engine.encoded(&model, &set, index, true)?;
    let (proposals, milliseconds) =
        app.engine.clicking(|| model_answer::answer(&model, &image, &prompt))?;
    let embedding = if made { EmbeddingSource::Made } else { EmbeddingSource::Ready };
    Ok(answer::good(&Answer { proposals, milliseconds, embedding }))
}

/// Finds everything in an image.
pub(super) fn everything(app: &Arc<App>, At(index): At<usize>, _: Sent) -> Result<Response> {
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
    let found = model_answer::everything(&model, &image, &pixels, || !app.is_ending())?;
    drop(one);
    Ok(answer::good(&found))
}

/// What was saved of an image.
pub(super) fn corrections(app: &Arc<App>, At(index): At<usize>) -> Result<Response> {
    Ok(answer::good(&app.corrections.get(&app.set(), index)?))
}

/// Saves an image's objects.
pub(super) fn save(app: &Arc<App>, At(index): At<usize>, sent: Sent) -> Result<Response> {
    let start = Instant::now();
    let wanted: SaveRequest = sent.json()?;
    let done = app.corrections.save(&app.set(), index, &wanted)?;
    let revision = done.revision;
    app.events.tell(&Event::Saved { index, revision, client: sent.client });
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let file = done.file.display().to_string();
    Ok(answer::good(&Saved { revision, file, milliseconds, not_held: done.not_held }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    client: String,
}

/// Tells other windows that this one has an image open.
pub(super) fn open(app: &Arc<App>, At(index): At<usize>, sent: Sent) -> Result<Response> {
    let Opened { client } = sent.json()?;
    app.set().find(index)?;
    app.events.tell(&Event::Opened { index, client });
    Ok(answer::good(&json!({})))
}

/// The images without masks, in the order in which they should be annotated.
pub(super) fn queue(app: &Arc<App>, asked: Asked) -> Result<Response> {
    let order = match asked.text("order") {
        None | Some("doubt") => Order::Doubt,
        Some("name") => Order::Name,
        Some(other) => return Err(Error::setting("order", "name or doubt", other)),
    };
    let limit: usize = asked.value("limit", "a number")?.unwrap_or(100);
    Ok(answer::good(&app.measured.queue(&**app, order, limit.min(ENTRIES))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    enabled: bool,
}

/// Turns measuring on or off.
pub(super) fn enable_queue(app: &Arc<App>, (): (), sent: Sent) -> Result<Response> {
    let Enabled { enabled } = sent.json()?;
    app.measured.enable(enabled);
    Ok(answer::good(&json!({ "enabled": enabled })))
}
