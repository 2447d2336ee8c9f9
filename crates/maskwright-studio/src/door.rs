//! Who may ask, and who answers: all routes behind the guard.

use std::sync::Arc;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};

use crate::app::App;
use crate::http::asked::{Asked, LARGEST, limit};
use crate::http::guard::{Guard, Verdict};
use crate::http::{Response, answer};
use crate::{problem, routes};

/// What stands between the socket and the studio.
pub(crate) fn door(guard: Guard, app: &Arc<App>) -> Router {
    let guarded = from_fn_with_state(Arc::new(guard), enter);
    let routes = routes::router().layer(limit()).layer(guarded);
    answer::with_headers(routes.with_state(app.clone()))
}

/// Has a request answered if it may pass.
async fn enter(
    State(guard): State<Arc<Guard>>,
    asked: Result<Asked, Response>,
    request: Request,
    next: Next,
) -> Response {
    // Bodies without a length are counted as they come.
    if request.body().size_hint().lower() > LARGEST as u64 {
        return problem::refused(413, "the body is longer than 64 MiB");
    }
    let (head, body) = request.into_parts();
    match guard.judge(&head, &asked.unwrap_or_default()) {
        Verdict::Refuse(status, why) => problem::refused(status, why),
        Verdict::Enter => guard.enter(),
        Verdict::Pass => {
            let headers = head.headers.clone();
            let answered = next.run(Request::from_parts(head, body)).await;
            answer::unless_known(answered, &headers)
        }
    }
}
