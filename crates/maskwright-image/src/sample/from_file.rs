//! Sampling straight from a file: what a crop does not show is not decoded where the decoder can pass over it.

use super::axis::AxisTable;
use super::picture::PictureWalk;
use super::sampler::Sampler;
use crate::decode::ImageFile;
use crate::decode::limits::Limits;
use crate::decode::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::size::Size;

impl Sampler {
    /// Decodes a picture and samples it as [`Self::image`] does; the tables are for the stored size. The pixels are
    /// those of [`ImageFile::decode_rgb`] followed by [`Self::image`], but only what the tables show is decoded where the
    /// decoder can do that (libjpeg), so damage after the last row shown goes unnoticed; not so that a file is cut off.
    ///
    /// # Errors
    /// As [`ImageFile::decode_rgb`], and [`Error::TableSize`] where the tables are for another size. `out` is then
    /// partly written.
    ///
    /// # Panics
    /// Where `out` has not 3 x `rows.output()` x `columns.output()` bytes.
    pub fn image_from_file(
        &mut self,
        file: &ImageFile<'_>,
        limits: &Limits,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: u8,
        out: &mut [u8],
    ) -> Result<Vec<Warning>> {
        limits.check(file.header(), file.bytes().len())?;
        let expected = Size::new(rows.source(), columns.source());
        if file.header().size != expected {
            return Err(Error::TableSize { expected, found: file.header().size });
        }
        #[cfg(feature = "mozjpeg")]
        if self.scaled && self.image_reduced(file, limits, [rows, columns], pad, out)? {
            return Ok(Vec::new());
        }
        let mut walk = PictureWalk::new(self.isa, &mut self.rgb, rows, columns, pad, out);
        if walk.wanted().is_none() || columns.visible() == 0 {
            return Ok(Vec::new());
        }
        #[cfg(feature = "mozjpeg")]
        let whole = {
            if self.stream.sample_parts(file, limits, columns, &mut walk)? {
                return Ok(Vec::new());
            }
            self.stream.decode_whole(file, limits)?
        };
        #[cfg(not(feature = "mozjpeg"))]
        let whole = file.decode_rgb(limits)?;
        let Decoded { pixels, warnings } = whole;
        walk.restart();
        while let Some(y) = walk.wanted() {
            walk.push(y, &pixels.data[3 * pixels.size.width * y..], 0);
        }
        Ok(warnings)
    }

    /// As [`Self::image_from_file`], of a file whose header was not read yet.
    ///
    /// # Errors
    /// As [`Self::image_from_file`].
    ///
    /// # Panics
    /// As [`Self::image_from_file`].
    pub fn image_from_bytes(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        rows: &AxisTable,
        columns: &AxisTable,
        pad: u8,
        out: &mut [u8],
    ) -> Result<Vec<Warning>> {
        self.image_from_file(&ImageFile::read(bytes)?, limits, rows, columns, pad, out)
    }

    /// Decodes at a fraction of the size that still has a pixel for every output, and samples that. False where
    /// the picture has to be decoded at its size.
    #[cfg(feature = "mozjpeg")]
    fn image_reduced(
        &mut self,
        file: &ImageFile<'_>,
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
        self.stream.sample_reduced(file, limits, divisor, columns.source(), &mut walk)
    }
}
