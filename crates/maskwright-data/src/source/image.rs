//! Images as sources hand them out: an image file, or pixels.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::decode::{Decoded, ImageFile, Limits, Orientation, ValueRange, orient_rgb};
use maskwright_image::sample::{means_from_file, shrink, shrunk_from_file};
use maskwright_image::{RgbImage, Size};

/// In which form an [`ImageBuffer`] holds an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageForm {
    /// [`ImageBuffer::file`] is an image file.
    #[default]
    File,
    /// [`ImageBuffer::pixels`] is the image, upright.
    Pixels,
}

/// An image, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub struct ImageBuffer {
    /// Which of the two below holds the image.
    pub form: ImageForm,
    /// The bytes of an image file.
    pub file: Vec<u8>,
    /// Which of the file's numbers are black and white, where they have more than 8 bits.
    pub range: Option<ValueRange>,
    /// Pixels, shared with the source that has them.
    pub pixels: Arc<RgbImage>,
    /// Memory for a path.
    pub(crate) path: PathBuf,
}

impl ImageBuffer {
    /// An empty buffer.
    pub fn new() -> ImageBuffer {
        ImageBuffer::default()
    }

    /// Makes this an image that is a file; the caller fills [`file`](ImageBuffer::file).
    pub fn start_file(&mut self) -> &mut Vec<u8> {
        self.form = ImageForm::File;
        self.range = None;
        self.file.clear();
        &mut self.file
    }

    /// Makes this an image that is pixels.
    pub fn set_pixels(&mut self, pixels: Arc<RgbImage>) {
        self.form = ImageForm::Pixels;
        self.pixels = pixels;
    }

    /// The file with its header, its numbers seen in the set's range; of an image that is a file.
    ///
    /// # Errors
    ///
    /// Those of [`ImageFile::read`].
    pub fn open(&self) -> maskwright_image::Result<ImageFile<'_>> {
        Ok(ImageFile::read(&self.file)?.in_range(self.range))
    }

    /// The whole image as it is stored, decoded where it is a file.
    ///
    /// # Errors
    ///
    /// Those of [`decode_rgb`](maskwright_image::decode::decode_rgb).
    pub fn decode(&self, limits: &Limits) -> maskwright_image::Result<Decoded<RgbImage>> {
        match self.form {
            ImageForm::File => self.open()?.decode_rgb(limits),
            ImageForm::Pixels => {
                Ok(Decoded { pixels: (*self.pixels).clone(), warnings: Vec::new() })
            }
        }
    }

    /// The whole image at the size that `scaled` gives for its own, for people: antialiased, and where it becomes much smaller from
    /// means of blocks, of a JPEG without decoding all of it. It is turned upright by its EXIF orientation if `upright`
    /// says so; both sizes are those of the image as it then is. Returns its own size, too.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_scaled(
        &self,
        upright: bool,
        limits: &Limits,
        scaled: impl FnOnce(Size) -> Size,
    ) -> maskwright_image::Result<(Size, Decoded<RgbImage>)> {
        if self.form == ImageForm::Pixels {
            let size = self.pixels.size;
            let pixels = shrink(&self.pixels, scaled(size));
            return Ok((size, Decoded { pixels, warnings: Vec::new() }));
        }
        let file = self.open()?;
        let turn = if upright { file.header().orientation } else { Orientation::IDENTITY };
        let size = turn.upright(file.header().size);
        let small = shrunk_from_file(&file, turn.upright(scaled(size)), limits)?;
        Ok((size, Decoded { pixels: orient_rgb(small.pixels, turn), warnings: small.warnings }))
    }

    /// The whole image at half of its size, so many times halved, rounded up: means of blocks of pixels, of a JPEG without decoding all of
    /// it. Turned as by [`decode_scaled`](Self::decode_scaled).
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_halved(
        &self,
        upright: bool,
        limits: &Limits,
        times: u32,
    ) -> maskwright_image::Result<Decoded<RgbImage>> {
        if self.form == ImageForm::File {
            let file = self.open()?;
            let turn = if upright { file.header().orientation } else { Orientation::IDENTITY };
            let block = 1 << times.min(3);
            let size = file.header().size;
            // The last blocks of a row that is not filled would be the first ones of a turned image.
            let fits = size.height % block == 0 && size.width % block == 0;
            if turn.is_identity() || fits {
                let Decoded { pixels, warnings } = means_from_file(&file, block, limits)?;
                let pixels = orient_rgb(pixels, turn);
                let wanted = turn.upright(size).halved(times);
                let pixels = if pixels.size == wanted { pixels } else { shrink(&pixels, wanted) };
                return Ok(Decoded { pixels, warnings });
            }
        }
        self.decode_scaled(upright, limits, |size| size.halved(times)).map(|(_, decoded)| decoded)
    }

    /// How many bytes of a file the image was read from.
    pub(crate) fn bytes(&self) -> usize {
        match self.form {
            ImageForm::File => self.file.len(),
            ImageForm::Pixels => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use maskwright_image::encode;

    use super::*;

    /// A scaled image is the whole one, turned and scaled.
    #[test]
    fn scaled_images_are_turned_as_whole_ones() {
        let level = |i: usize| (i * i / 900 % 251) as u8;
        let image = RgbImage::new(Size::new(30, 50), (0..4500).map(level).collect()).expect("fits");
        let mut buffer = ImageBuffer::new();
        let png = encode::png_rgb(&image).expect("encoded");
        // A chunk `eXIf` after the header says: turn clockwise by 90 degrees.
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut chunk = [&b"eXIf"[..], exif].concat();
        let sum = crc32fast::hash(&chunk);
        chunk.extend(sum.to_be_bytes());
        let length = (exif.len() as u32).to_be_bytes();
        let turned = [&png[..33], &length, &chunk, &png[33..]].concat();
        buffer.start_file().extend(turned);
        let limits = Limits::default();
        for (upright, own, scaled) in [
            (true, Size::new(50, 30), Size::new(5, 3)),
            (true, Size::new(50, 30), Size::new(100, 60)),
            (false, Size::new(30, 50), Size::new(6, 10)),
        ] {
            let whole = match upright {
                true => buffer.open().expect("read").decode_upright(&limits),
                false => buffer.decode(&limits),
            };
            let whole = whole.expect("decoded").pixels;
            let (size, found) =
                buffer.decode_scaled(upright, &limits, |_| scaled).expect("decoded");
            assert_eq!((size, found.pixels.size), (own, scaled));
            // The filter is the same from left and from right but for its rounding.
            let expected = shrink(&whole, scaled).data;
            let most = expected.iter().zip(&found.pixels.data).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(2), "{most:?}");
        }
        buffer.set_pixels(Arc::new(image.clone()));
        let (size, found) = buffer.decode_scaled(true, &limits, |size| size).expect("pixels");
        assert_eq!((size, found.pixels), (image.size, image));
    }
}
