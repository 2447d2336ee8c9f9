//! Which image would teach most: the images without masks, by how unsure the model is of them and how unlike they are to what has masks.
//!
//! They are measured one after the other while nobody clicks. A model is asked about a grid of points on an image: where the IoU that it
//! predicts is low, or the three masks that it proposes for one point have little in common, it has something to learn. And an
//! image whose embedding is far from those of all images with masks shows what nobody has told it about.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::Model;
use super::answer::Doubt;
use super::engine::Engine;
use super::likeness::{COMPARED, Likeness};
use crate::api::{Event, Order, Queue, QueueEntry};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::http::events::Events;
use crate::locks::lock;

/// Measuring begins this long after the last click.
const QUIET: Duration = Duration::from_secs(3);
/// How often it is looked whether there is something to measure.
const TICK: Duration = Duration::from_millis(250);

/// What distance counts beside doubt.
const DISTANCE: f64 = 1.0 / 3.0;

/// How much an image would teach, 0 to 1: its doubt, and its rank by distance from what has masks, where that is known.
fn score(doubt: Doubt, rank: Option<f64>) -> f64 {
    match rank {
        Some(rank) => (1.0 - DISTANCE) * doubt.score() + DISTANCE * rank,
        None => doubt.score(),
    }
}

/// Why, in words.
fn why(doubt: Doubt, rank: Option<f64>) -> String {
    let told = doubt.why();
    match rank {
        Some(rank) => {
            format!("{told}; {:.0} % of the others are more like an image with masks", 100.0 * rank)
        }
        None => told,
    }
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Measured {
    /// By the image's number: with which model, and what; none where that failed.
    found: Mutex<HashMap<usize, (String, Option<Doubt>)>>,
    likeness: Mutex<Likeness>,
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
        *lock(&self.likeness) = Likeness::default();
    }

    /// The IoU that was predicted of an image.
    pub(crate) fn predicted_iou(&self, index: usize) -> Option<f64> {
        self.found().get(&index).and_then(|(_, doubt)| Some(doubt.as_ref()?.predicted_iou))
    }

    /// How much each image that was measured would teach.
    pub(crate) fn scores(&self) -> HashMap<usize, f64> {
        let ranks = lock(&self.likeness).ranks();
        let found = self.found();
        let measured = found.iter().filter_map(|(index, (_, doubt))| Some((*index, (*doubt)?)));
        measured.map(|(index, doubt)| (index, score(doubt, ranks.get(&index).copied()))).collect()
    }

    /// The images without masks, in order.
    pub(crate) fn queue(&self, to_do: &dyn ToDo, order: Order, limit: usize) -> Queue {
        let set = to_do.set();
        let open: Vec<usize> = (0..set.len()).filter(|&at| to_do.is_open(&set, at)).collect();
        let ranks = lock(&self.likeness).ranks();
        let found = self.found();
        let measured = open.iter().filter(|index| found.contains_key(index)).count();
        let entry = |&index: &usize| {
            let id = set.identity(index).map_or_else(|_| index.to_string(), |(_, name)| name);
            let rank = ranks.get(&index).copied();
            match found.get(&index).and_then(|(_, doubt)| *doubt) {
                Some(doubt) => {
                    let (score, why) = (score(doubt, rank), why(doubt, rank));
                    (true, QueueEntry { index, id, score, why })
                }
                None => {
                    let why = "not measured yet".to_owned();
                    (false, QueueEntry { index, id, score: 0.0, why })
                }
            }
        };
        let mut ordered: Vec<(bool, QueueEntry)> = open.iter().map(entry).collect();
        if order == Order::Doubt {
            ordered.sort_by(|(known, a), (other, b)| {
                other.cmp(known).then(b.score.total_cmp(&a.score))
            });
        }
        let entries = ordered.into_iter().take(limit).map(|(_, entry)| entry).collect();
        Queue { order, measured, total: open.len(), entries }
    }

    fn found(&self) -> MutexGuard<'_, HashMap<usize, (String, Option<Doubt>)>> {
        lock(&self.found)
    }

    fn measure_all(&self, engine: &Engine, to_do: &dyn ToDo, events: &Events) {
        let mut from = 0;
        let mut encoder = String::new();
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
            if encoder != model.info.checkpoint {
                encoder.clone_from(&model.info.checkpoint);
                *lock(&self.likeness) = Likeness::default();
            }
            lock(&self.likeness).follow(|index| to_do.is_open(&set, index));
            let is_new = |index: &usize| {
                self.found().get(index).is_none_or(|(known, _)| *known != encoder)
                    && to_do.is_open(&set, *index)
            };
            // From where it was on, once around.
            let next = (from..set.len()).chain(0..from.min(set.len())).find(is_new);
            let Some(index) = next else {
                if !self.compare_with_another(engine, &model, to_do, &set) {
                    std::thread::sleep(QUIET);
                }
                continue;
            };
            from = index + 1;
            let measured = engine.encoded(&model, &set, index, false).and_then(|(image, _)| {
                let doubt = Doubt::of(&model, &image)?;
                Ok((doubt, image.descriptor()))
            });
            // Another image was opened meanwhile: it is tried again.
            if matches!(measured, Err(Error::Busy { .. })) {
                continue;
            }
            let doubt = measured.ok().map(|(doubt, descriptor)| {
                lock(&self.likeness).add_open(index, descriptor);
                doubt
            });
            self.found().insert(index, (encoder.clone(), doubt));
            let open: Vec<usize> = (0..set.len()).filter(|&at| to_do.is_open(&set, at)).collect();
            let found = self.found();
            let measured = open.iter().filter(|index| found.contains_key(index)).count();
            drop(found);
            events.tell(&Event::Queue { measured, total: open.len() });
        }
    }

    /// Takes one more image with masks for comparison; not, where there is none or enough are taken.
    fn compare_with_another(
        &self,
        engine: &Engine,
        model: &Arc<Model>,
        to_do: &dyn ToDo,
        set: &Arc<DataSet>,
    ) -> bool {
        let next = {
            let likeness = lock(&self.likeness);
            let is_new = |index: &usize| !likeness.knows(*index) && !to_do.is_open(set, *index);
            match likeness.masked() < COMPARED {
                true => (0..set.len()).find(is_new),
                false => None,
            }
        };
        let Some(index) = next else { return false };
        match engine.encoded(model, set, index, false) {
            Ok((image, _)) => lock(&self.likeness).add_masked(index, image.descriptor()),
            // Another image was opened meanwhile: it is tried again.
            Err(Error::Busy { .. }) => {}
            // It shows nothing that others could be like.
            Err(_) => lock(&self.likeness).add_masked(index, Vec::new()),
        }
        true
    }
}
