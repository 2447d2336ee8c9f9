//! Images as sources hand them out: an image file, or pixels.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::RgbImage;
use maskwright_image::decode::{Decoded, ImageFile, Limits, ValueRange};

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

    /// How many bytes of a file the image was read from.
    pub(crate) fn bytes(&self) -> usize {
        match self.form {
            ImageForm::File => self.file.len(),
            ImageForm::Pixels => 0,
        }
    }
}
