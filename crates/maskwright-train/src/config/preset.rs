//! Named settings: a part of a `config.toml`, each setting with its reason.

use std::borrow::Cow;
use std::path::Path;

use maskwright_data::source::{in_words, read_settings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::whole::TrainConfig;
use crate::error::{Error, Result};

/// Settings that are put over the defaults.
///
/// ```
/// use maskwright_data::source::DataFile;
/// use maskwright_train::TrainConfig;
/// use maskwright_train::config::Preset;
///
/// let mut config = TrainConfig::new(DataFile::from_folders("photos", "masks"), "run".into());
/// Preset::find("leaves-300")?.put_over(&mut config)?;
/// assert_eq!(config.train.epochs, 30);
/// # Ok::<(), maskwright_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// Its name, or its file.
    name: String,
    text: Cow<'static, str>,
}

/// The presets by name.
const PRESETS: [(&str, &str); 5] = [
    ("leaves-300", include_str!("../../presets/leaves-300.toml")),
    ("hqseg44k", include_str!("../../presets/hqseg44k.toml")),
    ("sa1b", include_str!("../../presets/sa1b.toml")),
    ("small-gpu", include_str!("../../presets/small-gpu.toml")),
    ("lora-small-gpu", include_str!("../../presets/lora-small-gpu.toml")),
];

/// What a preset may hold: sections of the settings, save what says which data and which weights.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sections {
    model: ModelPart,
    train: toml::Table,
    optimizer: toml::Table,
    schedule: toml::Table,
    checkpoints: toml::Table,
    validation: toml::Table,
    compute: toml::Table,
    cache: toml::Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ModelPart {
    input_size: Option<usize>,
}

impl Preset {
    /// Returns the names of all presets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// Returns the preset of a name, or what is in a file whose name ends with `.toml`.
    ///
    /// # Errors
    /// [`Error::Setting`] with the names that there are, [`Error::Io`] if the file cannot be read.
    pub fn find(name: &str) -> Result<Self> {
        if let Some((name, text)) = PRESETS.iter().find(|(known, _)| *known == name) {
            return Ok(Self { name: (*name).to_owned(), text: Cow::Borrowed(text) });
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|ending| ending != "toml") {
            let names: Vec<&str> = Self::names().collect();
            let expected = format!("{}, or a file that ends with .toml", names.join(", "));
            return Err(Error::setting("preset", expected, name));
        }
        let text = read_settings(path).map_err(Error::io(path, "read"))?;
        Ok(Self::of_text(name, text))
    }

    /// Returns the preset of this text.
    pub(crate) fn of_text(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text: Cow::Owned(text) }
    }

    /// Returns the TOML text, with a reason for each setting.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts the settings over those of `config`. What the preset does not name stays.
    ///
    /// # Errors
    /// [`Error::RunFile`] naming the preset, for unknown keys and values of a wrong type.
    pub fn put_over(&self, config: &mut TrainConfig) -> Result<()> {
        let wrong = |error: toml::de::Error| self.wrong(error.to_string());
        let Sections { model, train, optimizer, schedule, checkpoints, validation, compute, cache } =
            toml::from_str(&self.text).map_err(wrong)?;
        if model.input_size.is_some() {
            config.model.input_size = model.input_size;
        }
        self.merge("train", &mut config.train, train)?;
        self.merge("optimizer", &mut config.optimizer, optimizer)?;
        self.merge("schedule", &mut config.schedule, schedule)?;
        self.merge("checkpoints", &mut config.checkpoints, checkpoints)?;
        self.merge("validation", &mut config.validation, validation)?;
        self.merge("compute", &mut config.compute, compute)?;
        self.merge("cache", &mut config.cache, cache)
    }

    fn merge<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        section: &mut T,
        changes: toml::Table,
    ) -> Result<()> {
        let in_section = |error: String| self.wrong(format!("[{name}] {error}"));
        let table = toml::Table::try_from(&*section).map_err(|e| in_section(e.to_string()))?;
        let merged = toml::Value::Table(merged(table, changes));
        *section = merged.try_into().map_err(|e: toml::de::Error| in_section(e.to_string()))?;
        Ok(())
    }

    fn wrong(&self, found: String) -> Error {
        Error::RunFile {
            file: self.name.as_str().into(),
            expected: "settings of a training run".into(),
            found: in_words(&found).trim().replace('\n', " "),
        }
    }
}

/// `changes` over `table`, key by key.
fn merged(mut table: toml::Table, changes: toml::Table) -> toml::Table {
    for (key, change) in changes {
        let value = match (table.remove(&key), change) {
            (Some(toml::Value::Table(before)), toml::Value::Table(change)) => {
                toml::Value::Table(merged(before, change))
            }
            (_, change) => change,
        };
        table.insert(key, value);
    }
    table
}

#[cfg(test)]
mod tests {
    use maskwright_data::source::DataFile;

    use super::*;

    fn config() -> TrainConfig {
        let mut data = DataFile::from_folders("photos", "masks");
        data.valid = data.train.clone();
        TrainConfig::new(data, "run".into())
    }

    #[test]
    fn every_preset_is_right_and_gives_a_reason() {
        for name in Preset::names() {
            let preset = Preset::find(name).expect("known");
            let mut config = config();
            preset.put_over(&mut config).expect("settings");
            config.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(config.model.input_size, None, "{name}: the checkpoint's own size");
            assert!(preset.text().contains(&format!("--preset {name} ")), "{name}");
            let reasons = preset.text().lines().filter(|line| line.contains("# ")).count();
            assert!(reasons > 5, "{name}: {reasons} reasons");
        }
        // HQ-SAM's is the default.
        let mut hq_sam = config();
        Preset::find("hqseg44k").expect("known").put_over(&mut hq_sam).expect("settings");
        assert_eq!(hq_sam, config());
    }

    #[test]
    fn what_is_not_named_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "[train.loss.weights]\ndice = 2.0\n").expect("written");
        let mut config = config();
        config.train.epochs = 7;
        let preset = Preset::find(&path.display().to_string()).expect("read");
        preset.put_over(&mut config).expect("settings");
        assert_eq!((config.train.epochs, config.train.loss.weights["dice"]), (7, 2.0));
        assert_eq!(config.train.loss.weights["bce"], 1.0);
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mine.toml");
        let refused = |text: &str| {
            std::fs::write(&path, text).expect("written");
            let preset = Preset::find(&path.display().to_string()).expect("read");
            let error = preset.put_over(&mut config()).expect_err("refused").to_string();
            error.replace(&format!("{}/", folder.path().display()), "")
        };
        let lines = [
            Preset::find("leaf").expect_err("unknown").to_string(),
            refused("[train]\nepoch = 3\n"),
            refused("[data]\n"),
            refused("[optimizer]\nlearning_rate = \"high\"\n"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
            preset: expected leaves-300, hqseg44k, sa1b, small-gpu, lora-small-gpu, or a file that ends with .toml, found leaf
            mine.toml: expected settings of a training run, found [train] unknown key `epoch` (did you mean `epochs`?); known are learns, batch_size, epochs, first_epoch, seed, log_every_steps, last_batch, on_refusal, objects_per_image, objects_per_step, corrections, views, accumulate, ema, patience, lora, loss
            mine.toml: expected settings of a training run, found TOML parse error at line 1, column 2   | 1 | [data]   |  ^^^^ unknown key `data`; known are model, train, optimizer, schedule, checkpoints, validation, compute, cache
            mine.toml: expected settings of a training run, found [optimizer] expected a number in `learning_rate`, found the text "high"
            "#);
    }
}
