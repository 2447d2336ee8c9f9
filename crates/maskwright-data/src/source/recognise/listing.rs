//! What lies in one folder, by the names.

use std::path::{Path, PathBuf};

use super::count;
use crate::error::{Error, Result};
use crate::source::bytes::{expect_file, walk_error};
use crate::source::outlines::is_picture;

/// How many files of a folder of folders are looked at before it is taken for large.
const MOST: usize = 1_000_000;

/// The folders and files in a folder, sorted; hidden ones are passed over.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) path: PathBuf,
    pub(super) folders: Vec<PathBuf>,
    /// Images or masks.
    pub(super) pictures: Vec<PathBuf>,
    /// All other files.
    pub(super) others: Vec<PathBuf>,
}

impl Listing {
    pub(super) fn of(path: &Path) -> Result<Listing> {
        let unreadable = |source| Error::Read { file: path.into(), source };
        // Links are followed, and what is no folder has a reason that says what it is.
        expect_file(path).map_err(unreadable)?;
        let mut listing = Listing { path: path.into(), ..Listing::default() };
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let file = entry.path();
            // The listing says what it is; only behind a link one has to look.
            let is_folder = match entry.file_type() {
                Ok(kind) if !kind.is_symlink() => kind.is_dir(),
                _ => file.is_dir(),
            };
            let list = if is_folder {
                &mut listing.folders
            } else if is_picture(&file) {
                &mut listing.pictures
            } else {
                &mut listing.others
            };
            list.push(file);
        }
        for list in [&mut listing.folders, &mut listing.pictures, &mut listing.others] {
            // All are in one folder: their bytes are in the order of their paths.
            list.sort_unstable_by(|a, b| {
                a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes())
            });
        }
        Ok(listing)
    }

    /// The folder of this name, in any case.
    pub(super) fn folder(&self, name: &str) -> Option<&PathBuf> {
        let same = |folder: &&PathBuf| {
            folder.file_name().is_some_and(|found| found.eq_ignore_ascii_case(name))
        };
        self.folders.iter().find(same)
    }

    /// The files of one of these endings, which are in lower case.
    pub(super) fn ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a PathBuf> {
        self.others.iter().filter(|file| endings.contains(&ending(file).as_str()))
    }

    /// What there is, in a few words.
    pub(super) fn describe(&self) -> String {
        let names = |list: &[PathBuf]| {
            let shown: Vec<String> = list.iter().take(4).map(|path| last(path)).collect();
            let more = if list.len() > shown.len() { ", ..." } else { "" };
            format!("{}{more}", shown.join(", "))
        };
        let mut parts = Vec::new();
        if !self.pictures.is_empty() {
            parts.push(count(self.pictures.len(), "picture", "pictures"));
        }
        if !self.others.is_empty() {
            let files = count(self.others.len(), "other file", "other files");
            parts.push(format!("{files} ({})", names(&self.others)));
        }
        if !self.folders.is_empty() {
            parts.push(format!("the folders {}", names(&self.folders)));
        }
        match parts.is_empty() {
            true => "no image and no folder".into(),
            false => parts.join(", "),
        }
    }
}

/// The ending of a file in lower case.
pub(super) fn ending(file: &Path) -> String {
    file.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name of a folder, or of a file without its ending, as the name of a set.
pub(super) fn name_of(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let name = if path.is_file() { whole.file_stem() } else { whole.file_name() };
    name.map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// How many files a folder and the folders in it have: images, and others of one ending.
pub(super) fn tally(folder: &Path, other: &str) -> Result<(usize, usize)> {
    let (mut pictures, mut others) = (0, 0);
    for entry in walkdir::WalkDir::new(folder).min_depth(1).max_depth(8).into_iter().take(MOST) {
        let entry = entry.map_err(|error| walk_error(folder, error))?;
        if !entry.file_type().is_file() || entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        pictures += usize::from(is_picture(entry.path()));
        others += usize::from(ending(entry.path()) == other);
    }
    Ok((pictures, others))
}
