//! Pixels in memory: 8 bits per channel, row-major, y down, x right, no padding between rows.

use crate::error::{Error, Result};
use crate::size::Size;

macro_rules! image_type {
    ($(#[$doc:meta])* $name:ident, $channels:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name {
            /// Height and width.
            pub size: Size,
            /// Rows from the top, pixels from the left.
            pub data: Vec<u8>,
        }

        impl $name {
            /// Bytes per pixel.
            pub const CHANNELS: usize = $channels;

            /// Wraps pixels.
            ///
            /// # Errors
            /// [`Error::BufferSize`] where `data` has not height x width x channels bytes.
            pub fn new(size: Size, data: Vec<u8>) -> Result<Self> {
                let expected = size.area().saturating_mul($channels);
                if data.len() != expected {
                    return Err(Error::BufferSize { size, channels: $channels, expected, found: data.len() });
                }
                Ok(Self { size, data })
            }

            /// A picture whose every byte is `value`.
            pub fn filled(size: Size, value: u8) -> Self {
                Self { size, data: vec![value; size.area() * $channels] }
            }

            /// Row `y`, from the top.
            ///
            /// # Panics
            /// Where `y` is not below the height.
            pub fn row(&self, y: usize) -> &[u8] {
                let stride = self.size.width * $channels;
                &self.data[y * stride..(y + 1) * stride]
            }

            /// Row `y`, to be written.
            ///
            /// # Panics
            /// Where `y` is not below the height.
            pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
                let stride = self.size.width * $channels;
                &mut self.data[y * stride..(y + 1) * stride]
            }
        }
    };
}

image_type!(
    /// An RGB picture, `[height, width, 3]` in sRGB as stored.
    RgbImage,
    3
);
image_type!(
    /// A grey picture or a label, `[height, width]`; for labels above 128 is foreground.
    GreyImage,
    1
);

impl RgbImage {
    /// Red, green and blue of the pixel in column `x`, row `y`.
    ///
    /// # Panics
    /// Where the pixel is outside.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let row = self.row(y);
        [row[3 * x], row[3 * x + 1], row[3 * x + 2]]
    }

    /// The part of this size from column `x`, row `y` on.
    ///
    /// # Panics
    /// Where the part reaches outside.
    #[must_use]
    pub fn cut(&self, [x, y]: [usize; 2], size: Size) -> Self {
        let mut data = Vec::with_capacity(3 * size.area());
        for row in y..y + size.height {
            data.extend_from_slice(&self.row(row)[3 * x..][..3 * size.width]);
        }
        Self { size, data }
    }

    /// Makes a picture of planes, `[3, height, width]`, as samplers and models have them.
    ///
    /// # Panics
    /// Where the planes have another size.
    pub fn from_planes(size: Size, planes: &[u8]) -> Self {
        let pixels = size.area();
        assert_eq!(planes.len(), 3 * pixels, "planes of another size");
        let (red, rest) = planes.split_at(pixels);
        let (green, blue) = rest.split_at(pixels);
        let data = red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]).collect();
        Self { size, data }
    }

    /// The picture as planes, `[3, height, width]`.
    pub fn to_planes(&self) -> Vec<u8> {
        let pixels = self.data.as_chunks::<3>().0;
        (0..3).flat_map(|channel| pixels.iter().map(move |pixel| pixel[channel])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_must_fit() {
        assert!(RgbImage::new(Size::new(3, 2), vec![0; 18]).is_ok());
        let error = GreyImage::new(Size::new(3, 2), vec![0; 7]).unwrap_err();
        assert_eq!(
            error,
            Error::BufferSize { size: Size::new(3, 2), channels: 1, expected: 6, found: 7 }
        );
        assert!(GreyImage::new(Size::new(3, usize::MAX), vec![0; 7]).is_err());
    }

    #[test]
    fn planes_are_channel_by_channel() {
        let image = RgbImage::new(Size::new(1, 2), vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(image.to_planes(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(RgbImage::from_planes(image.size, &image.to_planes()), image);
    }

    #[test]
    fn rows_are_where_they_should_be() {
        let mut image = RgbImage::filled(Size::new(2, 3), 7);
        image.row_mut(1)[3..6].copy_from_slice(&[1, 2, 3]);
        assert_eq!(image.pixel(1, 1), [1, 2, 3]);
        assert_eq!(image.row(0), &[7; 9]);
    }
}
