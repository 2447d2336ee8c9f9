//! The checksum of an index.

use std::fs::File;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::CHECKSUM;
use crate::source::bytes::read_exact_at;

/// Bytes that a thread reads at a time.
const PIECE: u64 = 1 << 20;

/// CRC-32 of the first `length` bytes of an index but for the place of the checksum itself.
pub(super) fn of(file: &File, length: u64) -> std::io::Result<u64> {
    let begin = CHECKSUM + 8;
    let mut head = [0; CHECKSUM as usize];
    read_exact_at(file, &mut head, 0)?;
    let mut whole = crc32fast::Hasher::new();
    whole.update(&head);
    let pieces = length.saturating_sub(begin).div_ceil(PIECE);
    let hash = |piece: u64| -> std::io::Result<crc32fast::Hasher> {
        let at = begin + piece * PIECE;
        let mut bytes = vec![0; PIECE.min(length - at) as usize];
        read_exact_at(file, &mut bytes, at)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes);
        Ok(hasher)
    };
    let hashes: Vec<_> = (0..pieces).into_par_iter().map(hash).collect::<Result<_, _>>()?;
    hashes.iter().for_each(|piece| whole.combine(piece));
    Ok(whole.finalize().into())
}

/// Whether an index of so many bytes has the checksum that it states.
pub(super) fn holds(file: &File, length: u64) -> bool {
    let mut stated = [0; 8];
    read_exact_at(file, &mut stated, CHECKSUM).is_ok()
        && of(file, length).is_ok_and(|sum| sum == u64::from_le_bytes(stated))
}
