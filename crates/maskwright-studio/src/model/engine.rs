//! The model at hand, and the thread that encodes images.
//!
//! One thread encodes. It takes what somebody waits for first, and images ahead of time only while nobody clicks. Masks of
//! prompts are small work beside that: they are decoded where they are asked for, one after the other.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use maskwright_model::Compute;
use maskwright_predict::predictor::EncodedImage;

use super::Model;
use crate::api::{EmbeddingState, Event, ModelInfo};
use crate::data::DataSet;
use crate::data::cache::DiskCache;
use crate::error::{Error, Result};
use crate::http::events::Events;
use crate::locks::lock;

/// Embeddings in memory: of ViT-B at 1024 pixels 17 MB each.
const IN_MEMORY: usize = 8;
/// Images that are encoded ahead of time.
const AHEAD: usize = 4;
/// Encoding ahead begins this long after the last click.
const QUIET: Duration = Duration::from_millis(700);
/// Images that somebody may wait for.
const WAITING: usize = 64;

/// What an embedding in memory is called: its model's number and its key.
type Key = (u64, String);

/// An embedding, and whether it had to be made.
type Encoded = Result<(Arc<EncodedImage>, bool)>;

/// The model and its embeddings.
pub(crate) struct Engine {
    compute: Compute,
    model: Mutex<Current>,
    work: Mutex<Work>,
    changed: Condvar,
    memory: Mutex<VecDeque<(Key, Arc<EncodedImage>)>>,
    disk: DiskCache,
    /// Held while a prompt is answered; when that was last.
    clicking: Mutex<Option<Instant>>,
    events: Arc<Events>,
    ends: AtomicBool,
}

/// The model to click with.
#[derive(Default, Clone)]
pub(crate) struct Current {
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) loading: bool,
    pub(crate) error: Option<String>,
    /// Counts what was asked for: the last one wins.
    asked: u64,
}

/// An image that shall be encoded.
struct Ask {
    model: Arc<Model>,
    set: Arc<DataSet>,
    index: usize,
    /// Who waits for it.
    reply: Option<SyncSender<Encoded>>,
}

#[derive(Default)]
struct Work {
    urgent: VecDeque<Ask>,
    ahead: VecDeque<Ask>,
    making: Option<usize>,
}

impl Engine {
    /// Begins to encode what is asked for.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub(crate) fn start(
        compute: Compute,
        disk: DiskCache,
        events: Arc<Events>,
    ) -> Result<Arc<Self>> {
        let engine = Arc::new(Self {
            compute,
            model: Mutex::default(),
            work: Mutex::default(),
            changed: Condvar::new(),
            memory: Mutex::default(),
            disk,
            clicking: Mutex::new(None),
            events,
            ends: AtomicBool::new(false),
        });
        let worker = engine.clone();
        std::thread::Builder::new()
            .name("encoder".into())
            .spawn(move || worker.encode_all())
            .map_err(|source| Error::Threads { source })?;
        Ok(engine)
    }

    /// The model at hand.
    pub(crate) fn current(&self) -> Current {
        lock(&self.model).clone()
    }

    /// What models compute on.
    pub(crate) fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The model at hand.
    ///
    /// # Errors
    /// [`Error::NoModel`] with `how` to get one, [`Error::Busy`] while one is read.
    pub(crate) fn model(&self, how: &str) -> Result<Arc<Model>> {
        let current = self.current();
        match (current.model, current.loading) {
            (Some(model), _) => Ok(model),
            (None, true) => Err(Error::Busy {
                what: "the model".into(),
                reason: "it is being read; ask again in a moment".into(),
            }),
            (None, false) => {
                Err(Error::NoModel { how: current.error.unwrap_or_else(|| how.to_owned()) })
            }
        }
    }

    /// Reads a model in the background; until it is there, the one before answers.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub(crate) fn load(self: &Arc<Self>, path: &Path) -> Result<()> {
        let number = {
            let mut current = lock(&self.model);
            (current.loading, current.error) = (true, None);
            current.asked += 1;
            current.asked
        };
        self.tell_model();
        let (engine, path) = (self.clone(), path.to_path_buf());
        let thread = std::thread::Builder::new().name("model".into());
        let read = move || {
            let loaded = Model::load(&path, &engine.compute);
            {
                let mut current = lock(&engine.model);
                if current.asked != number {
                    return;
                }
                current.loading = false;
                match loaded {
                    Ok(model) => current.model = Some(Arc::new(model)),
                    Err(error) => current.error = Some(error.to_string()),
                }
            }
            lock(&engine.memory).clear();
            engine.tell_model();
            engine.changed.notify_all();
        };
        thread.spawn(read).map(drop).map_err(|source| Error::Threads { source })
    }

    /// Runs `work` as the only one that asks the model's decoder.
    pub(crate) fn clicking<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut last = lock(&self.clicking);
        *last = Some(Instant::now());
        let done = work();
        *last = Some(Instant::now());
        done
    }

    /// Whether nobody clicked for so long.
    pub(crate) fn is_quiet(&self, since: Duration) -> bool {
        lock(&self.work).urgent.is_empty() && self.nobody_clicked(since)
    }

    /// Whether no prompt is being answered, and none was for so long.
    fn nobody_clicked(&self, since: Duration) -> bool {
        let last = self.clicking.try_lock().map(|last| *last);
        last.is_ok_and(|last| last.is_none_or(|last| last.elapsed() > since))
    }

    /// The embedding of an image, and whether it had to be made. Whoever asks waits for it.
    ///
    /// # Errors
    /// An image that cannot be decoded; [`Error::Busy`] where too many wait.
    pub(crate) fn encoded(
        &self,
        model: &Arc<Model>,
        set: &Arc<DataSet>,
        index: usize,
        urgent: bool,
    ) -> Encoded {
        if let Some(found) = self.kept(model, set, index)? {
            return Ok((found, false));
        }
        let (reply, answer) = sync_channel(1);
        let ask = Ask { model: model.clone(), set: set.clone(), index, reply: Some(reply) };
        {
            let mut work = lock(&self.work);
            if work.urgent.len() >= WAITING {
                return Err(Error::Busy {
                    what: "the model".into(),
                    reason: format!("{WAITING} images wait for it already"),
                });
            }
            if urgent { work.urgent.push_back(ask) } else { work.ahead.push_back(ask) }
        }
        self.changed.notify_all();
        answer.recv().unwrap_or_else(|_| {
            Err(Error::Busy { what: "the embedding".into(), reason: "others came first".into() })
        })
    }

    /// Has an image encoded soon, and those after it ahead of time.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn prepare(
        &self,
        model: &Arc<Model>,
        set: &Arc<DataSet>,
        index: usize,
        next: &[usize],
    ) -> Result<EmbeddingState> {
        let state = self.state(model, set, index)?;
        let ask = |index| Ask { model: model.clone(), set: set.clone(), index, reply: None };
        {
            let mut work = lock(&self.work);
            if state == EmbeddingState::None && work.urgent.len() < WAITING {
                work.urgent.push_back(ask(index));
            }
            // What was to come after another image is of no use now; who waits is told.
            work.ahead.retain(|ask| ask.reply.is_some());
            for &index in next.iter().take(AHEAD) {
                work.ahead.push_back(ask(index));
            }
        }
        self.changed.notify_all();
        Ok(if state == EmbeddingState::None { EmbeddingState::Queued } else { state })
    }

    /// How far an image's embedding is.
    fn state(&self, model: &Model, set: &DataSet, index: usize) -> Result<EmbeddingState> {
        let key = model.embedding_key(&set.key(index)?);
        let own = (model.number, key);
        if lock(&self.memory).iter().any(|(known, _)| *known == own) || self.disk.has(&own.1) {
            return Ok(EmbeddingState::Ready);
        }
        let work = lock(&self.work);
        Ok(match work.making == Some(index) {
            true => EmbeddingState::Making,
            false if work.urgent.iter().any(|ask| ask.index == index) => EmbeddingState::Queued,
            false => EmbeddingState::None,
        })
    }

    /// An embedding that was made before.
    fn kept(
        &self,
        model: &Model,
        set: &DataSet,
        index: usize,
    ) -> Result<Option<Arc<EncodedImage>>> {
        let key = model.embedding_key(&set.key(index)?);
        let own = (model.number, key);
        {
            let mut memory = lock(&self.memory);
            if let Some(at) = memory.iter().position(|(known, _)| *known == own)
                && let Some(found) = memory.remove(at)
            {
                let image = found.1.clone();
                memory.push_front(found);
                return Ok(Some(image));
            }
        }
        let Some(bytes) = self.disk.get(&own.1) else { return Ok(None) };
        match model.predictor.encoded_of_bytes(&bytes, &self.disk.path(&own.1)) {
            Ok(image) => Ok(Some(self.remember(own, image))),
            // Damaged on the disk: it is made again.
            Err(_) => {
                self.disk.remove(&own.1);
                Ok(None)
            }
        }
    }

    fn remember(&self, key: Key, image: EncodedImage) -> Arc<EncodedImage> {
        let image = Arc::new(image);
        let mut memory = lock(&self.memory);
        memory.push_front((key, image.clone()));
        memory.truncate(IN_MEMORY);
        image
    }

    /// The encoder's thread.
    fn encode_all(&self) {
        while let Some(ask) = self.next_ask() {
            let made = self.make(&ask);
            lock(&self.work).making = None;
            let (state, error) = match &made {
                Ok(_) => (EmbeddingState::Ready, None),
                Err(error) => (EmbeddingState::Failed, Some(error.to_string())),
            };
            self.events.tell(&Event::Embedding { index: ask.index, state, error });
            if let Some(reply) = ask.reply {
                // Who does not wait any more has gone.
                let _ = reply.send(made);
            }
        }
    }

    /// What is to be encoded next; none at the end.
    fn next_ask(&self) -> Option<Ask> {
        let mut work = lock(&self.work);
        loop {
            if self.ends.load(Ordering::SeqCst) {
                return None;
            }
            let quiet = work.urgent.is_empty() && self.nobody_clicked(QUIET);
            let ask = match work.urgent.pop_front() {
                None if quiet => work.ahead.pop_front(),
                urgent => urgent,
            };
            if let Some(ask) = ask {
                work.making = Some(ask.index);
                return Some(ask);
            }
            let wait = if work.ahead.is_empty() { Duration::from_secs(5) } else { QUIET / 4 };
            work = match self.changed.wait_timeout(work, wait) {
                Ok((work, _)) => work,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn make(&self, ask: &Ask) -> Encoded {
        let Ask { model, set, index, .. } = ask;
        if let Some(found) = self.kept(model, set, *index)? {
            return Ok((found, false));
        }
        let state = EmbeddingState::Making;
        self.events.tell(&Event::Embedding { index: *index, state, error: None });
        let key = model.embedding_key(&set.key(*index)?);
        let image = model.predictor.encode(&set.pixels(*index)?)?;
        let bytes = model.predictor.encoded_bytes(&image, &self.disk.path(&key))?;
        self.disk.put(&key, &bytes);
        Ok((self.remember((model.number, key), image), true))
    }

    fn tell_model(&self) {
        let Current { model, loading, error, .. } = self.current();
        let model: Option<ModelInfo> = model.map(|model| model.info.clone());
        self.events.tell(&Event::Model { model, loading, error });
    }

    /// Ends the encoder after the image at hand.
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::SeqCst);
        let mut work = lock(&self.work);
        work.urgent.clear();
        work.ahead.clear();
        drop(work);
        self.changed.notify_all();
    }
}
