//! Where a command may write: never over what it reads, and over what is there only where that is asked for.
//!
//! A target's ending says its format. What is no regular file (a device, a named pipe) has no ending, is there
//! before, and is written into. `-` is standard output.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use maskwright_data::source::DataFile;
use maskwright_files::{folder_of, remove_abandoned, write_atomically};
use maskwright_report::page::is_page;

use crate::exit::Usage;
use crate::output;

/// The name of standard output.
const STDOUT: &str = "-";

/// A file that a command is going to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The flag that names it.
    pub(crate) flag: &'static str,
    pub(crate) path: &'a Path,
    pub(crate) format: Format,
}

/// What a file holds, which its ending says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Json,
    Csv,
    /// A page, which replaces an earlier one.
    Html,
    Safetensors,
    /// Numbers in one of two formats.
    Tensors,
    /// JPEG of a made set.
    Jpeg,
    /// Whatever the library that writes it takes.
    Checkpoint,
}

/// What becomes of files that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Replaced,
    /// They are refused; `--force` would replace them.
    Kept,
    /// They are refused, and nothing replaces them.
    Untouched,
}

/// What a command reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    files: Vec<PathBuf>,
    /// Folders whose images and annotation files are read, however deep.
    folders: Vec<PathBuf>,
}

impl Format {
    /// The endings, and how they are listed.
    fn endings(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Png => (&["png"], ".png"),
            Self::Json => (&["json"], ".json"),
            Self::Csv => (&["csv"], ".csv"),
            Self::Html => (&["html", "htm"], ".html"),
            Self::Safetensors => (&["safetensors"], ".safetensors"),
            Self::Tensors => (&["safetensors", "npy"], ".safetensors or .npy"),
            Self::Jpeg => (&["jpg"], ".jpg"),
            Self::Checkpoint => (&[], ""),
        }
    }

    /// Whether a set's folder may be read for files of this format.
    fn is_data(self) -> bool {
        matches!(self, Self::Png | Self::Json | Self::Jpeg)
    }
}

impl Existing {
    /// Of a command with the flag `--force`.
    pub(crate) fn with(force: bool) -> Existing {
        if force { Existing::Replaced } else { Existing::Kept }
    }
}

impl Inputs {
    /// These files, where they are there; of a folder the files in it.
    pub(crate) fn files<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Inputs {
        let mut files = Vec::new();
        for path in paths {
            match std::fs::read_dir(path) {
                Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
                Err(_) => files.push(path.to_path_buf()),
            }
        }
        Inputs { files, folders: Vec::new() }
    }

    /// The files and folders of data sets, tar files aside: nothing that is written is called so.
    pub(crate) fn data(data: &DataFile) -> Inputs {
        let (folders, files) = data.places().into_iter().partition(|place| place.is_dir());
        Inputs { files, folders }
    }

    /// The files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// These and others.
    pub(crate) fn and(mut self, other: Inputs) -> Inputs {
        self.files.extend(other.files);
        self.folders.extend(other.folders);
        self
    }

    fn read(&self) -> Read {
        let files = self.files.iter().filter_map(|file| identity(file)).collect();
        let folders = self.folders.iter().filter_map(|folder| folder.canonicalize().ok());
        Read { files, folders: folders.collect() }
    }
}

/// What is read, by what identifies it.
struct Read {
    files: HashSet<Identity>,
    folders: Vec<PathBuf>,
}

impl Read {
    /// Whether this is one of the files.
    fn is_file(&self, path: &Path) -> bool {
        identity(path).is_some_and(|identity| self.files.contains(&identity))
    }

    /// The folder that this lies in.
    fn folder_of(&self, path: &Path) -> Option<&Path> {
        let path = path.canonicalize().ok()?;
        self.folders.iter().find(|folder| path.starts_with(folder)).map(PathBuf::as_path)
    }
}

/// Whether a path is the name of standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == STDOUT
}

/// Whether there is something that is neither a file nor a folder, such as a device or a named pipe.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Refuses `targets` of the wrong ending, those that are read or are each other, and those that are there as
/// `existing` says. What commands that were killed left beside the others is removed.
pub(crate) fn check(
    targets: &[Target<'_>],
    inputs: &Inputs,
    existing: Existing,
) -> Result<(), Usage> {
    let read = inputs.read();
    let mut taken: HashMap<PathBuf, &Target<'_>> = HashMap::new();
    let mut folders = BTreeSet::new();
    for target in targets {
        target.check(&read, existing)?;
        // Any number may be written into one device.
        if is_stream(target.path) {
            continue;
        }
        if let Some(other) = taken.insert(place(target.path), target) {
            return Err(Usage(format!(
                "{}, {}: expected a file each, found {} for both",
                other.flag,
                target.flag,
                target.path.display()
            )));
        }
        folders.insert(folder_of(target.path));
    }
    folders.into_iter().for_each(remove_abandoned);
    Ok(())
}

impl Target<'_> {
    fn check(&self, read: &Read, existing: Existing) -> Result<(), Usage> {
        let Target { flag, path, format } = *self;
        let wrong = |expected: &str, found: String| {
            Err(Usage(format!("{flag}: expected {expected}, found {found}")))
        };
        let name = path.display();
        if is_stdout(path) {
            return match format {
                Format::Png => Ok(()),
                _ => wrong("a file, since only a PNG goes to standard output", name.to_string()),
            };
        }
        if is_stream(path) {
            return Ok(());
        }
        let (endings, listed) = format.endings();
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if !endings.is_empty() && !endings.iter().any(|known| ending == *known) {
            return wrong(&format!("a name that ends in {listed}"), name.to_string());
        }
        if !path.exists() {
            return Ok(());
        }
        if path.is_dir() {
            return wrong("a file", format!("the folder {name}"));
        }
        if read.is_file(path) {
            return wrong("another file than those that are read", name.to_string());
        }
        if let Some(folder) = read.folder_of(path).filter(|_| format.is_data()) {
            let found = format!("{name} in {}, whose files are read", folder.display());
            return wrong("a path where nothing is", found);
        }
        let expected = match existing {
            Existing::Replaced => return Ok(()),
            Existing::Untouched if format == Format::Html && is_page(path) => return Ok(()),
            Existing::Untouched if format == Format::Html => {
                "a path where nothing is or an earlier page"
            }
            Existing::Untouched => "a path where nothing is",
            Existing::Kept => "a path where nothing is, or --force",
        };
        wrong(expected, format!("{name}, a file that is there"))
    }
}

/// Writes a picture, encoded as PNG, to a file or to standard output.
pub(crate) fn write_png(png: maskwright_image::Result<Vec<u8>>, path: &Path) -> anyhow::Result<()> {
    let png = png.with_context(|| path.display().to_string())?;
    if is_stdout(path) {
        return output::bytes(&png);
    }
    write_atomically(path, &png).with_context(|| format!("{}: cannot write", path.display()))
}

/// The path in one spelling: without links and detours where it, or the folder it will lie in, is there.
fn place(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = folder_of(path).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_path_buf())
}

/// What the names of one file have in common.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

/// None where there is no file.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// None where there is no file.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.canonicalize().ok()
}
