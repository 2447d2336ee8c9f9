//! The checksums of the chunks that decide about pixels.

use super::header::Chunks;
use crate::decode::warning::Warning;

/// The critical chunks, and the one that says what is transparent: a mask may be read from it.
const CHECKED: [&str; 5] = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];

/// A warning where such a chunk of a file does not have the checksum that it states, or where the file has no end chunk.
/// Other chunks are not looked at.
pub(crate) fn check(bytes: &[u8]) -> Option<Warning> {
    let mut first = None;
    let mut count = 0;
    for chunk in Chunks::new(bytes) {
        let name = CHECKED.into_iter().find(|name| name.as_bytes() == chunk.kind);
        if let Some(name) = name.filter(|_| crc32fast::hash(chunk.checked) != chunk.checksum) {
            first.get_or_insert(name);
            count += 1;
        }
        // What follows the end is no part of the picture.
        if chunk.kind == *b"IEND" {
            return first.map(|chunk| Warning::Checksum { count, chunk });
        }
    }
    Some(first.map_or(Warning::Truncated, |chunk| Warning::Checksum { count, chunk }))
}
