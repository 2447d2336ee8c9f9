//! Everything that answers share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use maskwright_data::source::{DataFile, OpenContext};

use crate::Settings;
use crate::api::Event;
use crate::corrections::Corrections;
use crate::data::cache::DiskCache;
use crate::data::filter::Known;
use crate::data::pictures::Pictures;
use crate::data::{DataSet, StudioData};
use crate::doctor::Doctor;
use crate::error::{Error, Result};
use crate::http::events::Events;
use crate::model::compare::Compared;
use crate::model::engine::Engine;
use crate::model::queue::{Measured, ToDo};
use crate::runs::Program;
use crate::runs::jobs::Jobs;

/// Bytes of thumbnails and tiles on the disk.
const PICTURES: u64 = 2 << 30;
/// Bytes of embeddings on the disk: of ViT-B at 1024 pixels some 240.
const EMBEDDINGS: u64 = 4 << 30;

/// The parts of the studio.
pub(crate) struct App {
    pub(crate) version: String,
    pub(crate) program: Arc<dyn Program>,
    source: RwLock<StudioData>,
    set: RwLock<Arc<DataSet>>,
    pub(crate) pictures: Pictures,
    pub(crate) corrections: Arc<Corrections>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) measured: Arc<Measured>,
    pub(crate) compared: Compared,
    pub(crate) doctor: Arc<Doctor>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) events: Arc<Events>,
    /// Checkpoints that were named when the studio was started.
    pub(crate) given: Vec<PathBuf>,
    /// Held while everything in an image is looked for.
    pub(crate) everything: Mutex<()>,
    /// Whether all records are being looked at, for a filter that needs it.
    looking: AtomicBool,
    ends: Arc<AtomicBool>,
}

impl App {
    /// Opens everything; the model is read meanwhile.
    ///
    /// # Errors
    /// Those of the data, of the folders, [`Error::Threads`].
    pub(crate) fn open(
        settings: &Settings,
        program: Arc<dyn Program>,
        context: &OpenContext<'_>,
    ) -> Result<Arc<Self>> {
        let set = DataSet::open(&settings.data, context)?;
        let corrections = Corrections::open(&settings.corrections, settings.corrections_form)?;
        let events = Arc::new(Events::default());
        let cache = settings.cache.clone().unwrap_or_else(|| {
            let caches = dirs::cache_dir().unwrap_or_else(std::env::temp_dir);
            caches.join("maskwright").join("studio")
        });
        let embeddings = DiskCache::new(cache.join("embeddings"), EMBEDDINGS);
        let engine = Engine::start(settings.compute, embeddings, events.clone())?;
        let jobs = Jobs::open(&settings.runs, program.clone(), events.clone())?;
        let given = settings
            .checkpoint
            .iter()
            .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
        let app = Arc::new(Self {
            version: settings.version.clone(),
            program,
            source: RwLock::new(settings.data.clone()),
            set: RwLock::new(Arc::new(set)),
            pictures: Pictures::new(DiskCache::new(cache.join("pictures"), PICTURES)),
            corrections,
            engine,
            measured: Arc::default(),
            compared: Compared::default(),
            doctor: Doctor::new(events.clone()),
            jobs,
            events,
            given: given.collect(),
            everything: Mutex::new(()),
            looking: AtomicBool::new(false),
            ends: Arc::default(),
        });
        if let Some(path) = app.given.first() {
            app.engine.load(path)?;
        }
        let queue = Arc::new(ToAnnotate { app: Arc::downgrade(&app), first: app.set() });
        app.measured.start(app.engine.clone(), queue, app.events.clone())?;
        Ok(app)
    }

    /// The data as they are now.
    pub(crate) fn set(&self) -> Arc<DataSet> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the data again, after a fix of the data file.
    ///
    /// # Errors
    /// Those of the data; then those before stay.
    pub(crate) fn reopen(&self) -> Result<()> {
        let mut source = self.source.write().unwrap_or_else(PoisonError::into_inner);
        if let StudioData::Sets { data, file: Some(file) } = &mut *source {
            **data = DataFile::read(file)?;
        }
        let set = DataSet::open(&source, &OpenContext::default())?;
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        self.measured.forget();
        self.events.tell(&Event::SetChanged);
        Ok(())
    }

    /// Has all records looked at, once, for a filter that needs it; windows are told when that is done.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub(crate) fn look_at_all(self: &Arc<Self>) -> Result<()> {
        let set = self.set();
        let all = (0..set.len()).all(|index| set.known(index).is_some());
        if all || self.looking.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let app = self.clone();
        let look = move || {
            for index in 0..set.len() {
                if app.ends.load(Ordering::SeqCst) {
                    return;
                }
                // What is wrong with a record is among its facts.
                let _ = set.facts(index);
            }
            app.looking.store(false, Ordering::SeqCst);
            app.events.tell(&Event::SetChanged);
        };
        let thread = std::thread::Builder::new().name("records".into());
        thread.spawn(look).map(drop).map_err(|source| Error::Threads { source })
    }

    /// Whether the studio ends.
    pub(crate) fn is_ending(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    /// Ends streams and long work.
    pub(crate) fn begin_to_end(&self) {
        self.ends.store(true, Ordering::SeqCst);
        self.events.end();
    }

    /// Ends all threads but those of jobs, which go on with their processes.
    pub(crate) fn end(&self) {
        self.begin_to_end();
        self.doctor.end();
        self.measured.end();
        self.engine.end();
        self.corrections.end();
    }
}

impl Known for App {
    fn corrected(&self, index: usize) -> usize {
        let Ok((set, name)) = self.set().identity(index) else { return 0 };
        self.corrections.count(&set, &name).unwrap_or_default()
    }

    fn predicted_iou(&self, index: usize) -> Option<f64> {
        self.measured.predicted_iou(index)
    }
}

/// The images that the queue is about; it must not keep the studio alive.
struct ToAnnotate {
    app: std::sync::Weak<App>,
    first: Arc<DataSet>,
}

impl ToDo for ToAnnotate {
    fn set(&self) -> Arc<DataSet> {
        self.app.upgrade().map_or_else(|| self.first.clone(), |app| app.set())
    }

    fn is_open(&self, set: &DataSet, index: usize) -> bool {
        self.app.upgrade().is_some_and(|app| app.is_open(set, index))
    }
}

impl App {
    fn is_open(&self, set: &DataSet, index: usize) -> bool {
        let Ok((of, name)) = set.identity(index) else { return false };
        self.corrections.count(&of, &name).is_none() && set.objects(index) == Some(0)
    }
}

impl ToDo for App {
    fn set(&self) -> Arc<DataSet> {
        App::set(self)
    }

    fn is_open(&self, set: &DataSet, index: usize) -> bool {
        App::is_open(self, set, index)
    }
}
