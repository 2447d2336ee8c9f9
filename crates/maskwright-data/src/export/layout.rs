//! What all shapes have in common: where files go, and how they are written.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use maskwright_image::mask::Rle;

use super::names::Classes;
use super::reader::Item;
use crate::error::{Error, Result};
use crate::source::{LeftOut, SetSpec};

/// Where a part of the data is written.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The folder of everything.
    pub(super) root: PathBuf,
    /// `train` or `valid`.
    pub(super) role: &'static str,
    /// The folder of the part in it; empty where there is one part.
    pub(super) inner: PathBuf,
}

impl Place {
    pub(super) fn new(root: &Path, role: &'static str, several: bool) -> Place {
        let inner = if several { role.into() } else { PathBuf::new() };
        Place { root: root.into(), role, inner }
    }

    /// A file of the part.
    pub(super) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(&self.inner).join(name)
    }

    /// Makes a folder of the part.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.file(name);
        fs::create_dir_all(&folder)
            .map_err(|source| Error::Write { file: folder.clone(), source })?;
        Ok(folder)
    }
}

/// A record that was written: the name that it is read by, and the masks that it holds.
pub(super) struct Held {
    pub(super) record: String,
    pub(super) masks: Vec<Rle>,
}

/// A shape that a part of the data is written in.
pub(super) trait Writer {
    /// Writes an image with its objects, and says what of it the shape holds.
    fn add(&mut self, item: &Item) -> Result<Vec<Held>>;

    /// Ends what was begun, and says what the shape could not hold.
    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>>;

    /// The set, its paths relative to the root.
    fn spec(&self, name: &str) -> SetSpec;
}

/// Writes a file.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|source| Error::Write { file: path.into(), source })
}

/// A file that is written piece by piece.
pub(super) struct Stream {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Stream {
    pub(super) fn create(path: PathBuf) -> Result<Stream> {
        let file =
            File::create(&path).map_err(|source| Error::Write { file: path.clone(), source })?;
        Ok(Stream { path, file: BufWriter::new(file) })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Stream { path, file } = self;
        file.write_all(bytes).map_err(|source| Error::Write { file: path.clone(), source })
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let Stream { path, file } = self;
        file.flush().map_err(|source| Error::Write { file: path.clone(), source })
    }
}
