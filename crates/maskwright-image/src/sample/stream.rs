//! Sampling while libjpeg decodes: only the rows and columns that the tables show are decoded.
//!
//! libjpeg can pass over rows (their entropy-coded data is read, nothing else) and leave out columns, and rows
//! after the last one needed are not read at all. The pixels are those of a whole decode, for which two things have
//! to be seen to. Chroma is interpolated across block borders, so a cut-off column would see a border that
//! is none: 18 columns more than needed are decoded on both sides. And libjpeg smooths across blocks where a
//! progressive file is unfinished: such files, all that are cut off and all with damaged data, are decoded whole.

use super::axis::AxisTable;
use super::picture::PictureWalk;
use crate::decode::jpeg::choice::{Choice, choice};
use crate::decode::jpeg::mozjpeg;
use crate::decode::limits::Limits;
use crate::decode::warning::Decoded;
use crate::decode::{Format, ImageFile};
use crate::error::Result;
use crate::image::RgbImage;

/// What streaming keeps between pictures.
#[derive(Debug, Default)]
pub(super) struct Stream {
    decoder: Option<mozjpeg::Decoder>,
    row: RowBuffer,
    inks: Vec<u8>,
}

impl Stream {
    /// Samples a picture decoded at a fraction of its size, of `width` columns then. False where it has to be
    /// decoded at its size after all.
    pub(super) fn sample_reduced(
        &mut self,
        file: &ImageFile<'_>,
        limits: &Limits,
        divisor: usize,
        width: usize,
        walk: &mut PictureWalk<'_>,
    ) -> Result<bool> {
        let Some(decoder) = decoder_for(file, &mut self.decoder)? else { return Ok(false) };
        let mut picture = decoder.open(file.bytes(), file.header(), limits)?;
        picture.reduce(divisor);
        if !picture.start()? {
            return Ok(false);
        }
        let row = self.row.of(3 * width);
        self.inks.resize(if picture.channels() == 4 { picture.row_bytes() } else { 0 }, 0);
        let mut at = 0;
        while let Some(y) = walk.wanted() {
            // Rows are read one by one: skipping is only exact at full size.
            while at <= y {
                picture.read_rgb(row, &mut self.inks)?;
                at += 1;
            }
            walk.push(y, row, 0);
        }
        Ok(picture.warnings().is_empty())
    }

    /// Samples while decoding. False where the picture has to be decoded whole after all.
    pub(super) fn sample_parts(
        &mut self,
        file: &ImageFile<'_>,
        limits: &Limits,
        columns: &AxisTable,
        walk: &mut PictureWalk<'_>,
    ) -> Result<bool> {
        let Some(decoder) = decoder_for(file, &mut self.decoder)? else { return Ok(false) };
        let mut picture = decoder.open(file.bytes(), file.header(), limits)?;
        if !picture.start()? {
            return Ok(false);
        }
        let (needed, whole) = (columns.source_range(), file.header().size.width);
        let first = needed.start.saturating_sub(MARGIN);
        let end = (needed.end + MARGIN).min(whole);
        let (first, width) =
            if end - first < whole { picture.crop(first, end - first)? } else { (0, whole) };
        let row = self.row.of(3 * width);
        self.inks.resize(if picture.channels() == 4 { picture.row_bytes() } else { 0 }, 0);
        let mut at = 0;
        while let Some(y) = walk.wanted() {
            if y > at {
                picture.skip(y - at, row, &mut self.inks)?;
            }
            picture.read_rgb(row, &mut self.inks)?;
            walk.push(y, row, first);
            at = y + 1;
        }
        Ok(picture.warnings().is_empty())
    }

    /// Decodes a whole picture, a JPEG by the decoder that is kept where there is one.
    pub(super) fn decode_whole(
        &mut self,
        file: &ImageFile<'_>,
        limits: &Limits,
    ) -> Result<Decoded<RgbImage>> {
        match &mut self.decoder {
            Some(decoder) if file.header().format == Format::Jpeg => {
                decoder.decode_rgb(file.bytes(), file.header(), limits)
            }
            _ => file.decode_rgb(limits),
        }
    }
}

/// The decoder that is kept, made on first use; none for a file that libjpeg does not decode.
fn decoder_for<'a>(
    file: &ImageFile<'_>,
    kept: &'a mut Option<mozjpeg::Decoder>,
) -> Result<Option<&'a mut mozjpeg::Decoder>> {
    if file.header().format != Format::Jpeg || choice() != Choice::Mozjpeg {
        return Ok(None);
    }
    match kept {
        Some(decoder) => Ok(Some(decoder)),
        none => Ok(Some(none.insert(mozjpeg::Decoder::new()?))),
    }
}

/// Columns decoded to the left and right of what is needed: one block of subsampled chroma and its neighbours.
const MARGIN: usize = 18;

/// One decoded row with room to read past its end, kept at 16 bytes past a multiple of 32.
///
/// libjpeg-turbo writes rows that are aligned to 32 bytes with non-temporal stores, past the cache, which makes
/// reading them right afterwards slow. Being off by 16 avoids that.
#[derive(Debug, Default)]
struct RowBuffer {
    bytes: Vec<u8>,
}

impl RowBuffer {
    const SLACK: usize = 16;

    /// A row of `length` bytes and slack.
    fn of(&mut self, length: usize) -> &mut [u8] {
        let whole = length + Self::SLACK;
        if self.bytes.len() < whole + 32 {
            self.bytes.resize(whole + 32, 0);
        }
        let start = (48 - self.bytes.as_ptr().addr() % 32) % 32;
        &mut self.bytes[start..start + whole]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_never_aligned() {
        let mut buffer = RowBuffer::default();
        for length in [3, 300, 30_000, 7] {
            let row = buffer.of(length);
            assert_eq!(row.as_ptr().addr() % 32, 16);
            assert_eq!(row.len(), length + RowBuffer::SLACK);
        }
    }
}
