//! The formats that are read, and who reads each.

use super::avif::Avif;
use super::bmp::Bmp;
use super::codec::Codec;
use super::gif::Gif;
use super::jpeg::Jpeg;
use super::jxl::JpegXl;
use super::not_read;
use super::png::Png;
use super::pnm::Pnm;
use super::qoi::Qoi;
use super::tiff::Tiff;
use super::webp::WebP;
use crate::error::{Error, Result};
use crate::format::Format;

/// What reads files of a format.
pub(super) fn codec(format: Format) -> &'static dyn Codec {
    match format {
        Format::Jpeg => &Jpeg,
        Format::Png => &Png,
        Format::Tiff => &Tiff,
        Format::WebP => &WebP,
        Format::Avif => &Avif,
        Format::JpegXl => &JpegXl,
        Format::Bmp => &Bmp,
        Format::Gif => &Gif,
        Format::Qoi => &Qoi,
        Format::Pnm => &Pnm,
    }
}

/// What reads a file, by its first bytes.
///
/// # Errors
/// [`Error::Empty`], [`Error::FormatNotRead`] and [`Error::UnknownFormat`].
pub(super) fn recognise(bytes: &[u8]) -> Result<&'static dyn Codec> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    Format::ALL
        .into_iter()
        .map(codec)
        .find(|codec| codec.starts(bytes))
        .ok_or_else(|| not_read::error(bytes))
}
