//! Runs, their curves and figures, and their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maskwright_train::evaluator::{Evaluation, MaskScores, SetMetrics, judged};
use maskwright_train::run_files::{self, RunFiles};
use maskwright_train::run_log::Entry;
use maskwright_train::runs::{RunState as Known, RunSummary};

use super::check_name;
use super::jobs::{Jobs, started};
use crate::api::{CheckpointRow, Curve, Figure, RunDetails, RunImage, RunRow, RunState};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::http::{Response, answer};

/// One number of a mask's scores.
type Score = fn(&MaskScores) -> f64;

/// Points of a curve; between them steps are left out.
const POINTS: usize = 2000;
/// Bytes of a picture or a page.
const LARGEST: u64 = 256 << 20;
/// The page of a run.
const REPORT: &str = "report.html";

impl Jobs {
    /// All runs, by name.
    pub(crate) fn runs(&self) -> Vec<RunRow> {
        let names = self.list().into_iter().map(|job| job.id);
        names.filter_map(|name| Some(self.row(&self.read(&name).ok()?, &name))).collect()
    }

    fn read(&self, name: &str) -> Result<RunFiles> {
        check_name(name)?;
        Ok(RunFiles::read(&self.folder().join(name))?)
    }

    fn row(&self, run: &RunFiles, name: &str) -> RunRow {
        let summary = RunSummary::of(run);
        let job = self.job(name);
        let is_running = job.is_some_and(|job| job.state.goes_on());
        let before = run.before().map(|before| &before.validation[..]);
        RunRow {
            name: name.to_owned(),
            folder: run.folder.display().to_string(),
            state: match (is_running, summary.state) {
                (true, _) => RunState::Running,
                (false, Known::Done | Known::OutOfPatience) => RunState::Finished,
                (false, Known::Running | Known::Stopped | Known::Failed) => RunState::Interrupted,
            },
            epochs_done: summary.epochs_done,
            epochs: summary.epochs,
            best_epoch: summary.best_epoch,
            iou: summary.iou,
            boundary_iou: summary.boundary_iou,
            before_iou: before.and_then(|sets| mean(sets, |scores| scores.iou)),
            checkpoint: run.model().map(|path| path.display().to_string()),
            started: started(&run.folder),
        }
    }

    /// A run in full.
    ///
    /// # Errors
    /// A name that is none, a folder that is no run any more.
    pub(crate) fn details(&self, name: &str, set: &DataSet) -> Result<RunDetails> {
        let run = self.read(name)?;
        let last = run.epochs().map(|epoch| epoch.decisive()).rfind(|sets| !sets.is_empty());
        let before = run.before().map(|before| &before.validation[..]);
        let figure = |name: &str, of: Score| Figure {
            name: name.to_owned(),
            before: before.and_then(|sets| mean(sets, of)),
            now: last.and_then(|sets| mean(sets, of)),
        };
        let losses: Vec<f64> = run.epochs().map(|epoch| epoch.loss.total).collect();
        let figures = vec![
            figure("IoU", |scores| scores.iou),
            figure("boundary IoU", |scores| scores.boundary_iou),
            Figure {
                name: "loss".into(),
                before: losses.first().copied(),
                now: losses.last().copied(),
            },
        ];
        let folder = self.folder().join(name);
        let files = pictures(&folder);
        let address = |file: &String| format!("/api/runs/{name}/files/{file}");
        let has_report = folder.join(REPORT).is_file();
        Ok(RunDetails {
            row: self.row(&run, name),
            curves: curves(&run),
            figures,
            images: self.images(&run, set),
            pictures: files.iter().map(address).collect(),
            report: has_report.then(|| address(&REPORT.to_owned())),
        })
    }

    /// The images of the last validation, and what they were before the first step.
    fn images(&self, run: &RunFiles, set: &DataSet) -> Vec<RunImage> {
        let Some(validation) = &run.validation else { return Vec::new() };
        let before = run_files::read_before(&run.folder).ok().flatten();
        let before = before.as_ref().map(ious).unwrap_or_default();
        let now = ious(&validation.evaluation);
        let mut images: Vec<RunImage> = now
            .into_iter()
            .map(|((of, name), iou)| RunImage {
                before: before.get(&(of.clone(), name.clone())).copied(),
                index: set.number(of.trim_end_matches(" (held out)"), &name),
                id: name,
                now: Some(iou),
            })
            .collect();
        let change = |image: &RunImage| match (image.before, image.now) {
            (Some(before), Some(now)) => now - before,
            _ => 0.0,
        };
        // The largest changes first, whichever way; without any, the worst.
        images.sort_by(|a, b| {
            change(b)
                .abs()
                .total_cmp(&change(a).abs())
                .then(a.now.partial_cmp(&b.now).unwrap_or(std::cmp::Ordering::Equal))
        });
        images
    }

    /// A picture or the page of a run.
    ///
    /// # Errors
    /// [`Error::Missing`] for what is not among its files.
    pub(crate) fn file(&self, name: &str, file: &str) -> Result<Response> {
        check_name(name)?;
        let folder = self.folder().join(name);
        let missing = || Error::missing(format!("file {file}"), "a picture or the page of a run");
        // Only what the list has: no name of a request becomes a path otherwise.
        let known = pictures(&folder).into_iter().chain([REPORT.to_owned()]);
        let found = known.into_iter().find(|known| known == file).ok_or_else(missing)?;
        let path = folder.join(&found);
        let data = std::fs::symlink_metadata(&path).map_err(|_| missing())?;
        if !data.is_file() || data.len() > LARGEST {
            return Err(missing());
        }
        let bytes = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
        Ok(match found.rsplit('.').next() {
            Some("png") => answer::bytes("image/png", bytes),
            Some("jpg") => answer::bytes("image/jpeg", bytes),
            _ => answer::report(bytes),
        })
    }

    /// All models that can be clicked with: the newest of each run, and those that are `given`.
    pub(crate) fn checkpoints(&self, given: &[PathBuf]) -> Vec<CheckpointRow> {
        let of_runs = self
            .runs()
            .into_iter()
            .filter_map(|row| Some(CheckpointRow { name: row.name, path: row.checkpoint? }));
        let mut files: Vec<CheckpointRow> = of_runs.collect();
        for path in given {
            let shown = path.display().to_string();
            if files.iter().all(|file| file.path != shown) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                files.insert(0, CheckpointRow { name, path: shown });
            }
        }
        files
    }

    /// The file of a model that a request names: one of the list, by its name or its path.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn find_checkpoint(&self, asked: &str, given: &[PathBuf]) -> Result<PathBuf> {
        let files = self.checkpoints(given);
        let found = files
            .iter()
            .find(|file| file.path == asked)
            .or_else(|| files.iter().find(|file| file.name == asked));
        let expected = || {
            let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
            match names.is_empty() {
                true => "a run that has saved a model".to_owned(),
                false => format!("one of {}", names.join(", ")),
            }
        };
        found
            .map(|file| PathBuf::from(&file.path))
            .ok_or_else(|| Error::missing(format!("model {asked}"), expected()))
    }
}

/// The mean over the sets of the mask that is judged.
fn mean(sets: &[SetMetrics], of: impl Fn(&MaskScores) -> f64) -> Option<f64> {
    let scores: Vec<f64> = sets.iter().filter_map(|set| judged(&set.scores)).map(of).collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// The mean IoU of each image, by set and name.
fn ious(evaluation: &Evaluation) -> BTreeMap<(String, String), f64> {
    let mut sums: BTreeMap<(String, String), (f64, usize)> = BTreeMap::new();
    for image in &evaluation.images {
        if let Some(scores) = judged(&image.scores) {
            let sum = sums.entry((image.set.clone(), image.name.clone())).or_default();
            *sum = (sum.0 + scores.iou, sum.1 + 1);
        }
    }
    sums.into_iter().map(|(key, (sum, count))| (key, sum / count as f64)).collect()
}

/// The loss by steps and the validations by epochs.
fn curves(run: &RunFiles) -> Vec<Curve> {
    let steps: Vec<(usize, f64)> = run
        .log
        .iter()
        .filter_map(|entry| match entry {
            Entry::Step(step) => Some((step.global_step, step.loss.total)),
            _ => None,
        })
        .collect();
    let every = steps.len().div_ceil(POINTS).max(1);
    let finite = |value: f64| value.is_finite().then_some(value);
    let mut curves = vec![Curve {
        name: "loss".into(),
        x: steps.iter().step_by(every).map(|(step, _)| *step).collect(),
        y: steps.iter().step_by(every).map(|(_, loss)| finite(*loss)).collect(),
    }];
    let parts: [(&str, Score); 2] =
        [("IoU", |scores| scores.iou), ("boundary IoU", |scores| scores.boundary_iou)];
    for (name, of) in parts {
        let before = run.before().map(|before| (0, mean(&before.validation, of)));
        let after = run
            .epochs()
            .filter(|epoch| !epoch.decisive().is_empty())
            .map(|epoch| (epoch.global_step, mean(epoch.decisive(), of)));
        let validated: Vec<(usize, Option<f64>)> = before.into_iter().chain(after).collect();
        curves.push(Curve {
            name: name.to_owned(),
            x: validated.iter().map(|(step, _)| *step).collect(),
            y: validated.iter().map(|(_, value)| value.and_then(finite)).collect(),
        });
    }
    curves
}

/// The names of the pictures in a run's folder.
fn pictures(folder: &Path) -> Vec<String> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = listing.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".png") || name.ends_with(".jpg")).collect();
    names.sort();
    names
}
