//! Trainings, as processes of their own: they outlive the studio, and are found again by their folders.
//!
//! What a job is and how far it is stands in the folder of its run: who has locked it works on it, and its log says how far it is. Only
//! what a process said on its way, and that it was asked to stop, is known to the studio that started it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use maskwright_train::owned_folder::owner_of;
use maskwright_train::run_files::{self, RunFiles};
use maskwright_train::run_log::Entry;
use maskwright_train::trainer;

use super::data;
use super::said::last_of;
use super::signals::{Ask, ask, stands_still};
use super::{OWN, Program, TrainJob, check_name};
use crate::api::{Event, Forecast, Job, JobKind, JobState, ModelInfo, TrainRequest};
use crate::corrections::Corrections;
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::http::events::Events;
use crate::locks::lock;

/// Windows' `CREATE_NEW_PROCESS_GROUP`.
#[cfg(windows)]
const NEW_PROCESS_GROUP: u32 = 0x200;

/// Bytes from a log's end that are read for its last line.
const TAIL: u64 = 4096;
/// How often windows are told how far jobs are.
const TICK: Duration = Duration::from_secs(1);
/// The status of a training that was asked to stop.
const STOPPED: i32 = 130;
/// Jobs that run at once.
const AT_ONCE: usize = 8;

/// The jobs of a folder of runs.
pub(crate) struct Jobs {
    runs: PathBuf,
    program: Arc<dyn Program>,
    known: Arc<Mutex<BTreeMap<String, Known>>>,
    events: Arc<Events>,
}

/// What this studio knows of a job beyond its run's folder.
#[derive(Debug, Default, Clone)]
struct Known {
    /// The process that was started here, while it lives.
    process: Option<u32>,
    /// Whether it ended well; none while it runs.
    ended_well: Option<bool>,
    stopping: bool,
    /// Whether it was asked to stand still, where the system does not say whether it does.
    paused: bool,
}

impl JobState {
    /// Whether there is a process.
    pub(super) fn goes_on(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Stopping)
    }
}

impl Jobs {
    /// The jobs of a folder; windows are told how far they are.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub(crate) fn open(
        runs: &Path,
        program: Arc<dyn Program>,
        events: Arc<Events>,
    ) -> Result<Arc<Self>> {
        let runs = std::path::absolute(runs).map_err(Error::io(runs, "find"))?;
        let jobs = Arc::new(Self { runs, program, known: Arc::default(), events });
        // It ends with the program: jobs have to be watched for as long as that runs.
        let watching = Arc::downgrade(&jobs);
        std::thread::Builder::new()
            .name("jobs".into())
            .spawn(move || {
                let mut told = BTreeMap::new();
                while let Some(jobs) = watching.upgrade() {
                    jobs.tell(&mut told);
                    drop(jobs);
                    std::thread::sleep(TICK);
                }
            })
            .map_err(|source| Error::Threads { source })?;
        Ok(jobs)
    }

    /// The folder of the runs.
    pub(crate) fn folder(&self) -> &Path {
        &self.runs
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        lock(&self.known)
    }

    /// Tells windows of jobs that are not what they were.
    fn tell(&self, told: &mut BTreeMap<String, Job>) {
        for name in self.names() {
            // The files of a run that nobody works on are not read again and again.
            let is_new = told.get(&name).is_none() && self.known().contains_key(&name);
            let followed = told.get(&name).is_some_and(|job| job.state.goes_on());
            if !is_new && !followed && owner_of(&self.runs.join(&name)).is_none() {
                continue;
            }
            if let Some(job) = self.job(&name).filter(|job| told.get(&name) != Some(job)) {
                self.events.tell(&Event::Job { job: job.clone() });
                told.insert(name, job);
            }
        }
    }

    /// All jobs: runs that go on or can, and those that were started here; by name.
    pub(crate) fn list(&self) -> Vec<Job> {
        self.names().iter().filter_map(|name| self.job(name)).collect()
    }

    /// The names of all folders that may be runs, and of jobs that were started here.
    fn names(&self) -> Vec<String> {
        let listing = std::fs::read_dir(&self.runs).into_iter().flatten().flatten();
        let folders = listing.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| check_name(name).is_ok()).collect();
        names.extend(self.known().keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    /// A job; none where there is neither a run of the name nor a process.
    pub(crate) fn job(&self, name: &str) -> Option<Job> {
        let folder = self.runs.join(name);
        let known = self.known().get(name).cloned();
        let process = self.process(name);
        let run = RunFiles::read(&folder).ok();
        // A folder that is gone is no run any more; one that was never made may say why.
        let has_failed =
            known.as_ref().is_some_and(|known| known.ended_well == Some(false) && !known.stopping);
        if run.is_none() && process.is_none() && !has_failed {
            return None;
        }
        let stopping = known.as_ref().is_some_and(|known| known.stopping);
        let last = run.as_ref().and_then(|run| run.epochs().next_back());
        let epoch = last.map_or(0, |last| last.epoch + 1);
        let epochs = run.as_ref().map_or(0, |run| run.config.train.epochs);
        let is_done = run.as_ref().is_some_and(|run| {
            run.checkpoint.is_some() && (epoch >= epochs || run.ran_out_of_patience())
        });
        let paused = known.as_ref().is_some_and(|known| known.paused);
        let state = match process {
            Some(_) if stopping => JobState::Stopping,
            Some(process) if stands_still(process, &folder).unwrap_or(paused) => JobState::Paused,
            Some(_) => JobState::Running,
            _ if is_done => JobState::Finished,
            _ => match known.as_ref().and_then(|known| known.ended_well) {
                Some(false) if !stopping => JobState::Failed,
                _ => JobState::Stopped,
            },
        };
        let steps_before = last.map_or(0, |last| last.global_step);
        let step = run.as_ref().and_then(|run| {
            run.log.iter().rev().find_map(|entry| match entry {
                Entry::Step(step) => Some(step.global_step),
                _ => None,
            })
        });
        let seconds: Vec<f64> =
            run.iter().flat_map(|run| run.epochs().map(|epoch| epoch.seconds)).collect();
        let mean =
            (!seconds.is_empty()).then(|| seconds.iter().sum::<f64>() / seconds.len() as f64);
        Some(Job {
            id: name.to_owned(),
            kind: JobKind::Train,
            run: name.to_owned(),
            started: started(&folder).unwrap_or_default(),
            epoch,
            epochs,
            step: step.map_or(0, |step| step.saturating_sub(steps_before)),
            steps: last.map_or(0, |last| last.global_step / (last.epoch + 1).max(1)),
            seconds_left: mean
                .filter(|_| state.goes_on())
                .map(|mean| mean * epochs.saturating_sub(epoch) as f64),
            last_line: self.last_line(name),
            can_resume: match state {
                JobState::Paused => true,
                JobState::Stopped | JobState::Failed => run_files::has_state(&folder),
                JobState::Running | JobState::Stopping | JobState::Finished => false,
            },
            state,
        })
    }

    /// What is known of a job.
    ///
    /// # Errors
    /// [`Error::Missing`].
    fn existing(&self, name: &str) -> Result<Job> {
        check_name(name)?;
        self.job(name).ok_or_else(|| Error::missing(format!("job {name}"), "a run of this name"))
    }

    /// Begins a training.
    ///
    /// # Errors
    /// A name that is taken, values that make no sense, nothing to learn from, a process that cannot be started.
    pub(crate) fn train(
        &self,
        request: &TrainRequest,
        set: &DataSet,
        corrections: &Corrections,
        model: Option<&ModelInfo>,
    ) -> Result<Job> {
        check_name(&request.name)?;
        let output = self.runs.join(&request.name);
        let is_taken = std::fs::read_dir(&output).is_ok_and(|mut listing| listing.next().is_some());
        if is_taken || self.known().get(&request.name).is_some_and(|known| known.process.is_some())
        {
            return Err(Error::setting("name", "one that no run has", &request.name));
        }
        let job = self.prepared(request, output, set, corrections, model)?;
        let command = self.program.train(&job).map_err(|reason| Error::Refused { reason })?;
        self.start(&request.name, command)
    }

    /// Says what a training will take.
    ///
    /// # Errors
    /// As [`train`](Self::train), save what the training itself would refuse, which is in the forecast.
    pub(crate) fn forecast(
        &self,
        request: &TrainRequest,
        set: &DataSet,
        corrections: &Corrections,
        model: Option<&ModelInfo>,
    ) -> Result<Forecast> {
        check_name(&request.name)?;
        let output = self.runs.join(&request.name);
        let job = self.prepared(request, output, set, corrections, model)?;
        let mut command =
            self.program.forecast(&job).map_err(|reason| Error::Refused { reason })?;
        command.stdin(Stdio::null());
        let done = command.output().map_err(|error| child(&request.name, &error.to_string()))?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            let refusal = last_of(&said).trim_start_matches("error: ").to_owned();
            return Ok(Forecast {
                text: said.trim().to_owned(),
                memory_bytes: None,
                cache_bytes: None,
                seconds: None,
                refusal: Some(refusal),
            });
        }
        let found: trainer::Forecast = serde_json::from_slice(&done.stdout)
            .map_err(|error| child(&request.name, &error.to_string()))?;
        Ok(Forecast {
            text: self.program.forecast_words(&found).join("\n"),
            memory_bytes: found.peak_memory.map(|bytes| bytes as usize),
            cache_bytes: found.cache.map(|cache| cache.bytes as usize),
            seconds: Some(found.seconds),
            refusal: None,
        })
    }

    fn prepared(
        &self,
        request: &TrainRequest,
        output: PathBuf,
        set: &DataSet,
        corrections: &Corrections,
        model: Option<&ModelInfo>,
    ) -> Result<TrainJob> {
        let form = self.program.form();
        for key in request.values.keys() {
            if !form.fields.iter().any(|field| field.key == *key) {
                return Err(Error::setting("values", "fields of the form", key));
            }
        }
        let file = self.runs.join(OWN).join(format!("{}.toml", request.name));
        let data = data::write(&file, &request.data, set, corrections)?;
        let values = request.values.iter().map(|(key, value)| (key.clone(), value.clone()));
        Ok(TrainJob {
            data,
            output,
            values: values.collect(),
            checkpoint: model.map(|model| PathBuf::from(&model.checkpoint)),
            input_size: model.map(|model| model.input_size),
        })
    }

    /// Asks a job to stop where its state can be saved; one that stands still goes on for that.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Child`].
    pub(crate) fn stop(&self, name: &str) -> Result<Job> {
        self.existing(name)?;
        if let Some(process) = self.process(name) {
            let run = self.runs.join(name);
            ask(process, &run, Ask::Stop)?;
            ask(process, &run, Ask::GoOn)?;
            self.known().entry(name.to_owned()).or_default().stopping = true;
        }
        self.existing(name)
    }

    /// Has a job stand still: it gives the processor back at once, and keeps its memory.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Busy`] for one that does not run, [`Error::Child`].
    pub(crate) fn pause(&self, name: &str) -> Result<Job> {
        let job = self.existing(name)?;
        let process = self.process(name).filter(|_| job.state == JobState::Running);
        let Some(process) = process else {
            let reason = "it does not run".to_owned();
            return Err(Error::Busy { what: name.to_owned(), reason });
        };
        let run = self.runs.join(name);
        ask(process, &run, Ask::Pause)?;
        self.known().entry(name.to_owned()).or_default().paused = true;
        // It does so within a moment, a thread after the other.
        let until = Instant::now() + TICK;
        while stands_still(process, &run) == Some(false) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.existing(name)
    }

    /// Goes on with a run that stands still or was stopped.
    ///
    /// # Errors
    /// [`Error::Busy`] for one that goes on or has no state, [`Error::Child`].
    pub(crate) fn resume(&self, name: &str) -> Result<Job> {
        let job = self.existing(name)?;
        if !job.can_resume {
            return Err(Error::Busy {
                what: name.to_owned(),
                reason: "it has no state to go on from, or goes on already".into(),
            });
        }
        match self.process(name) {
            Some(process) => {
                ask(process, &self.runs.join(name), Ask::GoOn)?;
                self.known().entry(name.to_owned()).or_default().paused = false;
                self.existing(name)
            }
            None => self.start(name, self.program.resume(&self.runs.join(name))),
        }
    }

    /// The process that works on a run.
    fn process(&self, name: &str) -> Option<u32> {
        let known = self.known().get(name).and_then(|known| known.process);
        known.or_else(|| owner_of(&self.runs.join(name)))
    }

    /// Starts a process that does not end with this one.
    fn start(&self, name: &str, mut command: Command) -> Result<Job> {
        let alive = self.known().values().filter(|known| known.process.is_some()).count();
        if alive >= AT_ONCE {
            return Err(Error::Busy {
                what: "training".into(),
                reason: format!("{AT_ONCE} trainings run already"),
            });
        }
        let path = self.log(name);
        let folder = self.runs.join(OWN);
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "create"))?;
        let log = File::create(&path).map_err(Error::io(&path, "write"))?;
        let also = log.try_clone().map_err(Error::io(&path, "write"))?;
        command.stdin(Stdio::null()).stdout(log).stderr(also);
        // Ctrl-C at the terminal is for the studio alone.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(windows)]
        std::os::windows::process::CommandExt::creation_flags(&mut command, NEW_PROCESS_GROUP);
        let process = command.spawn().map_err(|error| child(name, &error.to_string()))?;
        let known = Known { process: Some(process.id()), ..Known::default() };
        self.known().insert(name.to_owned(), known);
        self.await_end(name.to_owned(), process)?;
        self.existing(name)
    }

    /// Has what is known of a job follow its process.
    fn await_end(&self, name: String, mut process: Child) -> Result<()> {
        let known = self.known.clone();
        let wait = move || {
            let status = process.wait();
            // Whoever asked it to stop, it saved its state and ended as asked.
            let ended_well =
                status.is_ok_and(|status| status.success() || status.code() == Some(STOPPED));
            let mut known = lock(&known);
            let own = known.entry(name).or_default();
            (own.process, own.ended_well) = (None, Some(ended_well));
        };
        let thread = std::thread::Builder::new().name("job".into());
        thread.spawn(wait).map(drop).map_err(|source| Error::Threads { source })
    }

    /// The log of a job that was started here.
    fn log(&self, name: &str) -> PathBuf {
        self.runs.join(OWN).join(format!("{name}.log"))
    }

    /// What a job said last.
    fn last_line(&self, name: &str) -> String {
        let tail = || -> std::io::Result<String> {
            let mut file = File::open(self.log(name))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        tail().map(|text| last_of(&text)).unwrap_or_default()
    }
}

/// When a run began, RFC 3339: its settings are written then.
pub(super) fn started(folder: &Path) -> Option<String> {
    let time = std::fs::metadata(folder.join(run_files::CONFIG)).ok()?.modified().ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    jiff::Timestamp::from_second(since.as_secs() as i64).ok().map(|time| time.to_string())
}

fn child(what: &str, reason: &str) -> Error {
    Error::Child { what: what.to_owned(), reason: reason.to_owned() }
}
