//! Image files in memory to pixels: JPEG and PNG fast, TIFF, WebP, AVIF, JPEG XL, BMP, GIF, QOI and PNM beside them.
//!
//! The content decides what a file is, not its name. Pixels come as stored: turning by the EXIF
//! orientation is a step of its own ([`orient_rgb`], [`orient_grey`]), because whether a mask follows it
//! depends on the data set.
//!
//! A file's header is read once ([`ImageFile`]) and serves the plan, the decoder and the sampler. Every file gives pixels or an [`Error`](crate::Error) that names the trouble. A JPEG that is truncated or damaged but
//! decodable gives what libjpeg makes of it, with a [`Warning`]; a damaged PNG is an error, unless nothing but the
//! checksum of a chunk is wrong, which is a warning too.
//! Sizes are checked against [`Limits`] before memory is taken; a [`DecodeBudget`] bounds what all threads take together.
//!
//! ```
//! use maskwright_image::{decode, encode, GreyImage, Size};
//!
//! let mask = GreyImage::new(Size::new(1, 2), vec![0, 255])?;
//! let file = encode::png_grey(&mask)?;
//! let header = decode::read_header(&file)?;
//! assert_eq!((header.size, header.format), (Size::new(1, 2), decode::Format::Png));
//! let label = decode::decode_label(&file, &decode::MaskRule::default(), &decode::Limits::default())?;
//! assert_eq!(label.pixels, mask);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

mod alpha;
mod avif;
mod bmp;
mod budget;
mod codec;
mod file;
mod formats;
mod gif;
mod guarded;
pub(crate) mod header;
mod inks;
pub(crate) mod jpeg;
mod jxl;
mod label;
pub(crate) mod limits;
mod mask_rule;
mod meaning;
mod not_read;
mod objects;
mod orientation;
pub(crate) mod png;
mod pnm;
mod qoi;
mod raw;
mod tiff;
mod uniform;
mod value_range;
pub(crate) mod warning;
mod webp;

pub use budget::{DecodeBudget, Permit};
pub use file::{ImageFile, read_header};
pub use header::{Colour, Header, NumberKind};
pub use label::{LabelDecoder, decode_label};
pub use limits::Limits;
pub use mask_rule::{MaskChannel, MaskObjects, MaskRule};
pub use objects::{MaskObject, ObjectMap};
pub use orientation::{Orientation, orient_grey, orient_rgb};
pub use value_range::ValueRange;
pub use warning::{Decoded, Warning};

pub use crate::format::Format;

use crate::error::Result;
use crate::image::RgbImage;

/// Decodes a picture to RGB, as stored (the EXIF orientation is not applied). [`ImageFile`] does it with a header that was
/// read before.
///
/// Grey is repeated over the channels, palettes are expanded, 16 bits are rounded to 8 (`v / 257`), floats are fractions
/// from 0 to 1; [`ImageFile::in_range`] sees 16 bits, floats and other numbers in a range that is said. CMYK and YCCK
/// are multiplied out (`C * K / 255` of the inverted values that Adobe's files and all others found hold), alpha is
/// dropped (with [`Warning::AlphaDropped`] where it was not opaque). Of several pages or frames the first is taken
/// ([`Warning::FirstOfSeveral`]). ICC profiles are not applied.
///
/// # Errors
/// See [`Error`](crate::Error): unknown format, damaged, unsupported, or over `limits`.
pub fn decode_rgb(bytes: &[u8], limits: &Limits) -> Result<Decoded<RgbImage>> {
    ImageFile::read(bytes)?.decode_rgb(limits)
}

/// As [`decode_rgb`], with nothing of ours within libjpeg. For tests: both give the same for every file.
#[doc(hidden)]
pub fn decode_rgb_plainly(bytes: &[u8], limits: &Limits) -> Result<Decoded<RgbImage>> {
    let file = ImageFile::read(bytes)?;
    if file.header().format != Format::Jpeg {
        return file.decode_rgb(limits);
    }
    limits.check(file.header(), bytes.len())?;
    jpeg::decode_rgb_plainly(bytes, file.header(), limits)
}

/// The JPEG decoder that this build uses on this machine.
///
/// `"mozjpeg (SIMD)"`, `"mozjpeg (no SIMD)"` (only when forced) or `"zune-jpeg (pure Rust)"`. The environment
/// variable `MASKWRIGHT_JPEG` (`mozjpeg` or `zune`, read once) overrides the choice.
///
/// # Panics
/// Where `MASKWRIGHT_JPEG` names a decoder that is not built in.
pub fn decoder_name() -> &'static str {
    jpeg::choice::choice().name()
}

/// Refuses a value of `MASKWRIGHT_JPEG` that this build has not.
pub(crate) fn check_environment() -> Result<()> {
    jpeg::choice::chosen().map(|_| ())
}

/// What inflates PNG in this build: `"libdeflate"` or `"fdeflate (pure Rust)"`.
pub fn inflate_name() -> &'static str {
    if cfg!(feature = "libdeflate") { "libdeflate" } else { "fdeflate (pure Rust)" }
}
