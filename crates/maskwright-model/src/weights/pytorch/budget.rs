//! The memory that a pickle may take.

use super::value::Parsed;

/// What one file's pickles may take in all. Everything that is kept or copied while they are read is
/// charged, and nothing is paid back, so that time is bounded with the memory.
///
/// A pickle of n bytes that `torch.save` wrote takes about 10 n: a tensor has 200 bytes there, 30 values
/// on the stack, and a record.
#[derive(Debug)]
pub(super) struct Budget {
    file: u64,
    limit: u64,
    left: u64,
}

impl Budget {
    /// That of a file of so many bytes.
    pub(super) fn of_file(bytes: u64) -> Self {
        const LEAST: u64 = 1 << 20;
        const MOST: u64 = 256 << 20;
        const PER_BYTE: u64 = 32;
        let limit = bytes.saturating_mul(PER_BYTE).saturating_add(LEAST).min(MOST);
        Self { file: bytes, limit, left: limit }
    }

    /// Pays for so many bytes.
    pub(super) fn charge(&mut self, bytes: usize) -> Parsed<()> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(format!(
                    "expected its pickle to take at most {} bytes of memory in a file of {} bytes, \
                     found that it takes more",
                    self.limit, self.file
                ));
            }
        }
        Ok(())
    }
}
