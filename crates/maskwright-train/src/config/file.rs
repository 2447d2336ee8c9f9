//! Reads and writes `config.toml`, the settings in a run's folder.

use std::path::Path;

use maskwright_data::source::{in_words, read_settings};
use serde::de::DeserializeOwned;

use super::flat::{FlatConfig, is_flat};
use super::whole::TrainConfig;
use crate::error::{Error, Result};
use crate::provenance::PROGRAM;
use crate::run_files::CONFIG;

impl TrainConfig {
    /// Reads the settings of the run in `folder`. `output` becomes `folder`, even if the folder was
    /// renamed since.
    ///
    /// # Errors
    /// [`Error::NothingToResume`] if there is no `config.toml`; otherwise as [`Self::read`].
    pub fn read_from_run(folder: &Path) -> Result<Self> {
        let path = folder.join("config.toml");
        if !path.exists() {
            return Err(Error::NothingToResume {
                folder: folder.to_path_buf(),
                expected: "the config.toml of a run".into(),
                found: if folder.is_dir() { "none" } else { "no such folder" }.into(),
                begun: false,
            });
        }
        Ok(Self { output: folder.to_path_buf(), ..Self::read(&path)? })
    }

    /// Reads a `config.toml`. The earlier form without sections is read too.
    ///
    /// # Errors
    /// [`Error::RunFile`] for unknown keys and values of a wrong type, [`Error::Setting`] with the file
    /// for values that are out of range, [`Error::Io`] if the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_settings(path).map_err(Error::io(path, "read"))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a `config.toml` at `path`.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        let table: toml::Table = parse(path, text)?;
        let config = if is_flat(&table) {
            parse::<FlatConfig>(path, text)?.into()
        } else {
            parse::<Self>(path, text)?
        };
        config.validate().map_err(|error| error.in_file(path))?;
        Ok(config)
    }

    /// Reads the settings in a JSON text, with the keys of a `config.toml`; what is `null` is as if it were not there.
    ///
    /// # Errors
    /// [`Error::Setting`] for unknown keys, values of a wrong type and values that are out of range.
    ///
    /// ```
    /// use maskwright_train::TrainConfig;
    ///
    /// let config = TrainConfig::from_json(
    ///     r#"{"output": "run", "train": {"epochs": 3, "ema": null},
    ///         "data": {"train": [{"name": "leaves", "images": "photos", "masks": "masks"}]}}"#,
    /// )?;
    /// assert_eq!((config.train.epochs, config.train.batch_size, config.data.train.len()), (3, 4, 1));
    /// let error = TrainConfig::from_json(r#"{"output": "run", "data": {}, "train": {"epoch": 3}}"#);
    /// assert!(error.unwrap_err().to_string().contains("epoch"));
    /// # Ok::<(), maskwright_train::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self> {
        let wrong = |error: String| {
            let found = error.trim().replace('\n', " ");
            Error::setting("config", "the settings of a training run", found)
        };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        // By way of TOML, whose readers the sections have.
        let table = toml::Value::try_from(without_nulls(value));
        let table = table.map_err(|error| wrong(error.to_string()))?;
        let config: Self = table.try_into().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// These settings with absolute paths, which mean the same from every folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the working folder cannot be told.
    pub fn with_absolute_paths(&self) -> Result<Self> {
        let mut config = self.clone();
        let here = Path::new(".");
        let absolute = |path: &Path| std::path::absolute(path).map_err(Error::io(path, "find"));
        for path in [&mut config.model.checkpoint, &mut config.model.restore_model] {
            *path = path.as_deref().map(absolute).transpose()?;
        }
        config.cache.folder = config.cache.folder.as_deref().map(absolute).transpose()?;
        config.output = absolute(&config.output)?;
        config.data.rebase(&std::env::current_dir().map_err(Error::io(here, "find"))?);
        Ok(config)
    }

    /// Refuses paths that are no text, which `config.toml` cannot hold.
    fn check_paths(&self) -> Result<()> {
        let refused = |key, found: String| {
            Err(Error::setting(key, "a path of UTF-8 text, as TOML is", found))
        };
        for (key, path) in [
            ("model.checkpoint", &self.model.checkpoint),
            ("model.restore_model", &self.model.restore_model),
        ] {
            if let Some(path) = path.as_ref().filter(|path| path.to_str().is_none()) {
                return refused(key.to_owned(), path.to_string_lossy().into_owned());
            }
        }
        // All that a set may hold but paths is text.
        let sets = self.data.train.iter().chain(&self.data.valid);
        match sets.into_iter().find(|set| toml::to_string(set).is_err()) {
            Some(set) => refused(format!("the data of set {}", set.name), "another".into()),
            None => Ok(()),
        }
    }

    /// Writes the settings to `path`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a path that is not Unicode text, [`Error::Io`] if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::files::write_atomically(path, self.to_toml(path)?.as_bytes())
    }

    /// The text of a `config.toml` at `path`.
    pub(crate) fn to_toml(&self, path: &Path) -> Result<String> {
        self.check_paths()?;
        let text = toml::to_string_pretty(self).map_err(Error::no_toml(path))?;
        Ok(format!("# Settings of a training run, written by {PROGRAM}.\n{text}"))
    }
}

impl TrainConfig {
    /// All settings as TOML has them.
    pub(crate) fn table(&self) -> Result<toml::Table> {
        toml::Table::try_from(self).map_err(Error::no_toml(&self.output.join(CONFIG)))
    }
}

/// A value without those of its keys, and items of its lists, that are `null`.
fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(entries) => {
            let there = entries.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => {
            let there = items.into_iter().filter(|value| !value.is_null());
            Value::Array(there.map(without_nulls).collect())
        }
        other => other,
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::RunFile {
        file: path.to_path_buf(),
        expected: "the settings of a training run".into(),
        found: in_words(&error.to_string()).trim().replace('\n', " "),
    })
}
