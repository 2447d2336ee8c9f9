//! The server of the studio: a data set in the browser, masks by clicks with a model, corrections, training and its results.
//!
//! [`Studio::open`] opens the data and begins to answer on a port of this machine; the page comes from the same port.
//! [`api`] has the types that page and server exchange.
//!
//! | module | what it holds |
//! |---|---|
//! | [`api`] | the types of the API |
//! | `http` | the socket and its limits, whom a request may come from, what it asks, answers |
//! | `routes` | what each address does |
//! | `data` | records, filters, thumbnails, tiles |
//! | `model` | the model, embeddings, answers to prompts, the queue |
//! | `corrections` | objects that were drawn, saved whole or not at all |
//! | `doctor` | findings, and fixes of the data file |
//! | `runs` | trainings as processes of their own, and what they found |
//!
//! The crate knows no command line: the program that it is a part of is a [`Program`], which starts trainings and puts errors into
//! words. Nothing but the folders of corrections, runs and caches is written, and the data file where a fix is applied.
//!
//! # Threads
//!
//! One thread waits for all sockets, at most 128, and each answer is computed on one of a pool, so that no socket waits for a disk or
//! a model. One thread encodes images, one measures the queue, one makes the sets of the corrections, one watches jobs. Prompts are
//! decoded where they are asked for, one at a time.

#![forbid(unsafe_code)]

pub mod api;
mod app;
mod corrections;
mod data;
mod doctor;
mod door;
mod error;
mod http;
mod key;
mod locks;
mod model;
mod page;
mod problem;
mod routes;
mod runs;
#[cfg(test)]
mod typescript;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use maskwright_data::source::OpenContext;
use maskwright_model::Compute;

pub use crate::corrections::CorrectionsForm;
pub use crate::data::StudioData;
pub use crate::error::{Error, Result};
pub use crate::runs::{Blame, Program, TrainJob};

use crate::app::App;
use crate::door::door;
use crate::http::guard::Guard;
use crate::http::server::{Running, bind};

/// Where everything is, and where the studio listens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data.
    pub data: StudioData,
    /// The model to click with; none to begin without.
    pub checkpoint: Option<PathBuf>,
    /// The folder of runs.
    pub runs: PathBuf,
    /// The folder of corrections.
    pub corrections: PathBuf,
    /// The form in which training reads them.
    pub corrections_form: CorrectionsForm,
    /// The folder for thumbnails and embeddings; none for `maskwright/studio` in the user's folder of caches.
    pub cache: Option<PathBuf>,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; the next free one is taken where it is in use.
    pub port: u16,
    /// What models compute on.
    pub compute: Compute,
    /// The program's version.
    pub version: String,
}

/// A studio that answers.
pub struct Studio {
    app: Arc<App>,
    running: Running,
    url: String,
    port: u16,
}

impl Studio {
    /// Opens the data, takes the folder of corrections, and begins to answer. The model is read meanwhile. `context` hears of
    /// indexes that are made.
    ///
    /// Beyond this machine (any `host` that is no loopback) a token is asked for, which is in the [address](Self::url).
    ///
    /// # Errors
    /// Data that cannot be opened, a folder that another process owns, an address that cannot be listened on.
    pub fn open(
        settings: &Settings,
        program: Arc<dyn Program>,
        context: &OpenContext<'_>,
    ) -> Result<Self> {
        // Whatever is wrong with the address is told before the data are opened, which may take long.
        let listener = bind(settings.host, settings.port)?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address: settings.host.to_string(), source })?;
        let token = match settings.host.is_loopback() {
            true => None,
            false => Some(new_token()?),
        };
        let guard = Guard::new(address, token);
        let url = guard.url();
        let app = App::open(settings, program, context)?;
        let running = Running::start(listener, door(guard, &app))?;
        Ok(Self { app, running, url, port: address.port() })
    }

    /// The address to open in a browser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends within about two seconds: answers under way are written for a moment, what was saved is on the disk already. Trainings go on.
    pub fn stop(mut self) {
        self.app.begin_to_end();
        self.running.stop();
        self.app.end();
    }
}

/// 128 random bits.
fn new_token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io {
        file: "the system's random numbers".into(),
        action: "read",
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
