//! All caches of a folder.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::shard;
use super::store::{ABOUT, shards};
use crate::error::{Error, Result};
use crate::files;
use crate::owned_folder::OwnedFolder;

/// A cache of features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheInfo {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The number of views whose features it has.
    pub views: usize,
    /// Bytes of its files.
    pub bytes: u64,
    /// When its newest file was written, in seconds since 1970.
    pub changed: u64,
    /// What it was made from, as `cache.json` has it.
    pub made_from: serde_json::Value,
    /// Why a file of it cannot be read, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// The folder of caches where none is named: `maskwright/features` in the user's folder of caches.
pub fn default_folder() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join("maskwright").join("features"))
}

/// Lists the caches of a folder by name; none if the folder does not exist.
///
/// # Errors
/// [`Error::Io`].
pub fn list(caches: &Path) -> Result<Vec<CacheInfo>> {
    if !caches.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(caches).map_err(Error::io(caches, "read"))?;
    let mut found = Vec::new();
    for entry in entries {
        let folder = entry.map_err(Error::io(caches, "read"))?.path();
        if folder.join(ABOUT).is_file() {
            found.push(info(folder)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn info(folder: PathBuf) -> Result<CacheInfo> {
    let text = std::fs::read(folder.join(ABOUT)).map_err(Error::io(&folder, "read"))?;
    let (mut views, mut bytes, mut changed, mut damaged) = (0, 0, 0, None);
    for path in shards(&folder)? {
        let about = std::fs::metadata(&path).map_err(Error::io(&path, "read"))?;
        bytes += about.len();
        let seconds =
            about.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        changed = changed.max(seconds.map_or(0, |seconds| seconds.as_secs()));
        match shard::open(&path) {
            Ok((places, _)) => views += places.len(),
            Err(error) => damaged = damaged.or(Some(error.to_string())),
        }
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let made_from = serde_json::from_slice(&text).unwrap_or_default();
    Ok(CacheInfo { name, folder, views, bytes, changed, made_from, damaged })
}

/// Removes a cache, which no process makes at present. Nothing but a cache is removed.
///
/// # Errors
/// [`Error::RunFile`] if the folder has no cache of this name; [`Error::OutputInUse`] while it is made; [`Error::Io`].
pub fn remove(caches: &Path, name: &str) -> Result<()> {
    let known = list(caches)?;
    let Some(cache) = known.iter().find(|cache| cache.name == name) else {
        let names: Vec<&str> = known.iter().map(|cache| cache.name.as_str()).collect();
        return Err(Error::RunFile {
            file: caches.to_path_buf(),
            expected: match names[..] {
                [] => "a cache of features".to_owned(),
                _ => format!("one of {}", names.join(", ")),
            },
            found: name.to_owned(),
        });
    };
    drop(OwnedFolder::take(&cache.folder)?);
    files::remove(&cache.folder)
}

/// Bytes that are free for this user where a folder lies; `None` where the system does not say.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let about = rustix::fs::statvfs(folder).ok()?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}
