//! JPEG: one of two decoders behind one function.
//!
//! libjpeg (by way of mozjpeg) is the default where it was built with assembly. Its pixels are those
//! that Pillow, OpenCV and torchvision give. Without assembly the pure Rust decoder is faster and is
//! used; its pixels differ from libjpeg's by a few levels. Within libjpeg, [`huffman`] does the entropy decoding of ordinary
//! files, with the same result.

pub(crate) mod header;
#[cfg(feature = "mozjpeg")]
mod huffman;
#[cfg(feature = "mozjpeg")]
pub(crate) mod mozjpeg;
mod zune;

use std::sync::OnceLock;

use super::{Decoded, Header, Limits};
use crate::error::{Error, Result};
use crate::image::RgbImage;

/// More passes than any encoder writes (libjpeg's own progressive script has 10, exhaustive optimisers stay below 64).
pub(crate) const MAX_SCANS: u32 = 100;

/// The decoders that a build can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// libjpeg-turbo's decoder.
    #[cfg(feature = "mozjpeg")]
    Mozjpeg,
    /// The pure Rust decoder.
    Zune,
}

impl Choice {
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "mozjpeg")]
            Self::Mozjpeg if cfg!(jpeg_assembly) => "mozjpeg (SIMD)",
            #[cfg(feature = "mozjpeg")]
            Self::Mozjpeg => "mozjpeg (no SIMD)",
            Self::Zune => "zune-jpeg (pure Rust)",
        }
    }
}

/// The decoder of this process: `MASKWRIGHT_JPEG`, else libjpeg where it is fast.
///
/// # Panics
/// Where `MASKWRIGHT_JPEG` names a decoder that is not built in.
pub(crate) fn choice() -> Choice {
    chosen().unwrap_or_else(|error| panic!("{error}"))
}

/// As [`choice`], with an error instead of a panic. The variable is read once.
pub(crate) fn chosen() -> Result<Choice> {
    static CHOICE: OnceLock<Result<Choice>> = OnceLock::new();
    let read = || std::env::var_os(VARIABLE).unwrap_or_default();
    CHOICE.get_or_init(|| named(&read().to_string_lossy())).clone()
}

const VARIABLE: &str = "MASKWRIGHT_JPEG";

fn named(name: &str) -> Result<Choice> {
    match name {
        "" if cfg!(not(jpeg_assembly)) => Ok(Choice::Zune),
        "zune" => Ok(Choice::Zune),
        #[cfg(feature = "mozjpeg")]
        "" | "mozjpeg" => Ok(Choice::Mozjpeg),
        other => Err(Error::Environment {
            variable: VARIABLE,
            found: other.to_owned(),
            expected: if cfg!(feature = "mozjpeg") {
                vec!["mozjpeg", "zune"]
            } else {
                vec!["zune"]
            },
        }),
    }
}

/// Decodes to RGB with the process's decoder.
pub(crate) fn decode_rgb(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    decode_rgb_with(choice(), bytes, header, limits)
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

#[cfg_attr(
    not(feature = "mozjpeg"),
    allow(dead_code, reason = "the pure Rust decoder does this itself")
)]
/// One pixel of inverted inks (255 is no ink, as Adobe and with it everyone stores them) to RGB.
pub(crate) fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let multiply = |ink: u8| {
        // Exact rounding of ink * k / 255.
        let product = u32::from(ink) * u32::from(k) + 128;
        ((product + (product >> 8)) >> 8) as u8
    };
    [multiply(c), multiply(m), multiply(y)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_multiply_out_with_exact_rounding() {
        for ink in 0..=255u8 {
            for k in 0..=255u8 {
                let expected = (f64::from(ink) * f64::from(k) / 255.0).round() as u8;
                assert_eq!(cmyk_to_rgb([ink, 0, 255, k]), [expected, 0, k]);
            }
        }
    }

    #[test]
    fn unknown_decoders_are_refused_by_name() {
        assert_eq!(named("zune"), Ok(Choice::Zune));
        let error = named("turbo").unwrap_err().to_string();
        assert!(error.contains("MASKWRIGHT_JPEG") && error.contains("turbo"), "{error}");
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
