//! A set that was made of what was saved, and the data file that names all of them.

use std::path::{Component, Path, PathBuf};

use maskwright_files::write_atomically;

use super::stored::readable;
use crate::error::{Error, Result};
use crate::key::key_of;

/// The data file.
pub(super) const DATA_FILE: &str = "data.toml";

/// A set as the data file has it.
pub(super) struct MadeSet {
    /// Keys and their values, a line for each.
    lines: String,
}

impl MadeSet {
    /// The corrections of a set: the keys that say where they are, and in which form.
    pub(super) fn new(of: &str, keys: &[(&str, &str)]) -> Self {
        let line = |(key, value): (&str, &str)| {
            format!("{key} = {}\n", toml::Value::String(value.to_owned()))
        };
        let name = format!("{of} (corrections)");
        let keys = std::iter::once(("name", &*name)).chain(keys.iter().copied());
        Self { lines: keys.map(line).collect() }
    }
}

/// Writes the data file; removed where there is no set.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn write_data_file(folder: &Path, sets: &[MadeSet]) -> Result<()> {
    let path = folder.join(DATA_FILE);
    if sets.is_empty() {
        return remove(&path);
    }
    let mut text = "# Objects that were drawn in the studio, which writes this file.\n".to_owned();
    for set in sets {
        text += &format!("\n[[train]]\n{}", set.lines);
    }
    write_unless_same(&path, text.as_bytes())
}

/// What a set's files are called by: readable, and no other set's.
pub(super) fn name_of(set: &str) -> String {
    format!("{}-{}", readable(set), &key_of(&[set.as_bytes()])[..6])
}

/// Files that stay as they are keep their time: an index that was made of them is still good.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn write_unless_same(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    write_atomically(path, bytes).map_err(Error::io(path, "write"))
}

/// Removes a file that may not be there.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(path, "remove")(error))
        }
        _ => Ok(()),
    }
}

/// The deepest folder that all of these lie in.
pub(super) fn shared_folder<'a>(mut paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let folder = |path: &'a Path| path.parent().unwrap_or(Path::new("")).components();
    let Some(first) = paths.next() else { return PathBuf::new() };
    let mut shared: Vec<Component<'_>> = folder(first).collect();
    for path in paths {
        let same = shared.iter().copied().zip(folder(path)).take_while(|(a, b)| a == b).count();
        shared.truncate(same);
    }
    shared.iter().collect()
}

/// An image's path within a folder.
pub(super) fn within(folder: &Path, image: &Path) -> String {
    image.strip_prefix(folder).unwrap_or(image).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_shared_folder() {
        let shared = |paths: &[&str]| shared_folder(paths.iter().map(Path::new));
        assert_eq!(shared(&["/a/b/1.jpg", "/a/b/2.jpg"]), Path::new("/a/b"));
        assert_eq!(shared(&["/a/b/1.jpg", "/a/c/2.jpg"]), Path::new("/a"));
        assert_eq!(shared(&["/a/b/1.jpg"]), Path::new("/a/b"));
        assert_eq!(shared(&[]), Path::new(""));
    }
}
