//! What each address does.
//!
//! | file | addresses |
//! |---|---|
//! | `records` | the state, records, their pictures and masks |
//! | `annotate` | prompts, everything, corrections, the queue |
//! | `work` | the doctor, training, runs, models, comparisons |

mod annotate;
mod records;
mod work;

use std::sync::Arc;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Body, Method, Request, Response};
use crate::page;
use crate::problem;

/// The answer to a request.
///
/// # Errors
/// Whatever is wrong; the caller tells of it.
pub(crate) fn answer(app: &Arc<App>, request: &Request) -> Result<Response> {
    use Method::{Get, Post, Put};
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    if path.first() != Some(&"api") {
        let name = match path[..] {
            [] => Some("index.html"),
            [name] => Some(name),
            _ => None,
        };
        let file = name.filter(|_| request.method == Get).and_then(page::file);
        return Ok(
            file.unwrap_or_else(|| problem::refused(404, "there is nothing at this address"))
        );
    }
    match (request.method, &path[1..]) {
        (Get, ["state"]) => Ok(Response::json(200, &records::state(app))),
        (Get, ["records"]) => records::list(app, request),
        (Get, ["records", index]) => records::one(app, number(index)?),
        (Get, ["records", index, "thumbnail"]) => records::thumbnail(app, number(index)?, request),
        (Get, ["records", index, "image"]) => records::image(app, number(index)?, request),
        (Get, ["records", index, "tile", level, column, row]) => {
            records::tile(app, number(index)?, [number(level)?, number(column)?, number(row)?])
        }
        (Get, ["records", index, "masks"]) => records::masks(app, number(index)?),
        (Get, ["records", index, "view"]) => records::view(app, number(index)?, request),
        (Post, ["records", index, "embedding"]) => annotate::embedding(app, number(index)?),
        (Post, ["records", index, "predict"]) => annotate::predict(app, number(index)?, request),
        (Post, ["records", index, "everything"]) => annotate::everything(app, number(index)?),
        (Get, ["records", index, "corrections"]) => annotate::corrections(app, number(index)?),
        (Put, ["records", index, "corrections"]) => annotate::save(app, number(index)?, request),
        (Post, ["records", index, "open"]) => annotate::open(app, number(index)?, request),
        (Get, ["queue"]) => annotate::queue(app, request),
        (Post, ["queue"]) => annotate::enable_queue(app, request),
        (Get, ["doctor"]) => Ok(Response::json(200, &app.doctor.state())),
        (Post, ["doctor"]) => Ok(Response::json(202, &app.doctor.start(app.set())?)),
        (Post, ["doctor", "fix"]) => work::fix(app, request),
        (Get, ["train", "form"]) => Ok(work::form(app)),
        (Post, ["train", "forecast"]) => work::forecast(app, request),
        (Post, ["train"]) => work::train(app, request),
        (Get, ["jobs"]) => Ok(Response::json(200, &app.jobs.list())),
        (Post, ["jobs", id, "stop"]) => Ok(Response::json(202, &app.jobs.stop(id)?)),
        (Post, ["jobs", id, "resume"]) => Ok(Response::json(202, &app.jobs.resume(id)?)),
        (Get, ["runs"]) => Ok(Response::json(200, &app.jobs.runs())),
        (Get, ["runs", name]) => Ok(Response::json(200, &app.jobs.details(name, &app.set())?)),
        (Get, ["runs", name, "files", file]) => app.jobs.file(name, file),
        (Post, ["model"]) => work::model(app, request),
        (Get, ["checkpoints"]) => Ok(Response::json(200, &app.jobs.checkpoints(&app.given))),
        (Post, ["compare"]) => work::compare(app, request),
        (Get, ["events"]) => {
            Ok(Response::new(200, "text/event-stream", Body::Events(app.events.listen()?)))
        }
        _ => Ok(problem::refused(404, "there is nothing at this address, or not by this method")),
    }
}

/// A number of an address.
fn number(text: &str) -> Result<usize> {
    text.parse().map_err(|_| Error::missing(format!("address {text}"), "a number"))
}
