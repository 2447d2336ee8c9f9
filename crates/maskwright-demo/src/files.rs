//! Writes the generated set as files, in parallel.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use maskwright_image::encode;
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::config::{DemoConfig, Split};
use crate::error::{Error, Result};
use crate::shapes::Family;

/// Where a written set lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoSet {
    /// The training split.
    pub train: DemoSplit,
    /// The validation split.
    pub valid: DemoSplit,
    /// The data file that describes both, `data.toml`.
    pub data_file: PathBuf,
}

/// The folders of a split; image and mask of a pair have the same stem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoSplit {
    /// The folder of the images, `*.jpg`.
    pub images: PathBuf,
    /// The folder of the masks, `*.png`, 8-bit grey, above 128 is the object.
    pub masks: PathBuf,
    /// The number of pairs.
    pub count: usize,
}

/// Generates the set and writes it into `folder`, which is made where it is missing.
///
/// A file is written under a temporary name and renamed, so that a stopped run
/// leaves no half file; files of an earlier run are replaced.
///
/// # Errors
///
/// [`Error::Setting`] where the configuration cannot be;
/// [`Error::FolderTaken`] where a split's folder holds files that are not of this set (they
/// would be taken for its records), or where there is another `data.toml` already;
/// [`Error::Read`] and [`Error::Write`] where the system refuses;
/// [`Error::Image`] where a picture cannot be encoded.
pub fn write(config: &DemoConfig, folder: &Path) -> Result<DemoSet> {
    config.check()?;
    let train = prepare(folder, Split::Train, config.train)?;
    let valid = prepare(folder, Split::Valid, config.valid)?;
    let (data_file, data) = (folder.join("data.toml"), describe(&train, &valid));
    refuse_other_content(folder, &data_file, &data)?;
    let total = config.train + config.valid;
    let write_all = || {
        (0..total).into_par_iter().try_for_each(|job| match job.checked_sub(config.train) {
            None => write_pair(config, Split::Train, &train, job),
            Some(job) => write_pair(config, Split::Valid, &valid, job),
        })
    };
    let pool = ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .build()
        .map_err(|error| Error::Threads { source: std::io::Error::other(error) })?;
    pool.install(write_all)?;
    replace(&data_file, data.as_bytes())?;
    Ok(DemoSet { train, valid, data_file })
}

/// The data file: splits without pictures are left out, since an empty set is an error.
fn describe(train: &DemoSplit, valid: &DemoSplit) -> String {
    let mut text =
        String::from("# Pictures of thin-structured objects, made by a seeded generator.\n");
    for (split, made) in [(Split::Train, train), (Split::Valid, valid)] {
        if made.count > 0 {
            let name = split.name();
            text += &format!(
                "\n[[{name}]]\nname = \"demo-{name}\"\nkind = \"pairs\"\n\
                 images = \"{name}/images\"\nmasks = \"{name}/masks\"\n"
            );
        }
    }
    text
}

/// Refuses to replace a file that someone else wrote or changed.
fn refuse_other_content(folder: &Path, file: &Path, content: &str) -> Result<()> {
    match fs::read(file) {
        Ok(found) if found != content.as_bytes() => {
            Err(Error::FolderTaken { folder: folder.into(), file: file.into(), changed: true })
        }
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::read(file)(source)),
        _ => Ok(()),
    }
}

/// The stem of a record's two files.
fn stem(index: usize) -> String {
    format!("{index:05}-{}", Family::of(index).name())
}

/// Makes the folders of a split and refuses those with other files in them.
fn prepare(folder: &Path, split: Split, count: usize) -> Result<DemoSplit> {
    let root = folder.join(split.name());
    let made = DemoSplit { images: root.join("images"), masks: root.join("masks"), count };
    for (folder, ending) in [(&made.images, "jpg"), (&made.masks, "png")] {
        fs::create_dir_all(folder).map_err(Error::write(folder))?;
        let ours: HashSet<OsString> =
            (0..count).map(|index| OsString::from(format!("{}.{ending}", stem(index)))).collect();
        for entry in fs::read_dir(folder).map_err(Error::read(folder))? {
            let name = entry.map_err(Error::read(folder))?.file_name();
            // Hidden files are what a stopped run or a file manager left.
            let hidden = name.to_string_lossy().starts_with('.');
            if !hidden && !ours.contains(&name) {
                let (folder, file) = (folder.clone(), folder.join(&name));
                return Err(Error::FolderTaken { folder, file, changed: false });
            }
        }
    }
    Ok(made)
}

fn write_pair(config: &DemoConfig, split: Split, folders: &DemoSplit, index: usize) -> Result<()> {
    let picture = config.render(split, index);
    let stem = stem(index);
    let image = folders.images.join(format!("{stem}.jpg"));
    let mask = folders.masks.join(format!("{stem}.png"));
    let encoded = |file: &Path, bytes: maskwright_image::Result<Vec<u8>>| {
        bytes.map_err(|source| Error::Image { file: file.to_path_buf(), source })
    };
    let mask_bytes = encoded(&mask, encode::png_grey(&picture.mask))?;
    let image_bytes = encoded(&image, encode::jpeg_rgb(&picture.image, config.quality))?;
    replace(&mask, &mask_bytes)?;
    replace(&image, &image_bytes)
}

/// Writes a file under a hidden name beside its place and renames it.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".part");
    let part = file.with_file_name(name);
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, file)).map_err(|source| {
        // What is half written has no use; that it cannot be removed adds nothing.
        let _ = fs::remove_file(&part);
        Error::write(file)(source)
    })
}
