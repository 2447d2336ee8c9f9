//! Work on many images in a folder that one process owns, and that the same command goes on in.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use maskwright_predict::many::Journal;
use maskwright_train::owned_folder::{LOCK, OwnedFolder};
use serde_json::{Map, Value};

use crate::exit::{Interrupted, Usage};
use crate::interrupt::Interrupt;
use crate::numbers::duration;
use crate::targets::is_stdout;
use crate::tell;

/// What happens at an image or a prompt that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Refused {
    /// It is a line of the results, and the work goes on.
    Skip,
    /// As skip, and the exit status is 0 all the same.
    Accept,
    /// The work ends.
    Fail,
}

/// Removes what was written into a folder.
pub(crate) type Forget<'a> = &'a dyn Fn(&Path) -> maskwright_predict::Result<()>;

/// An output folder with what is done in it.
pub(crate) struct Resumable {
    pub(crate) owned: OwnedFolder,
    pub(crate) journal: Journal,
    pub(crate) tally: Arc<Tally>,
}

/// How many images are finished, and of how many. A thread that ends the process tells it, too.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    before: AtomicUsize,
    all: AtomicUsize,
    /// Those that were finished since; none where no results are kept.
    now: OnceLock<Arc<AtomicUsize>>,
}

impl Tally {
    /// The work begins, after so many that were finished before, of so many.
    pub(crate) fn begin(&self, before: usize, all: usize) {
        self.before.store(before, Ordering::SeqCst);
        self.all.store(all, Ordering::SeqCst);
    }

    /// What is said where the work is stopped.
    fn words(&self) -> String {
        let now = self.now.get().map_or(0, |now| now.load(Ordering::SeqCst));
        let done = self.before.load(Ordering::SeqCst) + now;
        match self.all.load(Ordering::SeqCst) {
            0 => STOPPED.into(),
            all => format!("{STOPPED} ({done} of {all} are finished)"),
        }
    }

    /// Of a command that stopped here.
    pub(crate) fn stopped(&self) -> anyhow::Error {
        Interrupted(self.words()).into()
    }
}

impl Resumable {
    /// Takes the folder, which is empty, or was begun with the same settings. `anew` begins it anew, by removing what was written.
    pub(crate) fn open(
        folder: &Path,
        settings: &Map<String, Value>,
        anew: Option<Forget<'_>>,
        interrupt: &Arc<Interrupt>,
    ) -> anyhow::Result<Self> {
        let owned = OwnedFolder::take(folder)?;
        let lock = folder.join(LOCK);
        let tally = Arc::<Tally>::default();
        let told = Arc::clone(&tally);
        // The process may end at once, and nobody else wants the lock by then.
        interrupt.set_farewell(move || {
            let _ = std::fs::remove_file(&lock);
            told.words()
        });
        let others = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let other = others.flatten().find(|entry| entry.file_name() != LOCK);
        if let Some(other) = other.filter(|_| anew.is_none() && !Journal::is_in(folder)) {
            return Err(Usage(format!(
                "--output: expected a folder that is empty or that this command began, or --force, found {} in it",
                other.file_name().to_string_lossy()
            ))
            .into());
        }
        if let Some(forget) = anew {
            forget(folder)?;
        }
        let journal = Journal::open(folder, &Value::Object(settings.clone()))?;
        // It was none.
        let _ = tally.now.set(journal.finished());
        Ok(Self { owned, journal, tally })
    }
}

/// What is said where Ctrl-C stops the work.
const STOPPED: &str = "stopped: finished images stay, and the same command goes on from there";

/// Refusals that are told; all are in the results.
const TOLD: usize = 10;

/// What is said of images and prompts that cannot be used: each of them, up to a number.
#[derive(Debug)]
pub(crate) struct Refusals {
    results: PathBuf,
    told: usize,
}

impl Refusals {
    /// Of work whose results are written into this file.
    pub(crate) fn new(results: PathBuf) -> Self {
        Self { results, told: 0 }
    }

    /// Says why something is left out.
    pub(crate) fn tell(&mut self, reason: &str) {
        self.told += 1;
        match self.told {
            ..=TOLD => tell::note(format_args!("left out: {reason}")),
            _ if self.told == TOLD + 1 => {
                let results = self.results.display();
                tell::note(format_args!(
                    "more is left out, which is in {results} with the reasons"
                ));
            }
            _ => {}
        }
    }
}

/// Refuses to write among images that are read.
pub(crate) fn check_output<'a>(
    output: &Path,
    input: &Path,
    files: impl Iterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    let wrong = |expected: &str, found: String| {
        Err(Usage(format!("--output: expected {expected}, found {found}")).into())
    };
    if is_stdout(output) {
        return wrong("a folder", "-".into());
    }
    if output.exists() && !output.is_dir() {
        return wrong("a folder", format!("the file {}", output.display()));
    }
    let place = |path: &Path| -> PathBuf {
        path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into())
    };
    let own = place(output);
    let within = input.is_dir() && own.starts_with(place(input));
    let mut folders: Vec<&Path> = files.filter_map(Path::parent).collect();
    folders.dedup();
    if within || folders.iter().any(|folder| place(folder) == own) {
        return wrong("a folder apart from the images", output.display().to_string());
    }
    Ok(())
}

/// How long the rest takes, at the pace so far.
pub(crate) struct Pace {
    began: Instant,
    first: Option<usize>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), first: None }
    }

    /// What stands at the end of a bar of which so much is done.
    pub(crate) fn left(&mut self, done: usize, total: usize) -> String {
        let first = *self.first.get_or_insert_with(|| {
            self.began = Instant::now();
            done
        });
        match done - first {
            0 => String::new(),
            made => {
                let each = self.began.elapsed().as_secs_f64() / made as f64;
                format!("{} left", duration(each * (total - done) as f64))
            }
        }
    }
}
