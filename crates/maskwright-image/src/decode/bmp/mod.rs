//! BMP, read here so that a mask's numbers are the file's indices: decoders elsewhere give colours alone.

mod header;
mod runs;

use header::{BmpHeader, Writing};

use super::codec::Codec;
use super::header::{Colour, Header, NumberKind, Storage};
use super::limits::Limits;
use super::orientation::Orientation;
use super::png::unpack;
use super::raw::{Numbers, Raw, Table};
use super::warning::Decoded;
use crate::error::{Error, Result};
use crate::format::Format;

/// The format.
pub(crate) struct Bmp;

impl Codec for Bmp {
    fn starts(&self, bytes: &[u8]) -> bool {
        header::second_header(bytes).is_some()
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let own = header::read(bytes)?;
        let (colour, bit_depth) = match own.writing {
            Writing::Indices { bits } | Writing::Runs { bits } => (Colour::Palette, bits as u8),
            Writing::Masks { masks, .. } if masks[3] != 0 => (Colour::Rgba, 8),
            Writing::Bytes | Writing::Masks { .. } => (Colour::Rgb, 8),
        };
        let least_length = match own.writing {
            Writing::Runs { .. } => 0,
            _ => own.stride() as u64 * own.size.height as u64,
        };
        Ok(Header {
            format: Format::Bmp,
            size: own.size,
            orientation: Orientation::IDENTITY,
            colour,
            bit_depth,
            numbers: NumberKind::Unsigned,
            storage: Storage::Other { held: 0, least_length, lossy: false },
        })
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, _: &Limits) -> Result<Decoded<Raw>> {
        self.expect_header(bytes, header)?;
        let own = header::read(bytes)?;
        let mut table = Table::default();
        let numbers = match own.writing {
            Writing::Indices { bits } | Writing::Runs { bits } => {
                table.palette = palette(bytes, &own)?;
                let full = u8::MAX >> (8 - bits);
                Numbers::Bytes { data: indices(bytes, &own)?, full }
            }
            _ => {
                Numbers::Bytes { data: colours(bytes, &own, header.colour.channels())?, full: 255 }
            }
        };
        let pixels = Raw::new(header.size, header.colour, numbers, table);
        Ok(Decoded { pixels, warnings: Vec::new() })
    }
}

/// The rows from the top, with what fills them up.
fn rows<'a>(bytes: &'a [u8], own: &BmpHeader) -> Result<Vec<&'a [u8]>> {
    let (stride, height) = (own.stride(), own.size.height);
    let end = own.start.checked_add(stride * height);
    // The last row may lack what would fill it up.
    let data = bytes.get(own.start..end.unwrap_or(usize::MAX).min(bytes.len()));
    let mut rows: Vec<&[u8]> = data.unwrap_or_default().chunks(stride).collect();
    let used = match own.writing {
        Writing::Indices { bits } | Writing::Runs { bits } => (own.size.width * bits).div_ceil(8),
        Writing::Bytes => 3 * own.size.width,
        Writing::Masks { bytes, .. } => bytes * own.size.width,
    };
    if rows.len() < height || rows.last().is_none_or(|row| row.len() < used) {
        return Err(damaged("the file ends before its pixels do"));
    }
    if !own.top_down {
        rows.reverse();
    }
    Ok(rows.into_iter().map(|row| &row[..used]).collect())
}

fn indices(bytes: &[u8], own: &BmpHeader) -> Result<Vec<u8>> {
    match own.writing {
        Writing::Runs { bits } => {
            let data = bytes.get(own.start..).unwrap_or_default();
            runs::indices(data, own.size, bits, own.top_down)
                .ok_or_else(|| damaged("the file ends before its pixels do"))
        }
        Writing::Indices { bits: 8 } => Ok(rows(bytes, own)?.concat()),
        Writing::Indices { bits } => {
            let width = own.size.width;
            let rows = rows(bytes, own)?;
            Ok(rows.iter().flat_map(|row| unpack(row, width, row.len(), bits)).collect())
        }
        Writing::Bytes | Writing::Masks { .. } => Ok(Vec::new()),
    }
}

fn colours(bytes: &[u8], own: &BmpHeader, channels: usize) -> Result<Vec<u8>> {
    let mut data = Vec::with_capacity(own.size.area() * channels);
    for row in rows(bytes, own)? {
        match own.writing {
            Writing::Masks { bytes, masks } => {
                for pixel in row.chunks_exact(bytes) {
                    let whole = pixel.iter().rev().fold(0, |n, byte| n << 8 | u32::from(*byte));
                    data.extend(masks[..channels].iter().map(|&mask| level(whole, mask)));
                }
            }
            _ => row.as_chunks::<3>().0.iter().for_each(|&[b, g, r]| data.extend([r, g, b])),
        }
    }
    Ok(data)
}

/// What a mask cuts out, in 8 bits.
fn level(pixel: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let full = u64::from(mask >> mask.trailing_zeros());
    let value = u64::from((pixel & mask) >> mask.trailing_zeros());
    ((value * 255 + full / 2) / full) as u8
}

fn palette(bytes: &[u8], own: &BmpHeader) -> Result<Vec<[u8; 4]>> {
    let (at, colours, each) = own.palette;
    let entries = bytes.get(at..at + colours * each);
    let entries = entries.ok_or_else(|| damaged("the file ends before its palette does"))?;
    Ok(entries.chunks_exact(each).map(|entry| [entry[2], entry[1], entry[0], 255]).collect())
}

fn damaged(reason: &str) -> Error {
    Error::Damaged { format: Format::Bmp, reason: reason.to_owned() }
}
