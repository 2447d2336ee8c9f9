//! What is told to all windows: server-sent events.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::Response;
use crate::api::Event;
use crate::error::{Error, Result};
use crate::locks::lock;

/// Windows that may listen at once.
const LISTENERS: usize = 32;
/// Events that wait for a slow window, which is left out when there are more.
const WAITING: usize = 512;
/// A quiet stream says that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// All windows that listen.
#[derive(Default)]
pub(crate) struct Events {
    listeners: Mutex<Vec<Sender<sse::Event>>>,
}

impl Events {
    /// A new window's events, until all streams end.
    ///
    /// # Errors
    /// [`Error::Busy`] where too many listen.
    pub(crate) fn stream(&self) -> Result<Response> {
        let events = ReceiverStream::new(self.listen()?).map(Ok::<_, Infallible>);
        let beat = KeepAlive::new().interval(HEARTBEAT).text("still here");
        Ok(Sse::new(events).keep_alive(beat).into_response())
    }

    fn listen(&self) -> Result<Receiver<sse::Event>> {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|one| !one.is_closed());
        if listeners.len() >= LISTENERS {
            return Err(Error::Busy {
                what: "events".into(),
                reason: format!("{LISTENERS} windows are open already; close some"),
            });
        }
        let (sender, receiver) = channel(WAITING);
        let _ = sender.try_send(sse::Event::default().comment("maskwright"));
        listeners.push(sender);
        Ok(receiver)
    }

    /// Tells all windows.
    pub(crate) fn tell(&self, event: &Event) {
        let told = sse::Event::default().data(serde_json::to_string(event).unwrap_or_default());
        lock(&self.listeners).retain(|one| one.try_send(told.clone()).is_ok());
    }

    /// Ends all streams.
    pub(crate) fn end(&self) {
        lock(&self.listeners).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(receiver: &mut Receiver<sse::Event>) -> usize {
        std::iter::from_fn(|| receiver.try_recv().ok()).count()
    }

    #[test]
    fn all_windows_hear_and_a_slow_one_is_left_out() {
        let events = Events::default();
        let mut one = events.listen().expect("a window");
        let mut slow = events.listen().expect("another");
        for told in 0..WAITING + 2 {
            events.tell(&Event::SetChanged);
            assert_eq!(count(&mut one), if told == 0 { 2 } else { 1 });
        }
        assert_eq!(count(&mut slow), WAITING);
        assert!(slow.is_closed() && !one.is_closed());
        events.end();
        assert!(one.is_closed());
    }

    #[test]
    fn there_are_only_so_many_windows() {
        let events = Events::default();
        let windows: Vec<_> = (0..LISTENERS).map(|_| events.listen().expect("a window")).collect();
        assert!(events.listen().is_err());
        drop(windows);
        assert!(events.listen().is_ok());
    }
}
