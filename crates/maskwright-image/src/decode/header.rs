//! What a file says about itself before any pixel is decoded.

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

/// What a file's header says. Sizes are as stored, before the orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format, by content.
    pub format: Format,
    /// Stored height and width.
    pub size: Size,
    /// How the picture has to be turned to be upright: EXIF in JPEG (APP1) and in PNG (`eXIf`).
    pub orientation: Orientation,
    /// Channels as stored.
    pub colour: Colour,
    /// Bits per channel: 8 for JPEG; 1, 2, 4, 8 or 16 for PNG.
    pub bit_depth: u8,
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
}

impl Header {
    /// The size of the upright picture.
    pub fn upright_size(&self) -> Size {
        self.orientation.upright(self.size)
    }
}
