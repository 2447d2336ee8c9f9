//! A small HTTP/1.1 server: a thread for each connection, everything bounded.
//!
//! | file | what it is about |
//! |---|---|
//! | `request` | reading a request, within limits of size and time |
//! | `response` | answers and their headers |
//! | `guard` | whom a request may come from |
//! | `server` | the socket and its connections |
//! | `events` | what is told to all windows |
//!
//! It speaks what browsers need of it: requests with a length, kept connections, event streams. Chunked bodies are refused,
//! so there are no two opinions about where a request ends.

pub(crate) mod events;
pub(crate) mod guard;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod server;

pub(crate) use request::{Method, Request};
pub(crate) use response::{Body, Response};
