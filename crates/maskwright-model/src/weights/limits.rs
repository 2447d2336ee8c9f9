//! What no checkpoint has, whatever its layout: so what is read of a file in one layout can be written in another, and read again.

use std::path::Path;

use crate::error::{Error, Result};

/// The most tensors of a file: SAM's largest has 620.
pub(super) const MAX_TENSORS: usize = 100_000;

/// The most axes of a tensor: SAM's have up to 4.
pub(super) const MAX_AXES: usize = 8;

/// The longest name of a tensor or a storage, in bytes: SAM's longest has 67.
pub(super) const MAX_NAME: usize = 1024;

/// The longest list of tensors in bytes, as the header of a safetensors file or as a pickle: SAM's largest have 80 and 100 KB.
/// Safetensors allows 100 MB, which take 2 GB in memory.
pub(super) const MAX_LIST: u64 = 16 << 20;

/// The refusal of a tensor of so many axes.
pub(super) fn many_axes(found: usize) -> String {
    format!("expected tensors of at most {MAX_AXES} axes, found {found}")
}

/// The refusal of a name of so many bytes.
pub(super) fn long_name(of: &str, found: usize) -> String {
    format!("expected the name of {of} to have at most {MAX_NAME} bytes, found {found}")
}

/// Refuses to write a part of a file that would not be read again: one of more than `most` bytes, which `expected` says in words.
///
/// # Errors
/// [`Error::Layout`].
pub(super) fn check_length(
    path: &Path,
    layout: &'static str,
    expected: &'static str,
    bytes: usize,
    most: u64,
) -> Result<()> {
    if bytes as u64 <= most {
        return Ok(());
    }
    Err(Error::Layout {
        path: path.to_owned(),
        layout,
        expected,
        found: format!("one of {bytes} bytes"),
    })
}
