//! A PNG's chunks (W3C PNG specification, third edition, section 11).

use crate::decode::header::{Colour, Header, NumberKind, Storage};
use crate::decode::orientation::{Orientation, from_tiff};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// The eight bytes that every PNG starts with.
pub(crate) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

impl Header {
    /// Bytes of one row of a PNG without its filter byte.
    pub(crate) fn row_bytes(&self) -> usize {
        (self.size.width * self.colour.channels() * usize::from(self.bit_depth)).div_ceil(8)
    }

    /// Bytes between a sample of a PNG and the same sample of the pixel to the left, for the filters; at least one.
    #[cfg(feature = "libdeflate")]
    pub(crate) fn filter_step(&self) -> usize {
        (self.colour.channels() * usize::from(self.bit_depth) / 8).max(1)
    }
}

/// Reads size, channels and orientation of a file that starts with the signature.
pub(crate) fn read(bytes: &[u8]) -> Result<Header> {
    let header = read_ihdr(bytes)?;
    let orientation = Chunks::new(bytes)
        .find(|chunk| chunk.kind == *b"eXIf")
        .and_then(|chunk| from_tiff(chunk.content))
        .unwrap_or(Orientation::IDENTITY);
    Ok(Header { orientation, ..header })
}

/// Reads IHDR, which must come first; it holds no orientation.
fn read_ihdr(bytes: &[u8]) -> Result<Header> {
    let ihdr = Chunks::new(bytes)
        .next()
        .ok_or_else(|| damaged("the file ends before its first chunk does"))?;
    if ihdr.kind != *b"IHDR" {
        return Err(damaged(&format!(
            "the first chunk is {:?}, not IHDR",
            String::from_utf8_lossy(&ihdr.kind)
        )));
    }
    let &[w3, w2, w1, w0, h3, h2, h1, h0, bit_depth, colour_type, compression, filter, interlace] =
        ihdr.content
    else {
        return Err(damaged(&format!("IHDR has {} bytes, not 13", ihdr.content.len())));
    };
    let width = u32::from_be_bytes([w3, w2, w1, w0]);
    let height = u32::from_be_bytes([h3, h2, h1, h0]);
    if width == 0 || height == 0 || width > i32::MAX as u32 || height > i32::MAX as u32 {
        return Err(damaged(&format!("the size is {width} x {height}")));
    }
    let colour = match (colour_type, bit_depth) {
        (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
        (2, 8 | 16) => Colour::Rgb,
        (3, 1 | 2 | 4 | 8) => Colour::Palette,
        (4, 8 | 16) => Colour::GreyAlpha,
        (6, 8 | 16) => Colour::Rgba,
        _ => {
            return Err(damaged(&format!(
                "colour type {colour_type} with {bit_depth} bits does not exist"
            )));
        }
    };
    if compression != 0 || filter != 0 || interlace > 1 {
        let feature = format!("compression {compression}, filter {filter}, interlace {interlace}");
        return Err(Error::Unsupported { format: Format::Png, feature });
    }
    Ok(Header {
        format: Format::Png,
        size: Size::new(height as usize, width as usize),
        orientation: Orientation::IDENTITY,
        colour,
        bit_depth,
        numbers: NumberKind::Unsigned,
        storage: Storage::Png { interlaced: interlace == 1 },
    })
}

fn damaged(reason: &str) -> Error {
    Error::Header { format: Format::Png, reason: reason.to_owned() }
}

/// One chunk; its checksum is not verified.
pub(crate) struct Chunk<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) content: &'a [u8],
    /// Kind and content, of which the checksum is.
    pub(crate) checked: &'a [u8],
    /// The CRC-32 that the file states.
    pub(crate) checksum: u32,
}

/// Chunks in order, until the file ends or a chunk is cut off.
pub(crate) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.get(SIGNATURE.len()..).unwrap_or_default() }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let checked = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?;
        let (checked, rest) = rest.split_at_checked(checked)?;
        let (kind, content) = checked.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(Chunk { kind: *kind, content, checked, checksum: u32::from_be_bytes(*checksum) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_ihdr(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(content);
        bytes.extend([0; 4]);
        bytes
    }

    fn ihdr(width: u32, height: u32, rest: [u8; 5]) -> Vec<u8> {
        [&width.to_be_bytes()[..], &height.to_be_bytes(), &rest].concat()
    }

    #[test]
    fn headers_are_read() {
        let header = read(&with_ihdr(b"IHDR", &ihdr(9, 5, [1, 0, 0, 0, 1]))).unwrap();
        assert_eq!(
            (header.size, header.colour, header.storage),
            (Size::new(5, 9), Colour::Grey, Storage::Png { interlaced: true })
        );
        assert_eq!(header.row_bytes(), 2);
        let header = read(&with_ihdr(b"IHDR", &ihdr(9, 5, [16, 6, 0, 0, 0]))).unwrap();
        assert_eq!(header.row_bytes(), 72);
    }

    #[test]
    fn damaged_headers_are_errors() {
        let sound = with_ihdr(b"IHDR", &ihdr(9, 5, [8, 2, 0, 0, 0]));
        for length in 8..sound.len() {
            assert!(matches!(read(&sound[..length]), Err(Error::Header { .. })), "cut at {length}");
        }
        for content in [
            ihdr(0, 5, [8, 2, 0, 0, 0]),
            ihdr(9, u32::MAX, [8, 2, 0, 0, 0]),
            ihdr(9, 5, [3, 0, 0, 0, 0]),
            ihdr(9, 5, [1, 2, 0, 0, 0]),
            vec![0; 12],
        ] {
            assert!(matches!(read(&with_ihdr(b"IHDR", &content)), Err(Error::Header { .. })));
        }
        assert!(matches!(read(&with_ihdr(b"IDAT", &[1])), Err(Error::Header { .. })));
        let strange = with_ihdr(b"IHDR", &ihdr(9, 5, [8, 2, 3, 0, 0]));
        assert!(matches!(read(&strange), Err(Error::Unsupported { .. })));
    }
}
