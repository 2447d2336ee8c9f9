//! The headers of a BMP, from OS/2's of 12 bytes to the fifth of Windows.

use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// How pixels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Indices of 1, 2, 4 or 8 bits.
    Indices { bits: usize },
    /// Runs of indices of 4 or 8 bits.
    Runs { bits: usize },
    /// Blue, green, red.
    Bytes,
    /// 16 or 32 bits, of which masks cut out red, green, blue and alpha.
    Masks { bytes: usize, masks: [u32; 4] },
}

/// All that the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BmpHeader {
    pub(super) size: Size,
    /// Whether the first row is the topmost.
    pub(super) top_down: bool,
    pub(super) writing: Writing,
    /// Where the pixels are.
    pub(super) start: usize,
    /// Where the palette is, how many colours it has and the bytes of each.
    pub(super) palette: (usize, usize, usize),
}

/// The length of the second header, where it is one that exists.
pub(super) fn second_header(bytes: &[u8]) -> Option<usize> {
    let length = u32_at(bytes, 14)?;
    (bytes.starts_with(b"BM") && matches!(length, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
        .then_some(length as usize)
}

/// Reads the headers.
pub(super) fn read(bytes: &[u8]) -> Result<BmpHeader> {
    let ends = || damaged("the file ends before its header does".to_owned());
    let length = second_header(bytes).ok_or_else(ends)?;
    if bytes.len() < 14 + length {
        return Err(ends());
    }
    let start = u32_at(bytes, 10).ok_or_else(ends)? as usize;
    let (width, height, bits) = if length == 12 {
        let side = |at| u16_at(bytes, at).map(i64::from);
        (side(18), side(20), u16_at(bytes, 24))
    } else {
        let side = |at| u32_at(bytes, at).map(|side| i64::from(side as i32));
        (side(18), side(22), u16_at(bytes, 28))
    };
    let (width, height) = (width.ok_or_else(ends)?, height.ok_or_else(ends)?);
    let bits = usize::from(bits.ok_or_else(ends)?);
    if width <= 0 || height == 0 || height < i64::from(-i32::MAX) {
        return Err(damaged(format!("the size is {width} x {height}")));
    }
    let compression = if length < 40 { 0 } else { u32_at(bytes, 30).ok_or_else(ends)? };
    let colours_used = if length < 40 { 0 } else { u32_at(bytes, 46).ok_or_else(ends)? as usize };
    let masks_behind = if length == 40 {
        match compression {
            3 => 12,
            6 => 16,
            _ => 0,
        }
    } else {
        0
    };
    let writing = match (compression, bits) {
        (0, 1 | 2 | 4 | 8) => Writing::Indices { bits },
        (0, 24) => Writing::Bytes,
        (0, 16) => Writing::Masks { bytes: 2, masks: [0x7C00, 0x03E0, 0x001F, 0] },
        // The fourth byte of plain 32-bit pixels is no alpha.
        (0, 32) => Writing::Masks { bytes: 4, masks: [0xFF_0000, 0xFF00, 0xFF, 0] },
        (1, 8) | (2, 4) => Writing::Runs { bits },
        (3 | 6, 16 | 32) if length != 64 => {
            let with_alpha = length >= 56 || compression == 6;
            let mask = |at: usize| u32_at(bytes, 54 + 4 * at).ok_or_else(ends);
            let alpha = if with_alpha { mask(3)? } else { 0 };
            Writing::Masks { bytes: bits / 8, masks: [mask(0)?, mask(1)?, mask(2)?, alpha] }
        }
        (4 | 5, _) => return Err(unsupported("an embedded JPEG or PNG".to_owned())),
        _ => return Err(unsupported(format!("{bits} bits and compression {compression}"))),
    };
    let each = if length == 12 { 3 } else { 4 };
    let most = match writing {
        Writing::Indices { bits } | Writing::Runs { bits } => 1 << bits,
        Writing::Bytes | Writing::Masks { .. } => 0,
    };
    let colours = if colours_used == 0 { most } else { colours_used.min(most) };
    let size = Size::new(height.unsigned_abs() as usize, width as usize);
    let palette = (14 + length + masks_behind, colours, each);
    Ok(BmpHeader { size, top_down: height < 0, writing, start, palette })
}

impl BmpHeader {
    /// Bytes of a row, filled up to whole groups of four.
    pub(super) fn stride(&self) -> usize {
        let bits = match self.writing {
            Writing::Indices { bits } | Writing::Runs { bits } => bits,
            Writing::Bytes => 24,
            Writing::Masks { bytes, .. } => 8 * bytes,
        };
        (self.size.width * bits).div_ceil(32) * 4
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn damaged(reason: String) -> Error {
    Error::Header { format: Format::Bmp, reason }
}

fn unsupported(feature: String) -> Error {
    Error::Unsupported { format: Format::Bmp, feature }
}
