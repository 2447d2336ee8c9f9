//! Several runs side by side: what is in the folders below one, and in what the settings of two differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maskwright_model::MaskKind;
use serde::Serialize;

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::evaluator::{MaskScores, judged};
use crate::owned_folder::owner_of;
use crate::run_files::{CONFIG, METRICS, RunFiles, has_state};
use crate::verdict::Verdict;

/// Folders within folders that are looked into.
const DEEPEST: usize = 8;

/// A run in a few words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// The names of its training sets.
    pub data: Vec<String>,
    /// The file of weights that it began with, or the kind of model that it began from nothing.
    pub model: String,
    /// What learns.
    pub learns: String,
    /// The number of epochs that are done.
    pub epochs_done: usize,
    /// The number of epochs that it shall have.
    pub epochs: usize,
    /// What is known of its end.
    pub state: RunState,
    /// The metric that says which epoch is the best.
    pub best_by: String,
    /// The best epoch, from 0, by that metric; none before a validation.
    pub best_epoch: Option<usize>,
    /// The metric's value there.
    pub best: Option<f64>,
    /// The mask that is judged; none before a validation.
    pub mask: Option<MaskKind>,
    /// The number of held-out objects that the metrics are means of; 0 before a validation.
    pub held_out: usize,
    /// The metric's value of the model as it came, before the first step; none if that was not validated.
    pub before: Option<f64>,
    /// Whether the best epoch is better than that; none if it is not known.
    pub better: Option<bool>,
    /// The mean IoU over the sets of the last validation, of the mask that is judged first.
    pub iou: Option<f64>,
    /// Its boundary IoU.
    pub boundary_iou: Option<f64>,
    /// The time that the epochs took, in seconds, without validations.
    pub seconds: f64,
}

/// What is known of a run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunState {
    /// All epochs are done.
    Done,
    /// It ended early, since validations were no better.
    OutOfPatience,
    /// A process is at work on it.
    Running,
    /// It was stopped, killed, or ended by an error; it goes on from its saved state when it is resumed.
    Stopped,
    /// It ended before it had saved anything.
    Failed,
}

/// The runs below a folder.
#[derive(Debug, Default)]
pub struct Runs {
    /// Those that can be read, by their folders' names.
    pub runs: Vec<RunSummary>,
    /// Folders that look like runs, with what keeps them from being read.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Runs {
    /// Finds all runs in `folder` and in the folders in it, links aside.
    ///
    /// # Errors
    /// [`Error::Io`] if `folder` cannot be read; folders below it that cannot are passed over.
    pub fn find(folder: &Path) -> Result<Self> {
        std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
        let mut found = Self::default();
        found.look(folder, DEEPEST);
        found.runs.sort_by(|a, b| a.folder.cmp(&b.folder));
        found.unreadable.sort();
        Ok(found)
    }

    fn look(&mut self, folder: &Path, deeper: usize) {
        if folder.join(CONFIG).is_file() && folder.join(METRICS).is_file() {
            match RunFiles::read(folder) {
                Ok(run) => self.runs.push(RunSummary::of(&run)),
                Err(error) => self.unreadable.push((folder.into(), error.to_string())),
            }
            return;
        }
        let Ok(listing) = std::fs::read_dir(folder) else { return };
        for entry in listing.flatten() {
            // Of links the kind is that of the link itself: no folder.
            if deeper > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.look(&entry.path(), deeper - 1);
            }
        }
    }
}

impl RunSummary {
    /// Sums up a run.
    pub fn of(run: &RunFiles) -> Self {
        let RunFiles { folder, config, .. } = run;
        let done = run.epochs().next_back().map_or(0, |last| last.epoch + 1);
        let last = run.epochs().rev().find(|epoch| !epoch.validation.is_empty());
        let mean = |of: fn(&MaskScores) -> f64| {
            let sets = last?.decisive();
            let judged = sets.iter().filter_map(|set| judged(&set.scores));
            let scores: Vec<f64> = judged.map(of).collect();
            (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
        };
        let best = run.best();
        let verdict = Verdict::of(run);
        let before = run.before().and_then(|entry| entry.score(&config.checkpoints.best_by));
        Self {
            folder: folder.clone(),
            data: config.data.train.iter().map(|set| set.name.clone()).collect(),
            model: model_of(config),
            learns: config.train.learns.to_string(),
            epochs_done: done,
            epochs: config.train.epochs,
            state: match (done >= config.train.epochs, run.ran_out_of_patience()) {
                (true, _) => RunState::Done,
                (false, true) => RunState::OutOfPatience,
                (false, false) if owner_of(folder).is_some() => RunState::Running,
                (false, false) if has_state(folder) => RunState::Stopped,
                (false, false) => RunState::Failed,
            },
            best_by: config.checkpoints.best_by.to_string(),
            best_epoch: best.map(|(epoch, _)| epoch),
            best: best.map(|(_, score)| config.checkpoints.best_by.value(score)),
            before: before.map(|score| config.checkpoints.best_by.value(score)),
            mask: verdict.as_ref().map(|verdict| verdict.mask),
            held_out: verdict.as_ref().map_or(0, |verdict| verdict.objects),
            better: verdict.and_then(|verdict| verdict.better),
            iou: mean(|scores| scores.iou),
            boundary_iou: mean(|scores| scores.boundary_iou),
            seconds: run.epochs().map(|epoch| epoch.seconds).sum(),
        }
    }
}

fn model_of(config: &TrainConfig) -> String {
    let model = &config.model;
    let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    model
        .checkpoint
        .as_ref()
        .map(name)
        .or_else(|| model.model_type.as_ref().map(|kind| format!("{kind} from nothing")))
        .unwrap_or_else(|| "a small model from nothing".into())
}

/// A setting in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its dotted key.
    pub key: String,
    /// Its value in the first run, as TOML; none where the run does not have it.
    pub first: Option<String>,
    /// Its value in the second run.
    pub second: Option<String>,
}

impl Difference {
    /// The value of both runs for people; what is not set is said, or is the number that this stands for.
    pub fn shown(&self) -> [String; 2] {
        let none = if self.key.ends_with(".repeat") { "1" } else { "not set" };
        [&self.first, &self.second].map(|value| value.clone().unwrap_or_else(|| none.into()))
    }

    /// Whether it says only where files lie.
    pub fn is_place(&self) -> bool {
        let last = self.key.rsplit('.').next().unwrap_or_default();
        // Validations have masks, too: those that get clicks.
        PLACES.contains(&last) && !self.key.starts_with("validation.")
    }
}

/// The keys, without their sections, that say where files lie.
const PLACES: [&str; 8] =
    ["annotations", "checkpoint", "folder", "images", "list", "masks", "restore_model", "shards"];

/// Returns the settings in which two runs differ, by their keys, those that only say where files lie last. Where the runs write to
/// is no such setting. Keys of sets stand behind the sets' names where both runs have sets of the same names.
///
/// # Errors
/// [`Error::RunFile`] for settings that TOML cannot hold.
pub fn differences(first: &TrainConfig, second: &TrainConfig) -> Result<Vec<Difference>> {
    let names = |config: &TrainConfig| -> [Vec<String>; 3] {
        let data = &config.data;
        [&data.train, &data.valid, &data.other]
            .map(|sets| sets.iter().map(|set| set.name.clone()).collect())
    };
    let by_name = names(first) == names(second);
    let (mut first, mut second) = (flat(first, by_name)?, flat(second, by_name)?);
    let keys: Vec<String> = first.keys().chain(second.keys()).cloned().collect();
    let mut differences = BTreeMap::new();
    for key in keys {
        let (one, other) = (first.remove(&key), second.remove(&key));
        if one != other {
            differences.insert(key.clone(), Difference { key, first: one, second: other });
        }
    }
    let mut differences: Vec<Difference> = differences.into_values().collect();
    differences.sort_by_key(Difference::is_place);
    Ok(differences)
}

/// Returns all settings of a run but where it writes to, by their dotted keys, as TOML.
///
/// # Errors
/// [`Error::RunFile`] for settings that TOML cannot hold.
pub fn settings(config: &TrainConfig) -> Result<BTreeMap<String, String>> {
    flat(config, false)
}

/// All settings; those of sets by the sets' names, or by their places.
fn flat(config: &TrainConfig, by_name: bool) -> Result<BTreeMap<String, String>> {
    let mut table = config.table()?;
    let mut found = BTreeMap::new();
    let data = table.get_mut("data").and_then(toml::Value::as_table_mut).filter(|_| by_name);
    if let Some(data) = data {
        // What a set of the same name trains on comes first; another list says which it is.
        for list in ["train", "valid", "other"] {
            let sets = data.remove(list);
            for set in sets.as_ref().and_then(toml::Value::as_array).into_iter().flatten() {
                let name = set.get("name").and_then(toml::Value::as_str).unwrap_or_default();
                let taken = found.contains_key(&format!("{name}.name"));
                let key = if taken { format!("{list}.{name}") } else { name.to_owned() };
                flatten(&key, set, &mut found);
            }
        }
    }
    flatten("", &toml::Value::Table(table), &mut found);
    found.remove("output");
    Ok(found)
}

fn flatten(key: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(name, value)| flatten(&below(name), value, into));
        }
        // Lists of sets, by the sets' places.
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter()
                .enumerate()
                .for_each(|(at, value)| flatten(&below(&at.to_string()), value, into));
        }
        value => {
            into.insert(key.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use maskwright_data::source::DataFile;

    use super::*;

    fn config(folder: &Path) -> TrainConfig {
        TrainConfig::new(DataFile::from_folders("photos", "masks"), folder.into())
    }

    #[test]
    fn settings_that_differ_are_named_with_both_values() {
        let first = config(Path::new("a"));
        let mut second = config(Path::new("b"));
        assert_eq!(differences(&first, &second).expect("settings"), []);
        second.train.epochs += 3;
        second.train.patience = Some(2);
        second.data.train[0].name = "others".into();
        let found = differences(&first, &second).expect("settings");
        let lines: Vec<String> = found
            .iter()
            .map(|one| format!("{}: {:?} {:?}", one.key, one.first, one.second))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
            data.train.0.name: Some("\"photos\"") Some("\"others\"")
            train.epochs: Some("12") Some("15")
            train.patience: None Some("2")
            "#);
    }

    #[test]
    fn settings_of_sets_are_called_by_the_sets_names() {
        let first = config(Path::new("a"));
        let mut second = config(Path::new("b"));
        second.data.train[0].repeat = Some(2.0);
        second.train.epochs += 3;
        second.data.rebase(Path::new("/elsewhere"));
        let found = differences(&first, &second).expect("settings");
        let line = |one: &Difference| format!("{}: {}", one.key, one.shown().join(" | "));
        let lines: Vec<String> = found.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        photos.repeat: 1 | 2.0
        train.epochs: 12 | 15
        photos.images: "photos" | "/elsewhere/photos"
        photos.masks: "masks" | "/elsewhere/masks"
        "#);
    }

    #[test]
    fn runs_are_found_below_a_folder_and_damaged_ones_named() {
        let root = tempfile::tempdir().expect("a folder");
        let make = |name: &str, metrics: &str| {
            let folder = root.path().join(name);
            std::fs::create_dir_all(&folder).expect("made");
            config(&folder).write(&folder.join(CONFIG)).expect("written");
            std::fs::write(folder.join(METRICS), metrics).expect("written");
        };
        make("one", "");
        make("more/two", "");
        // A run in a run's folder is its own affair.
        make("one/inside", "");
        std::fs::create_dir_all(root.path().join("three")).expect("made");
        std::fs::write(root.path().join("three").join(CONFIG), "epochs = {").expect("written");
        std::fs::write(root.path().join("three").join(METRICS), "").expect("written");
        let found = Runs::find(root.path()).expect("found");
        let names: Vec<_> = found
            .runs
            .iter()
            .map(|run| run.folder.strip_prefix(root.path()).expect("below").to_owned())
            .collect();
        assert_eq!(names, [PathBuf::from("more/two"), PathBuf::from("one")]);
        assert_eq!((found.runs[0].epochs_done, found.runs[0].state), (0, RunState::Failed));
        std::fs::create_dir(root.path().join("more/two/resume-00000004")).expect("made");
        assert_eq!(Runs::find(root.path()).expect("found").runs[0].state, RunState::Stopped);
        assert_eq!(found.runs[0].best, None);
        assert_eq!(found.unreadable.len(), 1);
        assert!(found.unreadable[0].0.ends_with("three"));
        assert!(Runs::find(&root.path().join("none")).is_err());
    }
}
