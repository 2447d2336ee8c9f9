//! PNG: the stored numbers first, then what they mean as colours.
//!
//! Plain (not interlaced) files are inflated in one piece and unfiltered here, which is three times as fast
//! as row by row; anything unusual or damaged goes to the `png` crate, which also words the errors.

#[cfg(feature = "libdeflate")]
mod fast;
mod general;
pub(crate) mod header;
mod raw;
#[cfg(feature = "libdeflate")]
mod unfilter;

pub(crate) use header::SIGNATURE;
pub(crate) use raw::Raw;

use super::{Decoded, Header, Limits, Warning};
use crate::error::Result;
use crate::image::RgbImage;

/// Decodes to RGB.
pub(crate) fn decode_rgb(
    bytes: &[u8],
    _header: &Header,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    let raw = read_raw(bytes, limits)?;
    let opaque = raw.alpha().is_none_or(|alpha| alpha.iter().all(|&value| value == 255));
    let warnings = if opaque { Vec::new() } else { vec![Warning::AlphaDropped] };
    Ok(Decoded { pixels: raw.into_rgb(), warnings })
}

/// Decodes to the stored numbers.
pub(crate) fn read_raw(bytes: &[u8], limits: &Limits) -> Result<Raw> {
    let layout = header::read_layout(bytes)?;
    #[cfg(feature = "libdeflate")]
    if let Some(packed) = fast::read_rows(bytes, &layout)? {
        return Ok(Raw::new(layout, packed, raw::Table::read(bytes, &layout)));
    }
    let packed = general::read_rows(bytes, &layout, limits)?;
    Ok(Raw::new(layout, packed, raw::Table::read(bytes, &layout)))
}
