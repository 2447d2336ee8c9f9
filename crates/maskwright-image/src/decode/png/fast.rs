//! PNGs in one piece: join the IDAT chunks, inflate at once, unfilter, and put the passes of interlaced ones together.

use libdeflater::{DecompressionError, Decompressor};

use super::header::Chunks;
use super::only_grey::OnlyGrey;
use super::passes::passes;
use super::unfilter::unfilter;
use crate::decode::header::{Header, Storage};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

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
    /// plain, sound file. Memory is bounded by the size in the header. `grey`, of pixels in RGBA of 8 bits alone, takes them as they
    /// come, and where it has all that they say, `rows` is left with anything in it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for data that inflates to more than that size.
    pub(super) fn read_rows(
        &mut self,
        bytes: &[u8],
        header: &Header,
        rows: &mut Vec<u8>,
        mut grey: Option<&mut OnlyGrey<'_>>,
    ) -> Result<bool> {
        let mut look = |row: &[u8]| {
            if let Some(grey) = &mut grey {
                grey.take(row);
            }
        };
        let (row_bytes, step) = (header.row_bytes(), header.filter_step());
        if header.storage == (Storage::Png { interlaced: false }) {
            let length = (row_bytes + 1) * header.size.height;
            let whole = self.inflate(bytes, length, rows)?;
            let sound = whole && unfilter(rows, row_bytes, step, look).is_some();
            rows.truncate(row_bytes * header.size.height);
            return Ok(sound);
        }
        // Pixels that share a byte are put together by the general reader.
        if header.storage != (Storage::Png { interlaced: true }) || header.bit_depth < 8 {
            return Ok(false);
        }
        let of_pass = |size: Size| (size.width * step + 1) * size.height;
        let length = passes(header.size).map(|pass| of_pass(pass.size)).sum();
        let mut all = Vec::new();
        if !self.inflate(bytes, length, &mut all)? {
            return Ok(false);
        }
        let mut rest = &mut all[..];
        let mut whole = Vec::with_capacity(passes(header.size).count());
        for pass in passes(header.size) {
            let (now, later) = rest.split_at_mut(of_pass(pass.size));
            rest = later;
            let Some(pixels) = unfilter(now, pass.size.width * step, step, &mut look) else {
                return Ok(false);
            };
            whole.push((pass, pixels));
        }
        if let Some(grey) = grey.filter(|grey| grey.is_all()) {
            grey.put_together(header.size);
            return Ok(true);
        }
        rows.resize(row_bytes * header.size.height, 0);
        for (pass, pixels) in whole {
            let rows = &mut rows[..];
            match step {
                1 => pass.put::<1>(pixels, row_bytes, rows),
                2 => pass.put::<2>(pixels, row_bytes, rows),
                3 => pass.put::<3>(pixels, row_bytes, rows),
                4 => pass.put::<4>(pixels, row_bytes, rows),
                6 => pass.put::<6>(pixels, row_bytes, rows),
                8 => pass.put::<8>(pixels, row_bytes, rows),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Makes `to` what the file's image data inflate to; false, with anything in it, where they are not sound or come to fewer bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`] for data that inflate to more.
    fn inflate(&mut self, bytes: &[u8], length: usize, to: &mut Vec<u8>) -> Result<bool> {
        let Some(data) = image_data(bytes, &mut self.joined) else { return Ok(false) };
        // What was in it is overwritten; only what it grows by is filled.
        to.resize(length, 0);
        match self.state.get_or_insert_with(Decompressor::new).zlib_decompress(data, to) {
            Ok(found) => Ok(found == length),
            Err(DecompressionError::InsufficientSpace) => {
                let reason = "the data holds more pixels than the header says".to_owned();
                Err(Error::Damaged { format: Format::Png, reason })
            }
            Err(_) => Ok(false),
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
