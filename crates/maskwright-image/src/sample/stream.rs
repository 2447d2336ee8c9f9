//! Sampling straight from a file: only the rows and columns that the tables show are decoded.
//!
//! libjpeg can pass over rows (their entropy-coded data is read, nothing else) and leave out columns, and rows
//! after the last one needed are not read at all. The pixels are those of a whole decode, for which two things have
//! to be seen to. Chroma is interpolated across block borders, so a cut-off column would see a border that
//! is none: 18 columns more than needed are decoded on both sides. And libjpeg smooths across blocks where a
//! progressive file is unfinished: such files, and all with damaged data, are decoded whole.

use super::axis::AxisTable;
use super::picture::PictureWalk;
use super::sampler::Sampler;
#[cfg(feature = "mozjpeg")]
use crate::decode::jpeg::{self, mozjpeg};
use crate::decode::{Decoded, Header, Limits, Warning, decode_rgb, read_header};
use crate::error::{Error, Result};
use crate::image::RgbImage;
use crate::size::Size;

/// What streaming keeps between pictures.
#[derive(Debug, Default)]
pub(super) struct Stream {
    #[cfg(feature = "mozjpeg")]
    decoder: Option<mozjpeg::Decoder>,
    #[cfg(feature = "mozjpeg")]
    row: RowBuffer,
    #[cfg(feature = "mozjpeg")]
    inks: Vec<u8>,
}

impl Sampler {
    /// Decodes a picture and samples it as [`Self::image`] does; the tables are for the stored size. The pixels are
    /// those of [`decode_rgb`] followed by [`Self::image`], but only what the tables show is decoded where the decoder
    /// can do that (libjpeg), so damage after the last row shown goes unnoticed.
    ///
    /// # Errors
    /// As [`decode_rgb`], and [`Error::TableSize`] where the tables are for another size. `out` is then partly
    /// written.
    ///
    /// # Panics
    /// Where `out` has not 3 x `rows.output()` x `columns.output()` bytes.
    pub fn image_from_bytes(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: u8,
        out: &mut [u8],
    ) -> Result<Vec<Warning>> {
        let header = read_header(bytes)?;
        limits.check(&header, bytes.len())?;
        let expected = Size::new(rows.source(), columns.source());
        if header.size != expected {
            return Err(Error::TableSize { expected, found: header.size });
        }
        #[cfg(feature = "mozjpeg")]
        if self.scaled && self.image_reduced(bytes, &header, limits, [rows, columns], pad, out)? {
            return Ok(Vec::new());
        }
        let mut walk = PictureWalk::new(self.isa, &mut self.rgb, rows, columns, pad, out);
        if walk.wanted().is_none() || columns.visible() == 0 {
            return Ok(Vec::new());
        }
        if self.stream.sample_parts(bytes, &header, limits, columns, &mut walk)? {
            return Ok(Vec::new());
        }
        let Decoded { pixels, warnings } = self.stream.decode_whole(bytes, &header, limits)?;
        walk.restart();
        while let Some(y) = walk.wanted() {
            walk.push(y, &pixels.data[3 * pixels.size.width * y..], 0);
        }
        Ok(warnings)
    }
}

#[cfg(feature = "mozjpeg")]
impl Sampler {
    /// Decodes at a fraction of the size that still has a pixel for every output, and samples that. False where
    /// the picture has to be decoded at its size.
    fn image_reduced(
        &mut self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
        [rows, columns]: [&AxisTable; 2],
        pad: u8,
        out: &mut [u8],
    ) -> Result<bool> {
        let shrinks = |table: &AxisTable, by: usize| table.source() >= by * table.scaled();
        let Some(divisor) =
            [8, 4, 2].into_iter().find(|&by| shrinks(rows, by) && shrinks(columns, by))
        else {
            return Ok(false);
        };
        let empty = || AxisTable::new(1, 1, false, 0, 1);
        let tables = self.reduced.get_or_insert_with(|| [empty(), empty()]);
        tables[0].set_reduced(rows, divisor);
        tables[1].set_reduced(columns, divisor);
        let [rows, columns] = &*tables;
        let mut walk = PictureWalk::new(self.isa, &mut self.rgb, rows, columns, pad, out);
        if columns.visible() == 0 {
            return Ok(true);
        }
        self.stream.sample_reduced(bytes, header, limits, divisor, columns.source(), &mut walk)
    }
}

#[cfg(feature = "mozjpeg")]
impl Stream {
    /// Samples a picture decoded at a fraction of its size, of `width` columns then. False where it has to be
    /// decoded at its size after all.
    fn sample_reduced(
        &mut self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
        divisor: usize,
        width: usize,
        walk: &mut PictureWalk<'_>,
    ) -> Result<bool> {
        if header.format != crate::decode::Format::Jpeg || jpeg::choice() != jpeg::Choice::Mozjpeg {
            return Ok(false);
        }
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(mozjpeg::Decoder::new()?),
        };
        let mut picture = decoder.open(bytes, header, limits)?;
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
    fn sample_parts(
        &mut self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
        columns: &AxisTable,
        walk: &mut PictureWalk<'_>,
    ) -> Result<bool> {
        if header.format != crate::decode::Format::Jpeg || jpeg::choice() != jpeg::Choice::Mozjpeg {
            return Ok(false);
        }
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(mozjpeg::Decoder::new()?),
        };
        let mut picture = decoder.open(bytes, header, limits)?;
        if !picture.start()? {
            return Ok(false);
        }
        let needed = columns.source_range();
        let first = needed.start.saturating_sub(MARGIN);
        let end = (needed.end + MARGIN).min(header.size.width);
        let (first, width) = if end - first < header.size.width {
            picture.crop(first, end - first)?
        } else {
            (0, header.size.width)
        };
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

    fn decode_whole(
        &mut self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
    ) -> Result<Decoded<RgbImage>> {
        match &mut self.decoder {
            Some(decoder) if header.format == crate::decode::Format::Jpeg => {
                decoder.decode_rgb(bytes, header, limits)
            }
            _ => decode_rgb(bytes, limits),
        }
    }
}

#[cfg(not(feature = "mozjpeg"))]
impl Stream {
    fn sample_parts(
        &mut self,
        _: &[u8],
        _: &Header,
        _: &Limits,
        _: &AxisTable,
        _: &mut PictureWalk<'_>,
    ) -> Result<bool> {
        Ok(false)
    }

    fn decode_whole(
        &mut self,
        bytes: &[u8],
        _: &Header,
        limits: &Limits,
    ) -> Result<Decoded<RgbImage>> {
        decode_rgb(bytes, limits)
    }
}

/// Columns decoded to the left and right of what is needed: one block of subsampled chroma and its neighbours.
#[cfg(feature = "mozjpeg")]
const MARGIN: usize = 18;

/// One decoded row with room to read past its end, kept at 16 bytes past a multiple of 32.
///
/// libjpeg-turbo writes rows that are aligned to 32 bytes with non-temporal stores, past the cache, which makes
/// reading them right afterwards slow. Being off by 16 avoids that.
#[cfg(feature = "mozjpeg")]
#[derive(Debug, Default)]
struct RowBuffer {
    bytes: Vec<u8>,
}

#[cfg(feature = "mozjpeg")]
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

#[cfg(all(test, feature = "mozjpeg"))]
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
