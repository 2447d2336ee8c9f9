//! Files that are either whole or not there, their errors named.

use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` under a temporary name and renames it; see [`maskwright_files`].
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    maskwright_files::write_atomically(path, bytes).map_err(Error::io(path, "write"))
}
