//! Plain PNGs in one piece: join the IDAT chunks, inflate at once, unfilter.

use std::borrow::Cow;

use libdeflater::{DecompressionError, Decompressor};

use super::header::{Chunks, Layout};
use super::unfilter::unfilter;
use crate::decode::Format;
use crate::error::{Error, Result};

/// Unfiltered rows, bits packed as stored; none for whatever is not a plain, sound file. Memory is bounded by the
/// size in the header.
///
/// # Errors
/// [`Error::Damaged`] for data that inflates to more than that size.
pub(super) fn read_rows(bytes: &[u8], layout: &Layout) -> Result<Option<Vec<u8>>> {
    if layout.interlaced {
        return Ok(None);
    }
    let Some(data) = image_data(bytes) else { return Ok(None) };
    let row_bytes = layout.row_bytes();
    let mut filtered = vec![0; (row_bytes + 1) * layout.height];
    match Decompressor::new().zlib_decompress(&data, &mut filtered) {
        Ok(length) if length == filtered.len() => {
            Ok(unfilter(filtered, row_bytes, layout.filter_step()))
        }
        Err(DecompressionError::InsufficientSpace) => {
            let reason = "the data holds more pixels than the header says".to_owned();
            Err(Error::Damaged { format: Format::Png, reason })
        }
        _ => Ok(None),
    }
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
