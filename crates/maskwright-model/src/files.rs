//! Files that are either whole or not there, their errors named.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file of any length as [`maskwright_files::write_with`] does, after removing what killed processes left beside it.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
) -> Result<()> {
    maskwright_files::remove_abandoned(maskwright_files::folder_of(path));
    maskwright_files::write_with(path, |source| Error::Io { path: path.to_owned(), source }, write)
}
