//! Files that are either whole or not there, and files of a bounded length, their errors named.

use std::io::Read;
use std::path::Path;

use maskwright_data::source::open_file_or_given_pipe;

use crate::error::{Error, Result};

/// Writes `bytes` under a temporary name and renames it; see [`maskwright_files`].
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    maskwright_files::write_atomically(path, bytes).map_err(Error::io(path, "write"))
}

/// All bytes of a file, or of [a pipe](open_file_or_given_pipe), of which there may be no more than `limit`.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let read = || {
        let file = open_file_or_given_pipe(path)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(file.metadata()?.len().min(limit) as usize)?;
        // One byte more tells that it is longer.
        file.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(Error::io(path, "read"))?;
    if bytes.len() as u64 > limit {
        return Err(Error::Content {
            file: path.to_path_buf(),
            expected: format!("at most {limit} bytes"),
            found: "more".to_owned(),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_end_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").expect("written");
        assert_eq!(read_at_most(&path, 5).expect("read"), b"12345");
        let refusal = read_at_most(&path, 4).expect_err("refused").to_string();
        let refusal = refusal.replace(&path.display().to_string(), "FILE");
        assert_eq!(refusal, "FILE: expected at most 4 bytes, found more");
    }
}
