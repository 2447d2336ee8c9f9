//! Pixels to PNG and JPEG files in memory, for masks, previews and reports.
//!
//! ```
//! use maskwright_image::{decode, encode, RgbImage, Size};
//!
//! let image = RgbImage::filled(Size::new(6, 8), 77);
//! let file = encode::png_rgb(&image)?;
//! assert_eq!(decode::decode_rgb(&file, &decode::Limits::default())?.pixels, image);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use jpeg_encoder::{ColorType as JpegColour, Encoder as JpegEncoder, SamplingFactor};
use png::{BitDepth, ColorType, Compression, Encoder as PngEncoder};

use crate::error::{Error, Result};
use crate::format::Format;
use crate::image::{GreyImage, RgbImage};
use crate::size::Size;

/// Writes RGB, 8 bits per channel, as PNG.
///
/// # Errors
/// [`Error::Encode`] for an empty picture.
pub fn png_rgb(image: &RgbImage) -> Result<Vec<u8>> {
    png(image.size, ColorType::Rgb, &image.data)
}

/// Writes grey, 8 bits, as PNG.
///
/// # Errors
/// [`Error::Encode`] for an empty picture.
pub fn png_grey(image: &GreyImage) -> Result<Vec<u8>> {
    png(image.size, ColorType::Grayscale, &image.data)
}

/// Writes numbers of 16 bits, `[height, width]`, as grey PNG: numbers of objects, for instance.
///
/// # Errors
/// [`Error::Encode`] for an empty picture, or where there are not height x width numbers.
pub fn png_grey16(size: Size, numbers: &[u16]) -> Result<Vec<u8>> {
    let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    png_of(size, ColorType::Grayscale, BitDepth::Sixteen, &data)
}

fn png(size: Size, colour: ColorType, data: &[u8]) -> Result<Vec<u8>> {
    png_of(size, colour, BitDepth::Eight, data)
}

fn png_of(size: Size, colour: ColorType, depth: BitDepth, data: &[u8]) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Encode { format: Format::Png, reason };
    let side = |length: usize| {
        u32::try_from(length).map_err(|_| failed(format!("a side of {length} pixels")))
    };
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file, side(size.width)?, side(size.height)?);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(|error| failed(error.to_string()))?;
    writer.write_image_data(data).map_err(|error| failed(error.to_string()))?;
    writer.finish().map_err(|error| failed(error.to_string()))?;
    Ok(file)
}

/// Writes RGB as baseline JPEG of the given quality (1 to 100), chroma at full resolution from 90 up and halved both
/// ways below.
///
/// # Errors
/// [`Error::Encode`] for an empty picture or a side over 65535 pixels.
pub fn jpeg_rgb(image: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let chroma = if quality >= 90 { Chroma::Full } else { Chroma::Halved };
    jpeg_rgb_with(image, quality, chroma)
}

/// The resolution that a JPEG keeps colour differences in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    /// That of the picture (4:4:4).
    Full,
    /// Half of it both ways (4:2:0), as cameras and most programs write.
    Halved,
}

/// Writes RGB as baseline JPEG of the given quality (1 to 100) and chroma resolution.
///
/// # Errors
/// As [`jpeg_rgb`].
pub fn jpeg_rgb_with(image: &RgbImage, quality: u8, chroma: Chroma) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Encode { format: Format::Jpeg, reason };
    let side = |length: usize| {
        u16::try_from(length).map_err(|_| failed(format!("a side of {length} pixels")))
    };
    let (width, height) = (side(image.size.width)?, side(image.size.height)?);
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new(&mut file, quality.clamp(1, 100));
    encoder.set_sampling_factor(match chroma {
        Chroma::Full => SamplingFactor::F_1_1,
        Chroma::Halved => SamplingFactor::F_2_2,
    });
    encoder
        .encode(&image.data, width, height, JpegColour::Rgb)
        .map_err(|error| failed(error.to_string()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Limits, MaskRule, decode_label, decode_rgb, read_header};

    fn gradient(width: usize, height: usize) -> RgbImage {
        let pixel =
            |i: usize| [(i % width * 255 / width) as u8, (i / width * 255 / height) as u8, 90];
        RgbImage::new(Size::new(height, width), (0..width * height).flat_map(pixel).collect())
            .unwrap()
    }

    #[test]
    fn png_comes_back_exactly() {
        let image = gradient(37, 23);
        assert_eq!(
            decode_rgb(&png_rgb(&image).unwrap(), &Limits::default()).unwrap().pixels,
            image
        );
        let grey = GreyImage::new(Size::new(1, 5), vec![0, 60, 128, 129, 255]).unwrap();
        let back =
            decode_label(&png_grey(&grey).unwrap(), &MaskRule::default(), &Limits::default())
                .unwrap();
        assert_eq!(back.pixels, grey);
    }

    #[test]
    fn jpeg_comes_back_nearly() {
        let image = gradient(61, 47);
        for quality in [60, 95] {
            let file = jpeg_rgb(&image, quality).unwrap();
            let header = read_header(&file).unwrap();
            assert_eq!(header.size, Size::new(47, 61));
            let back = decode_rgb(&file, &Limits::default()).unwrap();
            assert!(back.warnings.is_empty());
            let error: u32 = back
                .pixels
                .data
                .iter()
                .zip(&image.data)
                .map(|(a, b)| u32::from(a.abs_diff(*b)))
                .sum();
            assert!(
                error < 4 * image.data.len() as u32,
                "mean error is {}",
                error / image.data.len() as u32
            );
        }
    }

    #[test]
    fn empty_pictures_are_refused() {
        assert!(matches!(png_rgb(&RgbImage::default()), Err(Error::Encode { .. })));
        assert!(matches!(jpeg_rgb(&RgbImage::default(), 80), Err(Error::Encode { .. })));
        assert!(matches!(
            jpeg_rgb(&RgbImage::filled(Size::new(1, 65_536), 0), 80),
            Err(Error::Encode { .. })
        ));
    }
}
