//! The pure Rust JPEG decoder.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::header::has_end;
use crate::decode::guarded::guarded;
use crate::decode::header::{Header, Storage};
use crate::decode::limits::{Limits, MAX_SCANS};
use crate::decode::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::image::RgbImage;

/// Decodes a whole picture.
///
/// Release 0.5 returns wrong pixels, or panics, for uncommon subsampling, so that is refused here. The decoder does not say when it filled in a truncated file, so that is
/// concluded from a missing end marker.
pub(super) fn decode_rgb(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Decoded<RgbImage>> {
    if !matches!(header.storage, Storage::Jpeg { common_sampling: true, .. }) {
        let feature = "this subsampling (in builds without libjpeg)".to_owned();
        return Err(Error::Unsupported { format: Format::Jpeg, feature });
    }
    // Samples of all components in 16 bits are held at once, for progressive files twice.
    let pixels = header.size.area() as u64;
    let needed = pixels * (3 + 2 * header.colour.channels() as u64);
    if needed > limits.max_bytes {
        return Err(Error::TooManyBytes { needed, max_bytes: limits.max_bytes });
    }
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let decoded = guarded(|| {
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode().map_err(|error| format!("{error:?}"))
    });
    let data = decoded.map_err(damaged)?;
    let found = data.len();
    let pixels = RgbImage::new(header.size, data)
        .map_err(|_| damaged(format!("{found} bytes of pixels for {}", header.size)))?;
    let warnings = if has_end(bytes, header) { Vec::new() } else { vec![Warning::Truncated] };
    Ok(Decoded { pixels, warnings })
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::Jpeg, reason }
}
