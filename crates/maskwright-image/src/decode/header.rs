//! What a file says about itself before any pixel is decoded, and how much of it is believed.

use std::fmt;

use super::orientation::Orientation;
use super::{jpeg, png};
use crate::error::{Error, Result};
use crate::size::Size;

/// The format of a picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, baseline or progressive, 8 bits.
    Jpeg,
    /// PNG of any kind.
    Png,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
        })
    }
}

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
}

impl Header {
    /// The size of the upright picture.
    pub fn upright_size(&self) -> Size {
        self.orientation.upright(self.size)
    }
}

/// Reads a file's header, no pixels. The content decides the format, not the extension.
///
/// # Errors
/// [`Error::Empty`], [`Error::UnknownFormat`], [`Error::Header`], or [`Error::Unsupported`] for kinds that cannot
/// be decoded later (12-bit, lossless, arithmetic and hierarchical JPEG).
pub fn read_header(bytes: &[u8]) -> Result<Header> {
    match bytes {
        [] => Err(Error::Empty),
        [0xFF, 0xD8, ..] => jpeg::header::read(bytes),
        _ if bytes.starts_with(&png::SIGNATURE) => png::header::read(bytes),
        _ => Err(Error::UnknownFormat { known_as: known_as(bytes) }),
    }
}

/// Names formats that people do have in their folders, for a helpful message.
fn known_as(bytes: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 9] = [
        (b"GIF8", "GIF"),
        (b"BM", "BMP"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"8BPS", "Photoshop"),
        (b"\0\0\0\x0cjP", "JPEG 2000"),
        (b"\xff\x0a", "JPEG XL"),
        (b"version https://git-lfs", "a Git LFS pointer: fetch the real file with `git lfs pull`"),
        (b"<", "markup, perhaps a saved web page"),
    ];
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("WebP"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("HEIF or AVIF"),
        _ => starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name),
    }
}

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
        let needed = match header.format {
            // Output only; what progressive coefficients take is checked by the decoder against the same limit.
            Format::Jpeg => pixels * 3,
            // The unpacked file and the output exist together.
            Format::Png => (stored + 1) * height as u64 + pixels * 3,
        };
        if needed > self.max_bytes {
            return Err(Error::TooManyBytes { needed, max_bytes: self.max_bytes });
        }
        let claim = match header.format {
            // A block of 64 pixels takes two bits at least. Truncated files are decoded, so small ones pass.
            Format::Jpeg => {
                if pixels <= SMALL_PIXELS {
                    0
                } else {
                    pixels / 256
                }
            }
            // Deflate makes at most 1032 bytes of one.
            Format::Png => stored * height as u64 / 1032,
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

    fn header(format: Format, width: usize, height: usize) -> Header {
        let (colour, orientation) = (Colour::Rgb, Orientation::IDENTITY);
        Header { format, size: Size::new(height, width), orientation, colour, bit_depth: 8 }
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

    #[test]
    fn other_files_are_named() {
        assert_eq!(read_header(b""), Err(Error::Empty));
        let error = read_header(b"RIFF\x10\0\0\0WEBPVP8 ").unwrap_err();
        assert_eq!(error.to_string(), "neither JPEG nor PNG (this is WebP)");
        let error = read_header(b"plain words").unwrap_err();
        assert_eq!(error.to_string(), "neither JPEG nor PNG");
        let error = read_header(b"version https://git-lfs.github.com/spec/v1").unwrap_err();
        assert!(error.to_string().contains("git lfs pull"));
    }
}
