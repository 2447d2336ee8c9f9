//! How much of what a header claims is believed.

use super::header::{Header, Storage};
use crate::error::{Error, Result};
use crate::size::Size;

/// More passes of a progressive JPEG than any encoder writes (libjpeg's own script has 10, exhaustive optimisers stay
/// below 64).
pub(crate) const MAX_SCANS: u32 = 100;

/// How large a picture may be. Checked against the header before memory is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels; 500 million by default.
    pub max_pixels: u64,
    /// Most bytes that decoding one picture may hold at once; 2 GiB by default.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 500_000_000, max_bytes: 2 << 30 }
    }
}

impl Limits {
    /// Refuses a header that claims too much, or more than `length` bytes of file can hold.
    pub(crate) fn check(&self, header: &Header, length: usize) -> Result<()> {
        let size @ Size { height, width } = header.size;
        let pixels = width as u64 * height as u64;
        if pixels > self.max_pixels {
            return Err(Error::TooManyPixels { size, max_pixels: self.max_pixels });
        }
        let stored = (width as u64 * header.colour.channels() as u64 * u64::from(header.bit_depth))
            .div_ceil(8);
        let needed = match header.storage {
            // Output only; what progressive coefficients take is checked by the decoder against the same limit.
            Storage::Jpeg { .. } => pixels * 3,
            // The unpacked file and the output exist together.
            Storage::Png { interlaced: false } => (stored + 1) * height as u64 + pixels * 3,
            // Before that its passes and the unpacked file do; at most two rows of passes are for one row.
            Storage::Png { interlaced: true } => {
                stored * height as u64 + (pixels * 3).max((stored + 2) * height as u64)
            }
            Storage::Other { held, .. } => {
                held.max(pixels * 3).saturating_add(header.number_bytes())
            }
        };
        if needed > self.max_bytes {
            return Err(Error::TooManyBytes { needed, max_bytes: self.max_bytes });
        }
        let claim = match header.storage {
            // A block of 64 pixels takes two bits at least. Truncated files are decoded, so small ones pass.
            Storage::Jpeg { .. } => {
                if pixels <= SMALL_PIXELS {
                    0
                } else {
                    pixels / 256
                }
            }
            // Deflate makes at most 1032 bytes of one.
            Storage::Png { .. } => stored * height as u64 / 1032,
            Storage::Other { least_length, .. } => least_length,
        };
        if claim > length as u64 {
            return Err(Error::Implausible { size, length });
        }
        Ok(())
    }
}

/// Up to this many pixels a truncated JPEG is decoded however little of it is there.
const SMALL_PIXELS: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::header::{Colour, NumberKind};
    use crate::decode::orientation::Orientation;
    use crate::format::Format;

    fn header(format: Format, width: usize, height: usize) -> Header {
        let (colour, orientation) = (Colour::Rgb, Orientation::IDENTITY);
        let storage = match format {
            Format::Jpeg => Storage::Jpeg { common_sampling: true, buffered: false, scan: 0 },
            _ => Storage::Png { interlaced: false },
        };
        Header {
            format,
            size: Size::new(height, width),
            orientation,
            colour,
            bit_depth: 8,
            numbers: NumberKind::Unsigned,
            storage,
        }
    }

    #[test]
    fn claims_are_checked() {
        let limits = Limits::default();
        assert!(limits.check(&header(Format::Jpeg, 4000, 3000), 1_000_000).is_ok());
        assert!(matches!(
            limits.check(&header(Format::Jpeg, 65_000, 65_000), 1 << 30),
            Err(Error::TooManyPixels { .. })
        ));
        assert!(matches!(
            limits.check(&header(Format::Png, 20_000, 20_000), 1 << 30),
            Err(Error::TooManyBytes { .. })
        ));
        assert!(matches!(
            limits.check(&header(Format::Jpeg, 20_000, 10_000), 600),
            Err(Error::Implausible { .. })
        ));
        assert!(matches!(
            limits.check(&header(Format::Png, 2_000, 2_000), 600),
            Err(Error::Implausible { .. })
        ));
        // A truncated but smallish JPEG is still worth decoding.
        assert!(limits.check(&header(Format::Jpeg, 4000, 4000), 600).is_ok());
        // The largest claims of both formats do not overflow.
        let largest = (1usize << 31) - 1;
        assert!(limits.check(&header(Format::Png, largest, largest), 600).is_err());
    }
}
