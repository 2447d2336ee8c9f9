//! What a file says about itself before any pixel is decoded.

use super::jpeg::choice::decodes_by_rows;
use super::orientation::Orientation;
use crate::format::Format;
use crate::size::Size;

/// The channels as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One grey channel.
    Grey,
    /// Grey and alpha.
    GreyAlpha,
    /// Red, green, blue (or luma and chroma).
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
    /// Indices into a colour table.
    Palette,
    /// Four printing inks, plain or as YCCK.
    Cmyk,
}

impl Colour {
    /// Channels as stored; one for a palette.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey | Self::Palette => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// What a channel's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NumberKind {
    /// Integers from 0: all formats.
    #[default]
    Unsigned,
    /// Integers of both signs: TIFF.
    Signed,
    /// Floats: TIFF and JPEG XL.
    Float,
}

/// What a file's header says. Sizes are as stored, before the orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format, by content.
    pub format: Format,
    /// Stored height and width.
    pub size: Size,
    /// How the picture has to be turned to be upright: EXIF in JPEG (APP1), PNG (`eXIf`) and WebP, a tag in TIFF, boxes in AVIF.
    pub orientation: Orientation,
    /// Channels as stored.
    pub colour: Colour,
    /// Bits per channel: 8 for JPEG, WebP, GIF and QOI; 1, 2, 4, 8 or 16 for PNG; 8, 10 or 12 for AVIF; up to 32 for JPEG XL and 64 for TIFF.
    pub bit_depth: u8,
    /// What these bits are.
    pub numbers: NumberKind,
    /// How the format stores the pixels, as far as its decoders ask.
    pub(crate) storage: Storage,
}

/// What only the decoders of a format ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A JPEG.
    Jpeg {
        /// Whether its components are sampled in one of the common ways: one component, luma at up to twice the
        /// resolution of chroma both ways, or four at full resolution.
        common_sampling: bool,
        /// Whether its coefficients come in several scans, so that a decoder holds them all.
        buffered: bool,
        /// Where the first scan's header ends; the end of the last segment where there is no scan.
        scan: usize,
    },
    /// A PNG: whether its rows come in seven passes (Adam7).
    Png { interlaced: bool },
    /// Any other format.
    Other {
        /// Bytes that its decoder holds at most, beside the stored numbers that it gives.
        held: u64,
        /// Fewest bytes that a file of this size can have.
        least_length: u64,
        /// Whether its pixels are stored with loss, so that numbers are not exact.
        lossy: bool,
    },
}

impl Header {
    /// The size of the upright picture.
    pub fn upright_size(&self) -> Size {
        self.orientation.upright(self.size)
    }

    /// Whether the channels have more than 8 bits or are signed, so that a [range](crate::decode::ValueRange) of numbers can be asked for.
    pub fn is_deep(&self) -> bool {
        self.bit_depth > 8 || self.numbers != NumberKind::Unsigned
    }

    /// Whether pixels are stored with loss, as in all JPEG and AVIF and many WebP and JPEG XL files.
    pub fn is_lossy(&self) -> bool {
        match self.storage {
            Storage::Jpeg { .. } => true,
            Storage::Png { .. } => false,
            Storage::Other { lossy, .. } => lossy,
        }
    }

    /// How many bytes decoding the picture to RGB and turning it upright holds at once, at most; the picture is among
    /// them, the file is not.
    pub fn rgb_bytes(&self) -> u64 {
        let decoded = match self.storage {
            Storage::Jpeg { .. } => self.coefficients().saturating_add(self.size.times(3)),
            // A channel, and all of them.
            Storage::Png { .. } => self.samples().saturating_add(self.size.times(4)),
            Storage::Other { held, .. } => {
                held.max(self.size.times(4)).saturating_add(self.number_bytes())
            }
        };
        let decoded = decoded.max(self.passes());
        // Turned, it is there twice.
        if self.orientation.is_identity() { decoded } else { decoded.max(self.size.times(6)) }
    }

    /// How many bytes decoding the picture as a mask and turning the label holds at once, at most (but for the alpha of a grey
    /// picture, which few masks are read from); the label is among them, the file is not.
    pub fn label_bytes(&self) -> u64 {
        let decoded = match (self.storage, self.colour, self.bit_depth) {
            (Storage::Jpeg { .. }, ..) => self.coefficients().saturating_add(self.size.times(4)),
            (Storage::Other { held, .. }, ..) => {
                held.max(self.size.times(5)).saturating_add(self.number_bytes())
            }
            // The rows, which mostly become the label in place, and a label where numbers are mapped.
            (_, Colour::Grey, _) => self.samples().saturating_add(self.size.times(1)),
            (_, Colour::GreyAlpha, _) => self.samples().saturating_add(self.size.times(2)),
            // Colours, alpha and the label.
            _ => self.samples().saturating_add(self.size.times(5)),
        };
        let decoded = decoded.max(self.passes());
        if self.orientation.is_identity() { decoded } else { decoded.max(self.size.times(2)) }
    }

    /// Bytes of an interlaced PNG while its passes are put together: all of them with the numbers of their rows' filters, and the whole.
    fn passes(&self) -> u64 {
        if self.storage != (Storage::Png { interlaced: true }) {
            return 0;
        }
        let filters = 4 * (self.size.height as u64 + 8);
        self.samples().saturating_mul(2).saturating_add(filters)
    }

    /// Bytes of a JPEG's coefficients where its decoder holds them all: 16 bits for each sample, of no subsampling at
    /// most, in whole groups of blocks.
    fn coefficients(&self) -> u64 {
        let Storage::Jpeg { buffered, .. } = self.storage else { return 0 };
        let whole = |side: usize| side.next_multiple_of(32) as u64;
        let samples = whole(self.size.height) * whole(self.size.width);
        let held = buffered || !decodes_by_rows();
        if held { 2 * self.colour.channels() as u64 * samples } else { 0 }
    }

    /// Bytes of the stored numbers as they are handed over: one or two each, four for those that become floats.
    pub(crate) fn number_bytes(&self) -> u64 {
        let each = match (self.numbers, self.bit_depth) {
            (NumberKind::Unsigned, ..=8) => 1,
            (NumberKind::Unsigned, ..=16) => 2,
            _ => 4,
        };
        self.size.times(each * self.colour.channels() as u64)
    }

    /// Bytes of a PNG's rows with their filter bytes, and of the samples that are unpacked from them.
    fn samples(&self) -> u64 {
        let each = self.colour.channels() as u64 * u64::from(self.bit_depth);
        let row = (self.size.width as u64).saturating_mul(each).div_ceil(8) + 1;
        let unpacked = if self.bit_depth < 8 { self.size.times(1) } else { 0 };
        row.saturating_mul(self.size.height as u64).saturating_add(unpacked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::ImageFile;
    use crate::{RgbImage, encode};

    fn png(colour: Colour, bit_depth: u8, size: Size) -> Header {
        Header {
            format: Format::Png,
            size,
            orientation: Orientation::IDENTITY,
            colour,
            bit_depth,
            numbers: NumberKind::Unsigned,
            storage: Storage::Png { interlaced: false },
        }
    }

    /// 500 megapixels of one bit, which 56 KiB can hold.
    #[test]
    fn small_files_can_ask_for_much() {
        let size = Size::new(20_000, 25_000);
        let rows = (25_000 / 8 + 1) * 20_000;
        assert_eq!(png(Colour::Grey, 1, size).rgb_bytes(), rows + 5 * 500_000_000);
        assert_eq!(png(Colour::Grey, 1, size).label_bytes(), rows + 2 * 500_000_000);
        assert_eq!(png(Colour::Grey, 8, size).label_bytes(), 20_000 * 25_001 + 500_000_000);
        // The largest claims do not overflow.
        let largest = Size::square(i32::MAX as usize);
        assert_eq!(png(Colour::Rgba, 16, largest).rgb_bytes(), u64::MAX);
    }

    #[test]
    fn pictures_are_counted_once_or_twice() {
        let file = encode::jpeg_rgb(&RgbImage::filled(Size::new(60, 100), 9), 90).unwrap();
        let header = *ImageFile::read(&file).unwrap().header();
        if decodes_by_rows() {
            assert_eq!(header.rgb_bytes(), 3 * 6000);
            assert_eq!(header.label_bytes(), 4 * 6000);
        }
        let turn = Orientation::from_exif(6).unwrap();
        assert!(Header { orientation: turn, ..header }.rgb_bytes() >= 6 * 6000);
        let Storage::Jpeg { common_sampling, scan, .. } = header.storage else { panic!("a JPEG") };
        let storage = Storage::Jpeg { common_sampling, buffered: true, scan };
        assert_eq!(Header { storage, ..header }.rgb_bytes(), 3 * 6000 + 6 * 64 * 128);
    }
}
