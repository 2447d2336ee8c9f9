//! Any PNG, by the `png` crate.

use std::io::Cursor;

use png::{DecodeOptions, Decoder, Transformations};

use super::check_checksums;
use crate::decode::header::Header;
use crate::decode::limits::Limits;
use crate::error::{Error, Result};
use crate::format::Format;

/// Unfiltered, deinterlaced rows, bits packed as stored.
///
/// Where a chunk's checksum is wrong but that of the pixels themselves (Adler-32, RFC 1950) holds, they are read all
/// the same: who calls this looks at the chunks' checksums too, and warns.
pub(super) fn read_rows(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Vec<u8>> {
    read(bytes, header, limits, DecodeOptions::default()).or_else(|error| {
        if check_checksums(bytes).is_none() {
            return Err(error);
        }
        let mut options = DecodeOptions::default();
        options.set_ignore_crc(true);
        options.set_ignore_adler32(false);
        read(bytes, header, limits, options).map_err(|_| error)
    })
}

fn read(bytes: &[u8], header: &Header, limits: &Limits, options: DecodeOptions) -> Result<Vec<u8>> {
    let damaged = |error: png::DecodingError| Error::Damaged {
        format: Format::Png,
        reason: error.to_string(),
    };
    let max = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(png::Limits { bytes: max });
    decoder.set_transformations(Transformations::IDENTITY);
    // Neither is used, and both may inflate to any size.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let expected = header.row_bytes() * header.size.height;
    if reader.output_buffer_size() != Some(expected) {
        let reason = "two headers of different size".to_owned();
        return Err(Error::Damaged { format: Format::Png, reason });
    }
    let mut packed = vec![0; expected];
    reader.next_frame(&mut packed).map_err(damaged)?;
    Ok(packed)
}
