//! WebP, lossy and lossless, by the `image-webp` crate.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::codec::Codec;
use super::guarded::guarded;
use super::header::{Colour, Header, NumberKind, Storage};
use super::limits::Limits;
use super::orientation::{Orientation, from_tiff};
use super::raw::{Numbers, Raw, Table};
use super::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// The format.
pub(crate) struct WebP;

impl Codec for WebP {
    fn starts(&self, bytes: &[u8]) -> bool {
        matches!(bytes, [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..])
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let damaged = |reason: String| Error::Header { format: Format::WebP, reason };
        let read = guarded(|| {
            let mut decoder = WebPDecoder::new(Cursor::new(bytes))?;
            // Metadata that cannot be read are no reason to refuse a picture.
            let exif = decoder.exif_metadata().ok().flatten().unwrap_or_default();
            let lossy = decoder.is_lossy();
            Ok::<_, DecodingError>((decoder.dimensions(), decoder.has_alpha(), lossy, exif))
        });
        let ((width, height), alpha, lossy, exif) = read.map_err(damaged)?;
        let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif);
        let pixels = u64::from(width) * u64::from(height);
        Ok(Header {
            format: Format::WebP,
            size: Size::new(height as usize, width as usize),
            orientation: from_tiff(exif).unwrap_or(Orientation::IDENTITY),
            colour: if alpha { Colour::Rgba } else { Colour::Rgb },
            bit_depth: 8,
            numbers: NumberKind::Unsigned,
            // A frame and the canvas of an animation, or luma, chroma and what they are predicted from.
            storage: Storage::Other { held: pixels * 8 + (1 << 20), least_length: 0, lossy },
        })
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>> {
        self.expect_header(bytes, header)?;
        let decoded = guarded(|| {
            let mut decoder = WebPDecoder::new(Cursor::new(bytes))?;
            decoder.set_memory_limit(usize::try_from(limits.max_bytes).unwrap_or(usize::MAX));
            let mut data = vec![0; header.size.area() * header.colour.channels()];
            decoder.read_image(&mut data)?;
            Ok::<_, DecodingError>((data, decoder.is_animated() && decoder.num_frames() > 1))
        });
        let (data, several) = decoded.map_err(damaged)?;
        let numbers = Numbers::Bytes { data, full: 255 };
        let pixels = Raw::new(header.size, header.colour, numbers, Table::default());
        let warnings = several.then_some(Warning::FirstOfSeveral { what: "frames" });
        Ok(Decoded { pixels, warnings: warnings.into_iter().collect() })
    }
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::WebP, reason }
}
