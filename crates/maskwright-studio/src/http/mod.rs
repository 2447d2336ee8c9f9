//! What stands between a socket and the studio: axum's routes over hyper's connections, within limits.
//!
//! | file | what it is about |
//! |---|---|
//! | `server` | the socket, its connections and their limits |
//! | `guard` | whom a request may come from |
//! | `asked` | the parts of a request: numbers and names of its path, its query, its body |
//! | `answer` | answers and their headers |
//! | `events` | what is told to all windows |

pub(crate) mod answer;
pub(crate) mod asked;
pub(crate) mod events;
pub(crate) mod guard;
pub(crate) mod server;

/// An answer.
pub(crate) type Response = axum::response::Response;
