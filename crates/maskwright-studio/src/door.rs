//! Who may ask, and who answers.

use std::sync::Arc;

use crate::app::App;
use crate::http::guard::{Guard, Verdict};
use crate::http::server::Answer;
use crate::http::{Request, Response};
use crate::problem;
use crate::routes;

/// What stands between the socket and the studio.
pub(crate) struct Door {
    pub(crate) guard: Guard,
    pub(crate) app: Arc<App>,
}

impl Answer for Door {
    fn answer(&self, request: &Request) -> Response {
        match self.guard.judge(request) {
            Verdict::Refuse(status, why) => problem::refused(status, why),
            Verdict::Enter => self.guard.enter(),
            Verdict::Pass => {
                let program = &self.app.program;
                routes::answer(&self.app, request)
                    .unwrap_or_else(|error| {
                        problem::of(&error, &program.words(&error), &program.blame(&error))
                    })
                    .unless_known(request.header("if-none-match"))
            }
        }
    }

    fn refuse(&self, status: u16, why: &str) -> Response {
        problem::refused(status, why)
    }

    fn end(&self) {
        self.app.begin_to_end();
    }
}
