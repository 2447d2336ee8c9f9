//! Plain PNGs in one piece: join the IDAT chunks, inflate at once, unfilter.

use libdeflater::{DecompressionError, Decompressor};

use super::header::Chunks;
use super::unfilter::unfilter;
use crate::decode::header::{Header, Storage};
use crate::error::{Error, Result};
use crate::format::Format;

/// What reading keeps between files.
#[derive(Default)]
pub(crate) struct Inflater {
    state: Option<Decompressor>,
    /// The joined content of several IDAT chunks.
    joined: Vec<u8>,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

impl Inflater {
    /// Makes `rows` the unfiltered rows, bits packed as stored; false, with anything in `rows`, for whatever is not a
    /// plain, sound file. Memory is bounded by the size in the header.
    ///
    /// # Errors
    /// [`Error::Damaged`] for data that inflates to more than that size.
    pub(super) fn read_rows(
        &mut self,
        bytes: &[u8],
        header: &Header,
        rows: &mut Vec<u8>,
    ) -> Result<bool> {
        if header.storage != (Storage::Png { interlaced: false }) {
            return Ok(false);
        }
        let Some(data) = image_data(bytes, &mut self.joined) else { return Ok(false) };
        let row_bytes = header.row_bytes();
        // What was in it is overwritten; only what it grows by is filled.
        rows.resize((row_bytes + 1) * header.size.height, 0);
        match self.state.get_or_insert_with(Decompressor::new).zlib_decompress(data, rows) {
            Ok(length) if length == rows.len() => {
                Ok(unfilter(rows, row_bytes, header.filter_step()).is_some())
            }
            Err(DecompressionError::InsufficientSpace) => {
                let reason = "the data holds more pixels than the header says".to_owned();
                Err(Error::Damaged { format: Format::Png, reason })
            }
            _ => Ok(false),
        }
    }
}

/// The content of the IDAT chunks, which must follow each other, in a file that has its end chunk; joined in `joined`
/// where there are several.
fn image_data<'a>(bytes: &'a [u8], joined: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    joined.clear();
    let mut first: Option<&[u8]> = None;
    let mut after = false;
    for chunk in Chunks::new(bytes) {
        match (&chunk.kind, first) {
            (b"IDAT", _) if after => return None,
            (b"IDAT", None) => first = Some(chunk.content),
            (b"IDAT", Some(only)) => {
                if joined.is_empty() {
                    joined.extend_from_slice(only);
                }
                joined.extend_from_slice(chunk.content);
            }
            (b"IEND", Some(only)) => return Some(if joined.is_empty() { only } else { joined }),
            (b"IEND", None) => return None,
            _ => after = first.is_some(),
        }
    }
    None
}
