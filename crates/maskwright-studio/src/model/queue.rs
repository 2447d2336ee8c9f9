//! Which image would teach most: the images without masks, by how unsure the model is of them.
//!
//! They are measured one after the other while nobody clicks. A model is asked about a grid of points on an image: where the IoU that it
//! predicts is low, or the three masks that it proposes for one point have little in common, it has something to learn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::answer::Doubt;
use super::engine::Engine;
use crate::api::{Event, Order, Queue, QueueEntry};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::http::events::Events;
use crate::locks::lock;

/// Measuring begins this long after the last click.
const QUIET: Duration = Duration::from_secs(3);
/// How often it is looked whether there is something to measure.
const TICK: Duration = Duration::from_millis(250);

/// What was measured.
#[derive(Default)]
pub(crate) struct Measured {
    /// By the image's number: with which model, and what; none where that failed.
    found: Mutex<HashMap<usize, (String, Option<Doubt>)>>,
    enabled: AtomicBool,
    ends: AtomicBool,
}

/// What is to be annotated.
pub(crate) trait ToDo: Send + Sync {
    /// The data.
    fn set(&self) -> Arc<DataSet>;

    /// Whether nobody has drawn masks on an image yet.
    fn is_open(&self, set: &DataSet, index: usize) -> bool;
}

impl Measured {
    /// Begins to measure whenever that is on and nobody clicks.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub(crate) fn start(
        self: &Arc<Self>,
        engine: Arc<Engine>,
        to_do: Arc<dyn ToDo>,
        events: Arc<Events>,
    ) -> Result<()> {
        let own = self.clone();
        std::thread::Builder::new()
            .name("queue".into())
            .spawn(move || own.measure_all(&engine, &*to_do, &events))
            .map(drop)
            .map_err(|source| Error::Threads { source })
    }

    /// Turns measuring on or off.
    pub(crate) fn enable(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::SeqCst);
    }

    /// Ends measuring.
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::SeqCst);
    }

    /// Forgets everything: the data are others.
    pub(crate) fn forget(&self) {
        self.found().clear();
    }

    /// The IoU that was predicted of an image.
    pub(crate) fn predicted_iou(&self, index: usize) -> Option<f64> {
        self.found().get(&index).and_then(|(_, doubt)| Some(doubt.as_ref()?.predicted_iou))
    }

    /// How much an image would teach.
    pub(crate) fn score(&self, index: usize) -> Option<f64> {
        self.found().get(&index).and_then(|(_, doubt)| doubt.map(Doubt::score))
    }

    /// The images without masks, in order.
    pub(crate) fn queue(&self, to_do: &dyn ToDo, order: Order, limit: usize) -> Queue {
        let set = to_do.set();
        let open: Vec<usize> = (0..set.len()).filter(|&at| to_do.is_open(&set, at)).collect();
        let found = self.found();
        let doubt = |index: &usize| found.get(index).and_then(|(_, doubt)| *doubt);
        let measured = open.iter().filter(|index| found.contains_key(index)).count();
        let mut ordered: Vec<(usize, Option<Doubt>)> =
            open.iter().map(|index| (*index, doubt(index))).collect();
        if order == Order::Doubt {
            let score = |doubt: &Option<Doubt>| doubt.map_or(-1.0, Doubt::score);
            ordered.sort_by(|(_, a), (_, b)| score(b).total_cmp(&score(a)));
        }
        let entry = |&(index, doubt): &(usize, Option<Doubt>)| {
            let id = set.identity(index).map_or_else(|_| index.to_string(), |(_, name)| name);
            QueueEntry {
                index,
                id,
                score: doubt.map_or(0.0, Doubt::score),
                why: doubt.map_or_else(|| "not measured yet".to_owned(), Doubt::why),
            }
        };
        let entries = ordered.iter().take(limit).map(entry).collect();
        Queue { order, measured, total: open.len(), entries }
    }

    fn found(&self) -> MutexGuard<'_, HashMap<usize, (String, Option<Doubt>)>> {
        lock(&self.found)
    }

    fn measure_all(&self, engine: &Engine, to_do: &dyn ToDo, events: &Events) {
        let mut from = 0;
        while !self.ends.load(Ordering::SeqCst) {
            std::thread::sleep(TICK);
            let model = engine.current().model;
            let Some(model) = model.filter(|_| self.enabled.load(Ordering::SeqCst)) else {
                continue;
            };
            if !engine.is_quiet(QUIET) {
                continue;
            }
            let set = to_do.set();
            let encoder = model.info.checkpoint.clone();
            let is_new = |index: &usize| {
                self.found().get(index).is_none_or(|(known, _)| *known != encoder)
                    && to_do.is_open(&set, *index)
            };
            // From where it was on, once around.
            let next = (from..set.len()).chain(0..from.min(set.len())).find(is_new);
            let Some(index) = next else {
                std::thread::sleep(QUIET);
                continue;
            };
            from = index + 1;
            let doubt = engine
                .encoded(&model, &set, index, false)
                .and_then(|(image, _)| Doubt::of(&model, &image));
            // Another image was opened meanwhile: it is tried again.
            if matches!(doubt, Err(Error::Busy { .. })) {
                continue;
            }
            self.found().insert(index, (encoder, doubt.ok()));
            let open = (0..set.len()).filter(|&at| to_do.is_open(&set, at)).count();
            let measured = self.found().len().min(open);
            events.tell(&Event::Queue { measured, total: open });
        }
    }
}
