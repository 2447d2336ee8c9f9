//! JPEG: one of two decoders behind one function.
//!
//! libjpeg (by way of mozjpeg) is the default where it was built with assembly. Its pixels are those
//! that Pillow, OpenCV and torchvision give. Without assembly the pure Rust decoder is faster and is
//! used; its pixels differ from libjpeg's by a few levels. Within libjpeg, [`huffman`] does the entropy decoding of ordinary
//! files, with the same result.

pub(crate) mod choice;
pub(crate) mod header;
#[cfg(feature = "mozjpeg")]
mod huffman;
#[cfg(feature = "mozjpeg")]
pub(crate) mod mozjpeg;
mod zune;

use choice::{Choice, choice};

use super::codec::Codec;
use super::header::Header;
use super::limits::Limits;
use super::raw::Raw;
use super::value_range::ValueRange;
use super::warning::Decoded;
use crate::error::Result;
use crate::image::RgbImage;

/// The format, decoded by the process's decoder.
pub(crate) struct Jpeg;

impl Codec for Jpeg {
    fn starts(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&[0xFF, 0xD8])
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        header::read(bytes)
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        let Decoded { pixels, warnings } = self.decode_rgb(bytes, header, limits, None)?;
        Ok(Decoded { pixels: Raw::of_rgb(pixels), warnings })
    }

    fn decode_rgb(
        &self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
        _: Option<ValueRange>,
    ) -> Result<Decoded<RgbImage>> {
        decode_rgb_with(choice(), bytes, header, limits)
    }
}

/// Decodes to RGB with the given decoder.
///
/// The pure Rust decoder gets uncommon subsampling wrong without saying so, and is stricter with damaged files: both
/// go to libjpeg where it is built in.
pub(crate) fn decode_rgb_with(
    choice: Choice,
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    match choice {
        #[cfg(feature = "mozjpeg")]
        Choice::Mozjpeg => mozjpeg::Decoder::new()?.decode_rgb(bytes, header, limits),
        #[cfg(feature = "mozjpeg")]
        Choice::Zune => zune::decode_rgb(bytes, header, limits)
            .or_else(|_| mozjpeg::Decoder::new()?.decode_rgb(bytes, header, limits)),
        #[cfg(not(feature = "mozjpeg"))]
        Choice::Zune => zune::decode_rgb(bytes, header, limits),
    }
}

/// Decodes to RGB at one `divisor`-th (2, 4 or 8) of the size, rounded up. None for a file that is cut off, damaged or unfinished:
/// that is to be decoded whole.
///
/// libjpeg does this in any case where it is built in: of 8 x 8 pixels it makes one, which takes no assembly to be fast.
#[cfg(feature = "mozjpeg")]
pub(crate) fn decode_reduced(
    bytes: &[u8],
    header: &Header,
    divisor: usize,
    limits: &Limits,
) -> Result<Option<RgbImage>> {
    mozjpeg::Decoder::new()?.decode_reduced(bytes, header, divisor, limits)
}

/// As above, without libjpeg.
#[cfg(not(feature = "mozjpeg"))]
pub(crate) fn decode_reduced(
    _: &[u8],
    _: &Header,
    _: usize,
    _: &Limits,
) -> Result<Option<RgbImage>> {
    Ok(None)
}

/// As [`decode_rgb`], by libjpeg's own Huffman decoder where libjpeg decodes.
pub(crate) fn decode_rgb_plainly(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    match choice() {
        #[cfg(feature = "mozjpeg")]
        Choice::Mozjpeg => mozjpeg::Decoder::plain()?.decode_rgb(bytes, header, limits),
        choice @ Choice::Zune => decode_rgb_with(choice, bytes, header, limits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the pure Rust decoder makes of a file that is cut off comes with a warning, too.
    #[test]
    fn cut_files_are_told_by_the_pure_rust_decoder() {
        let image = crate::RgbImage::filled(crate::Size::new(40, 60), 90);
        let file = crate::encode::jpeg_rgb(&image, 90).unwrap();
        let header = header::read(&file).unwrap();
        let limits = Limits::default();
        let warnings = |bytes: &[u8]| zune::decode_rgb(bytes, &header, &limits).map(|d| d.warnings);
        assert_eq!(warnings(&file), Ok(Vec::new()));
        let start = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for length in start..file.len() {
            // Or refused, and then libjpeg's to tell.
            if let Ok(warnings) = warnings(&file[..length]) {
                assert_eq!(warnings, [crate::decode::Warning::Truncated], "cut at {length}");
            }
        }
    }

    /// The pure Rust decoder is near libjpeg, or refuses.
    #[cfg(feature = "mozjpeg")]
    #[test]
    fn both_decoders_agree() {
        use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

        let mut refused = 0;
        for sampling in [
            SamplingFactor::F_1_1,
            SamplingFactor::F_2_1,
            SamplingFactor::F_1_2,
            SamplingFactor::F_2_2,
            SamplingFactor::F_4_1,
            SamplingFactor::F_4_2,
        ] {
            for (colour, channels) in [
                (ColorType::Luma, 1),
                (ColorType::Rgb, 3),
                (ColorType::Cmyk, 4),
                (ColorType::CmykAsYcck, 4),
            ] {
                for (width, height, progressive) in [
                    (1, 1, false),
                    (1, 40, true),
                    (40, 1, false),
                    (33, 31, false),
                    (33, 31, true),
                    (120, 77, false),
                ] {
                    let wave = |i: usize| {
                        let (x, y, c) = (i / channels % width, i / channels / width, i % channels);
                        (((x * (c + 1) + 2 * y) as f32 * 0.03).sin() * 100.0 + 120.0) as u8
                    };
                    let pixels: Vec<u8> = (0..width * height * channels).map(wave).collect();
                    let mut file = Vec::new();
                    let mut encoder = Encoder::new(&mut file, 85);
                    encoder.set_sampling_factor(sampling);
                    encoder.set_progressive(progressive);
                    encoder.encode(&pixels, width as u16, height as u16, colour).unwrap();
                    let header = header::read(&file).unwrap();
                    let limits = Limits::default();
                    let expected =
                        decode_rgb_with(Choice::Mozjpeg, &file, &header, &limits).unwrap().pixels;
                    let Ok(found) = zune::decode_rgb(&file, &header, &limits) else {
                        refused += 1;
                        continue;
                    };
                    let differences =
                        expected.data.iter().zip(&found.pixels.data).map(|(a, b)| a.abs_diff(*b));
                    assert!(
                        differences.max().unwrap() <= 12,
                        "{sampling:?} {colour:?} {width} x {height}"
                    );
                }
            }
        }
        // Six files each of subsampled CMYK (5 ways), and of RGB and YCCK with a quarter of the chroma columns (2 ways).
        assert_eq!(refused, 6 * (5 + 2 + 2));
    }
}
