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

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::{Method, Uri};
use axum::routing::{MethodFilter, MethodRouter, get, on};

use crate::app::App;
use crate::error::Result;
use crate::http::Response;
use crate::http::asked::Sent;
use crate::{page, problem};

/// All addresses.
pub(crate) fn router() -> Router<Arc<App>> {
    const RECORD: &str = "/api/records/{index}";
    let record = |part: &str| format!("{RECORD}{part}");
    let corrections = read(annotate::corrections).merge(replace(annotate::save));
    Router::new()
        .route("/api/state", read(records::state))
        .route("/api/records", read(records::list))
        .route(RECORD, read(records::one))
        .route(&record("/thumbnail"), read(records::thumbnail))
        .route(&record("/image"), read(records::image))
        .route(&record("/tile/{level}/{column}/{row}"), read(records::tile))
        .route(&record("/masks"), read(records::masks))
        .route(&record("/view"), read(records::view))
        .route(&record("/embedding"), write(annotate::embedding))
        .route(&record("/predict"), write(annotate::predict))
        .route(&record("/everything"), write(annotate::everything))
        .route(&record("/corrections"), corrections)
        .route(&record("/open"), write(annotate::open))
        .route("/api/queue", read(annotate::queue).merge(write(annotate::enable_queue)))
        .route("/api/doctor", read(work::doctor).merge(write(work::examine)))
        .route("/api/doctor/fix", write(work::fix))
        .route("/api/train/form", read(work::form))
        .route("/api/train/forecast", write(work::forecast))
        .route("/api/train", write(work::train))
        .route("/api/jobs", read(work::jobs))
        .route("/api/jobs/{id}/stop", write(work::stop))
        .route("/api/jobs/{id}/pause", write(work::pause))
        .route("/api/jobs/{id}/resume", write(work::resume))
        .route("/api/runs", read(work::runs))
        .route("/api/runs/{name}", read(work::run))
        .route("/api/runs/{name}/files/{file}", read(work::file))
        .route("/api/model", write(work::model))
        .route("/api/checkpoints", read(work::checkpoints))
        .route("/api/compare", write(work::compare))
        .route("/api/events", read(|app, ()| app.events.stream()))
        .fallback(of_the_page)
        .method_not_allowed_fallback(async || {
            problem::refused(405, "this address is not asked by this method")
        })
}

/// An address that is read: what of its path and its query is asked goes to `answers`.
fn read<P: FromRequestParts<Arc<App>> + Send + 'static>(
    answers: impl Fn(&Arc<App>, P) -> Result<Response> + Clone + Send + Sync + 'static,
) -> MethodRouter<Arc<App>> {
    get(async |State(app): State<Arc<App>>, asked: P| {
        on_a_thread(app, move |app| answers(app, asked)).await
    })
}

/// An address that something is sent to.
fn write<P: FromRequestParts<Arc<App>> + Send + 'static>(
    answers: impl Fn(&Arc<App>, P, Sent) -> Result<Response> + Clone + Send + Sync + 'static,
) -> MethodRouter<Arc<App>> {
    sent(MethodFilter::POST, answers)
}

/// An address whose content is replaced by what is sent.
fn replace<P: FromRequestParts<Arc<App>> + Send + 'static>(
    answers: impl Fn(&Arc<App>, P, Sent) -> Result<Response> + Clone + Send + Sync + 'static,
) -> MethodRouter<Arc<App>> {
    sent(MethodFilter::PUT, answers)
}

fn sent<P: FromRequestParts<Arc<App>> + Send + 'static>(
    method: MethodFilter,
    answers: impl Fn(&Arc<App>, P, Sent) -> Result<Response> + Clone + Send + Sync + 'static,
) -> MethodRouter<Arc<App>> {
    on(method, async move |State(app): State<Arc<App>>, asked: P, sent: Sent| {
        on_a_thread(app, move |app| answers(app, asked, sent)).await
    })
}

/// An answer that is computed where no socket waits for it. A panic is a bug; it ends one answer, and no other.
async fn on_a_thread(
    app: Arc<App>,
    answers: impl FnOnce(&Arc<App>) -> Result<Response> + Send + 'static,
) -> Response {
    let answered = tokio::task::spawn_blocking(move || {
        answers(&app).unwrap_or_else(|error| problem::of(&*app.program, &error))
    });
    answered
        .await
        .unwrap_or_else(|_| problem::refused(500, "a bug: the program's output says where"))
}

/// A file of the page.
async fn of_the_page(method: Method, uri: Uri) -> Response {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let reads = method == Method::GET || method == Method::HEAD;
    let file = reads.then(|| page::file(name)).flatten();
    file.unwrap_or_else(|| problem::refused(404, "there is nothing at this address"))
}
