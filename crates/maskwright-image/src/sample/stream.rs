//! Sampling straight from a file.

use super::axis::AxisTable;
use super::picture::PictureWalk;
use super::sampler::Sampler;
use crate::decode::{Limits, Warning, decode_rgb, read_header};
use crate::error::{Error, Result};

/// What streaming keeps between pictures.
#[derive(Debug, Default)]
pub(super) struct Stream {}

impl Sampler {
    /// Decodes a picture and samples it as [`Self::image`] does; the tables are for the stored size. The pixels are
    /// those of [`decode_rgb`] followed by [`Self::image`].
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
        if (header.height, header.width) != (rows.source(), columns.source()) {
            return Err(Error::TableSize {
                expected_width: columns.source(),
                expected_height: rows.source(),
                width: header.width,
                height: header.height,
            });
        }
        let decoded = decode_rgb(bytes, limits)?;
        let mut walk = PictureWalk::new(self.isa, &mut self.rgb, rows, columns, pad, out);
        while let Some(y) = walk.wanted() {
            walk.push(y, &decoded.pixels.data[3 * header.width * y..], 0);
        }
        Ok(decoded.warnings)
    }
}
