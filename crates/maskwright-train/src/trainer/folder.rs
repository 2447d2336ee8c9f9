//! The output folder of a run: who may write into it, and what it holds.

use std::path::{Path, PathBuf};

use maskwright_data::loader::LoaderState;
use maskwright_model::weights::tuned;
use maskwright_model::{Sam, Trainable};

use super::former::Former;
use super::inputs::{self, Inputs};
use super::learner::Learner;
use super::state::{self, LossSums, Position, SavedState};
use crate::checkpoint;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::Evaluation;
use crate::files;
use crate::owned_folder::OwnedFolder;
use crate::run_files::{
    self, AVERAGED_WEIGHTS, BEFORE, BEGUN, BEST, CONFIG, INPUTS, LEDGER, METRICS, RESUME, TUNED,
    VALIDATION, Validation, WEIGHTS, WHOLE, numbered,
};

/// What to do if the output folder already has a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Return an error, but begin again where that run had saved no state and no model yet.
    #[default]
    Fresh,
    /// Start again. The files of that run, and no others, are removed when the new run has saved a state or a
    /// model; if it fails before that, they stay.
    Overwrite,
    /// Continue that run.
    Resume,
}

/// An output folder that this run owns.
pub(super) struct RunFolder {
    /// The run that this one replaces, until there is something in its place. It is put back before the folder
    /// has another owner.
    former: Former,
    /// What a resumed run goes on from.
    resumed: Option<SavedState>,
    /// Whether the run replaces one that had saved nothing yet.
    begun_again: bool,
    owned: OwnedFolder,
}

/// Whether a run writes this file before it has saved a state or a model.
fn is_of_beginning(file: &Path) -> bool {
    file.file_name().is_some_and(|name| BEGUN.iter().any(|known| name == *known))
}

impl RunFolder {
    /// Takes the folder, if `start` allows it. Nothing of what lies in it is changed yet, save that remains of
    /// killed runs are put in order.
    pub(super) fn open(start: Start, config: &TrainConfig) -> Result<Self> {
        let path = &config.output;
        if start != Start::Resume {
            inputs::check_apart(config)?;
        }
        let owned = OwnedFolder::take(path)?;
        Former::recover(path)?;
        let ours = run_files(path)?;
        let mut resumed = None;
        match start {
            Start::Fresh => {
                // What was refused or killed before it had saved anything is begun again.
                if let Some(found) = ours.iter().find(|file| !is_of_beginning(file)) {
                    let found = found.file_name().unwrap_or_default();
                    return Err(Error::OutputTaken {
                        folder: path.to_path_buf(),
                        found: found.to_string_lossy().into_owned(),
                    });
                }
            }
            Start::Overwrite => {}
            Start::Resume => {
                resumed = newest_whole(path)?;
                if resumed.is_none() {
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
            }
        }
        let begun_again = start == Start::Fresh && !ours.is_empty();
        let former = match start {
            Start::Fresh | Start::Overwrite => Former::of(path, ours),
            Start::Resume => Former::none(path),
        };
        Ok(Self { former, resumed, owned, begun_again })
    }

    /// Whether the run takes the place of one that had saved no state and no model yet.
    pub(super) fn is_begun_again(&self) -> bool {
        self.begun_again
    }

    /// Refuses to resume with other inputs than the run began with; returns remarks.
    pub(super) fn check(&self, inputs: &Inputs) -> Result<Vec<String>> {
        let known = Inputs::read(&self.path().join(INPUTS));
        known.map_or(Ok(Vec::new()), |known| known.check(inputs))
    }

    /// Begins to write: puts a run that is replaced aside, and writes the settings and what the run reads.
    pub(super) fn begin(&mut self, config: &TrainConfig, inputs: &Inputs) -> Result<()> {
        self.former.set_aside()?;
        inputs.write(&self.path().join(INPUTS))?;
        config.with_absolute_paths()?.write(&self.path().join(CONFIG))
    }

    pub(super) fn path(&self) -> &Path {
        self.owned.path()
    }

    pub(super) fn metrics(&self) -> PathBuf {
        self.path().join(METRICS)
    }

    /// Records that were refused, one JSON object a line.
    pub(super) fn ledger(&self) -> PathBuf {
        self.path().join(LEDGER)
    }

    /// Keeps the last validation, image by image.
    pub(super) fn save_validation(&self, validation: &Validation) -> Result<()> {
        run_files::write_json(&self.path().join(VALIDATION), validation)
    }

    /// Keeps the validation of the model as it came, image by image.
    pub(super) fn save_before(&self, evaluation: &Evaluation) -> Result<()> {
        run_files::write_json(&self.path().join(BEFORE), evaluation)
    }

    /// A temporary folder beside `target`, in which that becomes whole.
    fn part(&self, target: &Path) -> Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix(".maskwright-")
            .suffix(".part")
            .tempdir_in(self.path())
            .map_err(Error::io(target, "write"))
    }

    /// Gives a checkpoint that was just written the name of the best, too; where the file system has no second names, as a copy.
    pub(super) fn link_best(&self, file: &Path) -> Result<()> {
        let target = self.path().join(BEST);
        let part = self.part(&target)?;
        let named = part.path().join(BEST);
        std::fs::hard_link(file, &named)
            .or_else(|_| std::fs::copy(file, &named).map(drop))
            .map_err(Error::io(&target, "write"))?;
        files::rename(&named, &target)
    }

    /// Writes a model as the best.
    pub(super) fn save_best(&self, sam: &Sam) -> Result<()> {
        checkpoint::save_whole(&sam.clone().merged(), &self.path().join(BEST))
    }

    /// Whether an earlier run is continued.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed.is_some()
    }

    /// The state that a resumed run goes on from; given once.
    pub(super) fn take_resumed(&mut self) -> Option<SavedState> {
        self.resumed.take()
    }

    /// Writes the state as a new folder and then removes the older ones.
    pub(super) fn save_state(
        &mut self,
        learner: &Learner,
        position: (&Position, LoaderState),
        sums: (&LossSums, &LossSums),
        trainable: &Trainable,
    ) -> Result<()> {
        let older = states(self.path())?;
        let step = position.0.global_step;
        // A run that is stopped twice at one step has two states of it for a moment.
        let same = older.iter().filter(|state| state.step == step).map(|state| state.number);
        let number = same.max().map_or(0, |number| number + 1);
        let name = match number {
            0 => format!("{RESUME}{step:08}"),
            _ => format!("{RESUME}{step:08}-{number}"),
        };
        let target = self.path().join(name);
        let part = self.part(&target)?;
        let weights = tuned(learner.model(), trainable);
        state::write(part.path(), position, sums, &weights, &learner.state(&target)?)?;
        files::rename(part.path(), &target)?;
        // It has another name now.
        let _ = part.keep();
        files::sync_folder(self.path())?;
        for state in older {
            files::remove(&state.path)?;
        }
        self.former.remove()
    }

    /// Writes the checkpoints of an epoch and then removes those that are not to be kept. The best epoch's stay.
    pub(super) fn save_checkpoint(
        &mut self,
        models: &Models<'_>,
        epoch: usize,
        best: Option<usize>,
        trainable: &Trainable,
        keep: Option<usize>,
    ) -> Result<Saved> {
        let whole = self.save_model(models.own, epoch, trainable, WEIGHTS)?;
        let average = models.averaged;
        let average =
            average.map(|average| self.save_model(average, epoch, trainable, AVERAGED_WEIGHTS));
        let average = average.transpose()?;
        files::sync_folder(self.path())?;
        for ending in [WEIGHTS, AVERAGED_WEIGHTS] {
            self.remove_older(WHOLE, ending, keep.unwrap_or(1), epoch, best)?;
            if let Some(keep) = keep {
                self.remove_older(TUNED, ending, keep, epoch, best)?;
            }
        }
        self.former.remove()?;
        Ok(Saved { whole, average })
    }

    /// Writes the whole model, an adapter in its weights, and what was tuned of it; returns the file of the whole.
    fn save_model(
        &self,
        sam: &Sam,
        epoch: usize,
        trainable: &Trainable,
        ending: &str,
    ) -> Result<PathBuf> {
        if *trainable != Trainable::All {
            let path = self.path().join(format!("{TUNED}{epoch}{ending}"));
            checkpoint::save_tuned(&tuned(sam, trainable), &path)?;
        }
        let whole = self.path().join(format!("{WHOLE}{epoch}{ending}"));
        checkpoint::save_whole(&sam.clone().merged(), &whole)?;
        Ok(whole)
    }

    /// Of the files of a name removes all but the newest `keep` up to `epoch`, and the best epoch's.
    fn remove_older(
        &self,
        prefix: &str,
        ending: &str,
        keep: usize,
        epoch: usize,
        best: Option<usize>,
    ) -> Result<()> {
        let mut files = numbered(self.path(), prefix, ending)?;
        files.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let past = files.iter().filter(|(number, _)| *number <= epoch);
        let oldest = past.take(keep).last().map_or(epoch, |(number, _)| *number);
        for (number, path) in files {
            if !(oldest..=epoch).contains(&number) && Some(number) != best {
                files::remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The models of an epoch.
pub(super) struct Models<'a> {
    /// With the weights that learned.
    pub(super) own: &'a Sam,
    /// With averaged weights.
    pub(super) averaged: Option<&'a Sam>,
}

/// The files of an epoch's whole models.
pub(super) struct Saved {
    pub(super) whole: PathBuf,
    pub(super) average: Option<PathBuf>,
}

/// A saved state by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StateFolder {
    /// Steps done in the whole run.
    step: usize,
    /// Which of several states of this step.
    number: usize,
    path: PathBuf,
}

/// The states in a folder, the oldest first.
fn states(folder: &Path) -> Result<Vec<StateFolder>> {
    let mut states = Vec::new();
    for (name, path) in run_files::prefixed(folder, RESUME)? {
        let (step, number) = name.split_once('-').unwrap_or((&name, "0"));
        if let (Ok(step), Ok(number)) = (step.parse(), number.parse()) {
            states.push(StateFolder { step, number, path });
        }
    }
    states.sort();
    Ok(states)
}

/// The newest state that reads as a whole one. A state that is damaged is no reason to lose the run if an older one is there.
fn newest_whole(folder: &Path) -> Result<Option<SavedState>> {
    let mut refusal = None;
    for state in states(folder)?.iter().rev() {
        match state::read(&state.path) {
            Ok(state) => return Ok(Some(state)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    refusal.map_or(Ok(None), Err)
}

/// Everything in the folder that a run writes, the plainest sign of one first.
fn run_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let pages = ["report.html", "curves.png", "predictions.png"];
    let names = BEGUN.into_iter().chain([BEST]).chain(pages);
    let mut ours: Vec<PathBuf> =
        names.map(|name| folder.join(name)).filter(|path| path.exists()).collect();
    ours.extend(states(folder)?.into_iter().map(|state| state.path));
    for prefix in [WHOLE, TUNED] {
        for ending in [WEIGHTS, AVERAGED_WEIGHTS] {
            ours.extend(numbered(folder, prefix, ending)?.into_iter().map(|(_, path)| path));
        }
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_ordered_by_step_and_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["resume-00000010", "resume-00000009-3", "resume-00000010-2", "resume-x"] {
            std::fs::create_dir(folder.path().join(name)).expect("made");
        }
        let names: Vec<(usize, usize)> = states(folder.path())
            .expect("listed")
            .into_iter()
            .map(|state| (state.step, state.number))
            .collect();
        assert_eq!(names, [(9, 3), (10, 0), (10, 2)]);
    }
}
