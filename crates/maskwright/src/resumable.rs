//! Work on many images in a folder that one process owns, and that the same command goes on in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
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

/// What happens at an image or a prompt that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Refused {
    /// It is a line of the results, and the work goes on.
    Skip,
    /// The work ends.
    Fail,
}

/// Removes what was written into a folder.
pub(crate) type Forget<'a> = &'a dyn Fn(&Path) -> maskwright_predict::Result<()>;

/// An output folder with what is done in it.
pub(crate) struct Resumable {
    pub(crate) owned: OwnedFolder,
    pub(crate) journal: Journal,
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
        // The process may end at once, and nobody else wants the lock by then.
        interrupt.set_farewell(move || {
            let _ = std::fs::remove_file(&lock);
            STOPPED.into()
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
        Ok(Self { owned, journal })
    }
}

/// What is said where Ctrl-C stops the work.
const STOPPED: &str = "stopped: finished images stay, and the same command goes on from there";

/// Of a command that stopped after so many images.
pub(crate) fn stopped(done: usize, total: usize) -> anyhow::Error {
    Interrupted(format!("{STOPPED} ({done} of {total} are finished)")).into()
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
