//! Files that are either whole or not there, their errors named.

use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` under a temporary name and renames it; see [`maskwright_files`].
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    maskwright_files::write_atomically(path, bytes).map_err(Error::io(path, "write"))
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(Error::io(path, "create"))
}

/// Removes a file, or a folder with all that is in it. A folder loses its name first, so that nobody takes what is
/// left of it for the whole.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() && !path.is_symlink() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let doomed = match name.starts_with(".maskwright-") {
            true => path.to_path_buf(),
            false => path.with_file_name(format!(".maskwright-{name}.part")),
        };
        // Of a removal that was interrupted something may lie there.
        if doomed != path && doomed.exists() {
            std::fs::remove_dir_all(&doomed).map_err(Error::io(&doomed, "remove"))?;
        }
        rename(path, &doomed)?;
        std::fs::remove_dir_all(&doomed)
    } else {
        std::fs::remove_file(path)
    };
    removed.map_err(Error::io(path, "remove"))
}

/// Renames a file or folder.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(Error::io(from, "rename"))
}

/// Makes sure that the names in a folder are on the disk, where the system can be asked for that.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io(folder, "write"))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
