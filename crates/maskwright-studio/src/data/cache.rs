//! Files that can be made again, kept within a size: thumbnails, tiles, embeddings.
//!
//! What was read longest ago goes first. A file appears whole, by a rename. A cache that cannot be written is one that forgets:
//! nothing fails for it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::locks::lock;

/// A folder of files by name.
pub(crate) struct DiskCache {
    folder: PathBuf,
    most: u64,
    /// Bytes of all files; none before they were counted.
    total: Mutex<Option<u64>>,
}

/// Numbers of temporary files.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl DiskCache {
    /// A cache of at most so many bytes.
    pub(crate) fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most, total: Mutex::new(None) }
    }

    /// Where a file is. Names are made here, of digits and letters.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(&name[..2]).join(name)
    }

    /// Whether a file is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// A file, which is then the one read last.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        let bytes = fs::read(&path).ok()?;
        if let Ok(file) = File::options().append(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(bytes)
    }

    /// Keeps a file.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        let Some(folder) = path.parent() else { return };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".maskwright-{}-{number}.part", std::process::id()));
        let before = fs::metadata(&path).map_or(0, |data| data.len());
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
            return;
        }
        let mut total = lock(&self.total);
        let sum = match *total {
            Some(sum) => (sum + bytes.len() as u64).saturating_sub(before),
            None => self.files().iter().map(|(_, size, _)| size).sum(),
        };
        *total = Some(if sum > self.most { self.shrink(sum) } else { sum });
    }

    /// Removes a file that is of no use.
    pub(crate) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Removes what was read longest ago until a tenth is free. Returns what is left.
    fn shrink(&self, mut sum: u64) -> u64 {
        let mut files = self.files();
        files.sort();
        for (_, size, path) in files {
            if sum <= self.most / 10 * 9 {
                break;
            }
            if fs::remove_file(path).is_ok() {
                sum -= size.min(sum);
            }
        }
        sum
    }

    /// When each file was read last, its size and its path.
    fn files(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let files =
            entries(&self.folder).flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
        files
            .filter_map(|entry| {
                let data = entry.metadata().ok()?;
                data.is_file().then(|| Some((data.modified().ok()?, data.len(), entry.path())))?
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_read_longest_ago_goes() {
        let place = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::new(place.path().join("cache"), 100);
        assert_eq!(cache.get("abc"), None);
        for (age, name) in [(30, "abc"), (20, "abd"), (10, "xyz")] {
            cache.put(name, &[1; 30]);
            let file = File::options().append(true).open(cache.path(name)).expect("there");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("set");
        }
        assert_eq!(cache.get("abc"), Some(vec![1; 30]));
        cache.put("new", &[2; 30]);
        let left = ["abc", "abd", "xyz", "new"].map(|name| cache.has(name));
        assert_eq!(left, [true, false, true, true]);
        // Another process counts what is there.
        let again = DiskCache::new(place.path().join("cache"), 100);
        again.put("two", &[3; 30]);
        assert_eq!(again.files().len(), 3);
        // One that cannot be written forgets.
        fs::write(place.path().join("file"), "").expect("written");
        let none = DiskCache::new(place.path().join("file"), 100);
        none.put("abc", &[1]);
        assert_eq!(none.get("abc"), None);
    }
}
