//! A file in memory with its header: read once, and handed to all that needs it.
//!
//! ```
//! use maskwright_image::decode::{ImageFile, Limits};
//! use maskwright_image::{RgbImage, Size, encode};
//!
//! let bytes = encode::png_rgb(&RgbImage::filled(Size::new(6, 8), 77))?;
//! let file = ImageFile::read(&bytes)?;
//! assert_eq!(file.header().size, Size::new(6, 8));
//! let decoded = file.decode_rgb(&Limits::default())?;
//! assert_eq!(decoded.pixels.size, file.header().size);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use super::formats::{codec, recognise};
use super::header::Header;
use super::limits::Limits;
use super::orientation::orient_rgb;
use super::value_range::ValueRange;
use super::warning::Decoded;
use crate::error::Result;
use crate::image::RgbImage;

/// The bytes of an image file and what its header says.
#[derive(Debug, Clone, Copy)]
pub struct ImageFile<'a> {
    bytes: &'a [u8],
    header: Header,
    range: Option<ValueRange>,
}

impl<'a> ImageFile<'a> {
    /// Reads the header of a file in memory.
    ///
    /// # Errors
    /// As [`read_header`].
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        Ok(Self::with_header(bytes, read_header(bytes)?))
    }

    /// Puts bytes and the header that [`read_header`] gave for these very bytes together again. With the header of
    /// another file, decoding gives an error or wrong pixels.
    pub fn with_header(bytes: &'a [u8], header: Header) -> Self {
        Self { bytes, header, range: None }
    }

    /// The same file, whose numbers are seen in a range where they have more than 8 bits. Masks are not.
    pub fn in_range(self, range: Option<ValueRange>) -> Self {
        Self { range, ..self }
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Refuses a picture that is larger than allowed, or whose header claims more than a file of its length can hold. Decoding
    /// does it as well.
    ///
    /// # Errors
    /// [`TooManyPixels`](crate::Error::TooManyPixels), [`TooManyBytes`](crate::Error::TooManyBytes) and
    /// [`Implausible`](crate::Error::Implausible).
    pub fn check(&self, limits: &Limits) -> Result<()> {
        limits.check(&self.header, self.bytes.len())
    }

    /// Decodes the picture to RGB, as stored; see [`decode_rgb`](super::decode_rgb).
    ///
    /// # Errors
    /// As [`decode_rgb`](super::decode_rgb).
    pub fn decode_rgb(&self, limits: &Limits) -> Result<Decoded<RgbImage>> {
        self.check(limits)?;
        codec(self.header.format).decode_rgb(self.bytes, &self.header, limits, self.range)
    }

    /// The stored numbers of all colour channels of a picture of more than 8 bits per channel, row by row; none for others.
    ///
    /// # Errors
    /// As [`decode_rgb`](super::decode_rgb).
    pub fn deep_numbers(&self, limits: &Limits) -> Result<Option<Vec<f32>>> {
        if !self.header.is_deep() {
            return Ok(None);
        }
        self.check(limits)?;
        let raw = codec(self.header.format).decode_raw(self.bytes, &self.header, limits)?;
        Ok(raw.pixels.deep())
    }

    /// Decodes the picture to RGB and turns it upright by its EXIF orientation, as viewers show it.
    ///
    /// # Errors
    /// As [`decode_rgb`](super::decode_rgb).
    pub fn decode_upright(&self, limits: &Limits) -> Result<Decoded<RgbImage>> {
        let Decoded { pixels, warnings } = self.decode_rgb(limits)?;
        Ok(Decoded { pixels: orient_rgb(pixels, self.header.orientation), warnings })
    }
}

/// Reads a file's header, no pixels. The content decides the format, not the extension.
///
/// # Errors
/// [`Error::Empty`](crate::Error::Empty), [`UnknownFormat`](crate::Error::UnknownFormat),
/// [`FormatNotRead`](crate::Error::FormatNotRead), [`Header`](crate::Error::Header), or
/// [`Unsupported`](crate::Error::Unsupported) for kinds that cannot be decoded later (12-bit, lossless, arithmetic and
/// hierarchical JPEG, ...).
pub fn read_header(bytes: &[u8]) -> Result<Header> {
    recognise(bytes)?.read_header(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::orientation::Orientation;
    use crate::encode;
    use crate::size::Size;

    #[test]
    fn a_header_that_was_read_serves_again() {
        let image = RgbImage::new(Size::new(1, 2), vec![1, 2, 3, 4, 5, 6]).unwrap();
        let bytes = encode::png_rgb(&image).unwrap();
        let header = read_header(&bytes).unwrap();
        let file = ImageFile::with_header(&bytes, header);
        assert_eq!(file.decode_rgb(&Limits::default()).unwrap().pixels, image);
        let turn = Orientation::from_exif(6).unwrap();
        let turned = ImageFile::with_header(&bytes, Header { orientation: turn, ..header });
        let upright = turned.decode_upright(&Limits::default()).unwrap().pixels;
        assert_eq!(upright, orient_rgb(image, turn));
    }

    /// The header of another file leads to an error, or to pixels of the size that it says.
    #[test]
    fn a_header_of_another_file_does_no_harm() {
        let picture = |height, width| RgbImage::filled(Size::new(height, width), 90);
        let files = [
            encode::png_rgb(&picture(6, 8)).unwrap(),
            encode::png_rgb(&picture(8, 6)).unwrap(),
            encode::png_rgb(&picture(40, 30)).unwrap(),
            encode::jpeg_rgb(&picture(6, 8), 80).unwrap(),
            encode::jpeg_rgb(&picture(40, 30), 80).unwrap(),
        ];
        for bytes in &files {
            for other in &files {
                let header = read_header(other).unwrap();
                let decoded = ImageFile::with_header(bytes, header).decode_rgb(&Limits::default());
                if let Ok(decoded) = decoded {
                    assert_eq!(decoded.pixels.size, header.size);
                    assert_eq!(decoded.pixels.data.len(), 3 * header.size.area());
                }
            }
        }
    }
}
