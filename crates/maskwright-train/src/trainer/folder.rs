//! The output folder of a run: who may write into it, and what it holds.

use std::path::{Path, PathBuf};

use maskwright_data::loader::LoaderState;
use maskwright_model::weights::tuned;
use maskwright_model::{Sam, Trainable};

use super::state::{self, LossSums, Position};
use crate::checkpoint;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::files;
use crate::optimizer::Optimizer;
use crate::run_files::{
    self, CONFIG, LEDGER, METRICS, RESUME, TUNED, VALIDATION, Validation, WEIGHTS, WHOLE, numbered,
};

/// What to do if the output folder already has a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Return an error.
    #[default]
    Fresh,
    /// Remove the files of that run, but no others, and start again.
    Overwrite,
    /// Continue that run.
    Resume,
}

/// An output folder that this run owns.
pub(super) struct RunFolder {
    path: PathBuf,
    start: Start,
}

impl RunFolder {
    /// Creates or takes over the folder, as `start` allows, and writes the settings.
    pub(super) fn open(path: &Path, start: Start, config: &TrainConfig) -> Result<Self> {
        let folder = Self { path: path.to_path_buf(), start };
        let ours = folder.run_files()?;
        match start {
            Start::Fresh => {
                if let Some(found) = ours.first() {
                    let found = found.file_name().unwrap_or_default();
                    return Err(Error::OutputTaken {
                        folder: path.to_path_buf(),
                        found: found.to_string_lossy().into_owned(),
                    });
                }
            }
            Start::Overwrite => {
                for file in &ours {
                    remove(file)?;
                }
            }
            Start::Resume => match folder.resume_point()? {
                // What cannot be continued stays as it is.
                Some(point) => state::check_version(&point)?,
                None => {
                    let found = match ours.is_empty() {
                        true => "no run",
                        false => "a run that wrote none yet",
                    };
                    return Err(Error::NothingToResume {
                        folder: path.to_path_buf(),
                        expected: "a folder resume-STEP, which a run writes after each epoch and \
                                   when it is stopped"
                            .into(),
                        found: found.into(),
                        begun: !ours.is_empty(),
                    });
                }
            },
        }
        files::create_folder(path)?;
        config.write(&path.join(CONFIG))?;
        Ok(folder)
    }

    pub(super) fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// Records that were refused, one JSON object a line.
    pub(super) fn ledger(&self) -> PathBuf {
        self.path.join(LEDGER)
    }

    /// Keeps the last validation, image by image.
    pub(super) fn save_validation(&self, validation: &Validation) -> Result<()> {
        run_files::write_validation(&self.path.join(VALIDATION), validation)
    }

    /// The newest state to continue from, for a run that was asked to.
    pub(super) fn resume_point(&self) -> Result<Option<PathBuf>> {
        if self.start != Start::Resume {
            return Ok(None);
        }
        let states = numbered(&self.path, RESUME, "")?;
        Ok(states.into_iter().max().map(|(_, path)| path))
    }

    /// Writes the state as a new folder and removes the older ones.
    pub(super) fn save_state(
        &self,
        sam: &Sam,
        optimizer: &Optimizer,
        progress: &Position,
        loader: LoaderState,
        sums: &LossSums,
        trainable: &Trainable,
    ) -> Result<()> {
        let target = self.path.join(format!("{RESUME}{:08}", progress.global_step));
        let older = numbered(&self.path, RESUME, "")?;
        let part = tempfile::Builder::new()
            .prefix(".maskwright-")
            .suffix(".part")
            .tempdir_in(&self.path)
            .map_err(Error::io(&target, "write"))?;
        let optimizer = optimizer.to_bytes(sam, &target)?;
        let weights = tuned(sam, trainable);
        state::write(part.path(), progress, loader, sums, &weights, &optimizer)?;
        // A state of this very step (a run stopped twice at one place) makes way.
        let replaced = older.iter().any(|(_, path)| *path == target);
        if replaced {
            remove(&target)?;
        }
        std::fs::rename(part.keep(), &target).map_err(Error::io(&target, "write"))?;
        for (_, path) in older {
            if path != target {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Writes the checkpoints of an epoch. Of the whole models the newest and the best stay.
    pub(super) fn save_checkpoint(
        &self,
        sam: &Sam,
        epoch: usize,
        best: Option<usize>,
        trainable: &Trainable,
    ) -> Result<PathBuf> {
        if *trainable != Trainable::All {
            let path = self.path.join(format!("{TUNED}{epoch}{WEIGHTS}"));
            checkpoint::save_tuned(&tuned(sam, trainable), &path)?;
        }
        let whole = self.path.join(format!("{WHOLE}{epoch}{WEIGHTS}"));
        checkpoint::save_whole(sam, &whole)?;
        for (number, path) in numbered(&self.path, WHOLE, WEIGHTS)? {
            if number != epoch && Some(number) != best {
                remove(&path)?;
            }
        }
        Ok(whole)
    }

    /// Everything in the folder that a run writes, the plainest sign of one first.
    fn run_files(&self) -> Result<Vec<PathBuf>> {
        let mut ours: Vec<PathBuf> =
            [CONFIG, METRICS, LEDGER, VALIDATION, "report.html", "curves.png", "predictions.png"]
                .iter()
                .map(|name| self.path.join(name))
                .filter(|path| path.exists())
                .collect();
        for (prefix, suffix) in [(RESUME, ""), (WHOLE, WEIGHTS), (TUNED, WEIGHTS)] {
            ours.extend(numbered(&self.path, prefix, suffix)?.into_iter().map(|(_, path)| path));
        }
        Ok(ours)
    }
}

fn remove(path: &Path) -> Result<()> {
    let removed =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.map_err(Error::io(path, "remove"))
}
