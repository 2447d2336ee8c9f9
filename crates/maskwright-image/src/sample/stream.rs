//! Sampling straight from a file.

use super::axis::AxisTable;
use super::sampler::{RgbTarget, Sampler};
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
        let mut target = RgbTarget::new(self.isa, rows, columns, pad, out);
        self.rgb.restart();
        while let Some(y) = self.rgb.wanted(rows) {
            target.push(&mut self.rgb, y, &decoded.pixels.data[3 * header.width * y..]);
        }
        Ok(decoded.warnings)
    }
}
