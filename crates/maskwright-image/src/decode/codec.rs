//! What every format gives: a header without pixels, stored numbers, a picture.
//!
//! JPEG and PNG have fast ways of their own beside it: libjpeg decodes rows straight into the sampler, and plain grey PNGs are
//! unfiltered where the label lies. All others give their stored numbers ([`Raw`]), which become pictures and labels by the same
//! rules.

use super::header::Header;
use super::limits::Limits;
use super::raw::Raw;
use super::value_range::ValueRange;
use super::warning::{Decoded, Warning};
use crate::error::{Error, Result};
use crate::image::RgbImage;

/// How a format is read. A file is handed over whole, with the header that `read_header` gave for it, and within the limits.
pub(crate) trait Codec: Sync {
    /// Whether a file starts as this format does.
    fn starts(&self, bytes: &[u8]) -> bool;

    /// Reads size, channels and depth, no pixels.
    fn read_header(&self, bytes: &[u8]) -> Result<Header>;

    /// Refuses a header that is not this file's.
    fn expect_header(&self, bytes: &[u8], header: &Header) -> Result<()> {
        expect_same(&self.read_header(bytes)?, header)
    }

    /// Decodes to the stored numbers.
    fn decode_raw(&self, bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded<Raw>>;

    /// Decodes to RGB; numbers of more than 8 bits are seen in `range`.
    fn decode_rgb(
        &self,
        bytes: &[u8],
        header: &Header,
        limits: &Limits,
        range: Option<ValueRange>,
    ) -> Result<Decoded<RgbImage>> {
        let Decoded { pixels, mut warnings } = self.decode_raw(bytes, header, limits)?;
        if pixels.is_transparent() {
            warnings.push(Warning::AlphaDropped);
        }
        Ok(Decoded { pixels: pixels.into_rgb(range)?, warnings })
    }
}

/// Refuses a header that is not the one that was found in the file.
pub(super) fn expect_same(found: &Header, header: &Header) -> Result<()> {
    match found == header {
        true => Ok(()),
        false => Err(Error::Damaged { format: header.format, reason: "another header".to_owned() }),
    }
}
