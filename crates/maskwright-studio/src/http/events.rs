//! What is told to all windows: server-sent events.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use crate::api::Event;
use crate::error::{Error, Result};
use crate::locks::lock;

/// Windows that may listen at once.
const LISTENERS: usize = 32;
/// Events that wait for a slow window, which is left out when there are more.
const WAITING: usize = 512;

/// All windows that listen.
#[derive(Default)]
pub(crate) struct Events {
    listeners: Mutex<Vec<SyncSender<Arc<str>>>>,
}

impl Events {
    /// A new window's events.
    ///
    /// # Errors
    /// [`Error::Busy`] where too many listen.
    pub(crate) fn listen(&self) -> Result<Receiver<Arc<str>>> {
        let mut listeners = lock(&self.listeners);
        // Windows that went are noticed when they are told something.
        let greeting: Arc<str> = ": maskwright\n\n".into();
        listeners.retain(|one| {
            !matches!(one.try_send(greeting.clone()), Err(TrySendError::Disconnected(_)))
        });
        if listeners.len() >= LISTENERS {
            return Err(Error::Busy {
                what: "events".into(),
                reason: format!("{LISTENERS} windows are open already; close some"),
            });
        }
        let (sender, receiver) = sync_channel(WAITING);
        let _ = sender.try_send(greeting);
        listeners.push(sender);
        Ok(receiver)
    }

    /// Tells all windows.
    pub(crate) fn tell(&self, event: &Event) {
        let json = serde_json::to_string(event).unwrap_or_default();
        let text: Arc<str> = format!("data: {json}\n\n").into();
        let mut listeners = lock(&self.listeners);
        listeners.retain(|one| one.try_send(text.clone()).is_ok());
    }

    /// Ends all streams.
    pub(crate) fn end(&self) {
        lock(&self.listeners).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_windows_hear_and_a_slow_one_is_left_out() {
        let events = Events::default();
        let (one, slow) = (events.listen().expect("a window"), events.listen().expect("another"));
        for _ in 0..WAITING + 2 {
            events.tell(&Event::SetChanged);
            let heard: Vec<_> = one.try_iter().collect();
            assert!(heard.iter().any(|text| &**text == "data: {\"type\":\"set_changed\"}\n\n"));
        }
        assert_eq!(slow.iter().count(), WAITING);
        events.end();
        assert!(one.recv().is_err());
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
