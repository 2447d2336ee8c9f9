//! Plain PNGs in one piece: join the IDAT chunks, inflate at once, unfilter.

use std::borrow::Cow;

use libdeflater::Decompressor;

use super::header::{Chunks, Layout};
use super::unfilter::unfilter;

/// Unfiltered rows, bits packed as stored; none for whatever is not a plain, sound file. Memory is bounded by the
/// size in the header: data that inflates to more or less than that is refused by the inflater.
pub(super) fn read_rows(bytes: &[u8], layout: &Layout) -> Option<Vec<u8>> {
    if layout.interlaced {
        return None;
    }
    let data = image_data(bytes)?;
    let row_bytes = layout.row_bytes();
    let mut filtered = vec![0; (row_bytes + 1) * layout.height];
    let length = Decompressor::new().zlib_decompress(&data, &mut filtered).ok()?;
    if length != filtered.len() {
        return None;
    }
    unfilter(filtered, row_bytes, layout.filter_step())
}

/// The content of the IDAT chunks, which must follow each other, in a file that has its end chunk.
fn image_data(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut parts = Vec::new();
    let (mut after, mut ended) = (false, false);
    for chunk in Chunks::new(bytes) {
        match &chunk.kind {
            b"IDAT" if after => return None,
            b"IDAT" => parts.push(chunk.content),
            b"IEND" => {
                ended = true;
                break;
            }
            _ => after = !parts.is_empty(),
        }
    }
    match parts.as_slice() {
        _ if !ended => None,
        [] => None,
        [only] => Some(Cow::Borrowed(only)),
        parts => Some(Cow::Owned(parts.concat())),
    }
}
