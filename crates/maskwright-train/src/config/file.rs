//! `config.toml`: settings from and into a run's folder.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::flat::{FlatConfig, is_flat};
use super::whole::TrainConfig;
use crate::error::{Error, Result};

impl TrainConfig {
    /// Reads the settings of the run in `folder`, whatever the folder was called then.
    ///
    /// # Errors
    /// [`Error::NothingToResume`] where there is no `config.toml`; otherwise as [`Self::read`].
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

    /// Reads a `config.toml`, also one from before settings were in sections.
    ///
    /// # Errors
    /// [`Error::RunFile`] for keys that are not known and values of another type,
    /// [`Error::Setting`] with the file for values that cannot be.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        let table: toml::Table = parse(path, &text)?;
        let config = if is_flat(&table) {
            parse::<FlatConfig>(path, &text)?.into()
        } else {
            parse::<Self>(path, &text)?
        };
        config.validate().map_err(|error| error.in_file(path))?;
        Ok(config)
    }

    /// Writes the settings to `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string_pretty(self).map_err(|error| Error::RunFile {
            file: path.to_path_buf(),
            expected: "settings that TOML can hold".into(),
            found: error.to_string(),
        })?;
        crate::files::write_atomically(path, text.as_bytes())
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::RunFile {
        file: path.to_path_buf(),
        expected: "the settings of a training run".into(),
        found: error.to_string().trim().replace('\n', " "),
    })
}
