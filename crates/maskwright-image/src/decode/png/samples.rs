//! The numbers of unfiltered rows, and the chunks that say what they mean.

use super::header::Chunks;
use crate::decode::header::{Colour, Header};
use crate::decode::raw::{Numbers, Table};
use crate::error::{Error, Result};
use crate::format::Format;

/// One number per sample from unfiltered rows with bits packed as stored.
pub(super) fn numbers(packed: Vec<u8>, header: &Header) -> Numbers {
    match header.bit_depth {
        16 => Numbers::Wide { data: packed, full: u16::MAX },
        8 => Numbers::Bytes { data: packed, full: 255 },
        bits => {
            let data = unpack(&packed, header.size.width, header.row_bytes(), usize::from(bits));
            Numbers::Bytes { data, full: u8::MAX >> (8 - bits) }
        }
    }
}

/// One byte per sample from rows of 1, 2 or 4 bits, leftmost pixel in the highest bits.
pub(crate) fn unpack(packed: &[u8], width: usize, row_bytes: usize, bits: usize) -> Vec<u8> {
    let per_byte = 8 / bits;
    let mask = (1u8 << bits) - 1;
    let mut samples = Vec::with_capacity(packed.len() / row_bytes.max(1) * width);
    for row in packed.chunks_exact(row_bytes) {
        let end = samples.len() + width;
        for &byte in row {
            samples.extend((0..per_byte).map(|k| (byte >> (8 - bits * (k + 1))) & mask));
        }
        samples.truncate(end);
    }
    samples
}

/// Reads PLTE and tRNS, which stand before the pixels.
///
/// # Errors
/// [`Error::Damaged`] for a palette picture without its colours.
pub(super) fn table(bytes: &[u8], header: &Header) -> Result<Table> {
    let mut table = Table::default();
    for chunk in Chunks::new(bytes).take_while(|chunk| chunk.kind != *b"IDAT") {
        match (&chunk.kind, header.colour) {
            (b"PLTE", Colour::Palette) => {
                let colours = chunk.content.as_chunks::<3>().0.iter();
                table.palette = colours.map(|&[r, g, b]| [r, g, b, 255]).collect();
            }
            (b"tRNS", Colour::Palette) => {
                for (entry, &alpha) in table.palette.iter_mut().zip(chunk.content) {
                    entry[3] = alpha;
                }
            }
            (b"tRNS", Colour::Grey) => {
                if let &[a, b] = chunk.content {
                    table.key = Some([u16::from_be_bytes([a, b]); 3]);
                }
            }
            (b"tRNS", Colour::Rgb) => {
                if let &[a, b, c, d, e, f] = chunk.content {
                    table.key = Some([[a, b], [c, d], [e, f]].map(u16::from_be_bytes));
                }
            }
            _ => {}
        }
    }
    if header.colour == Colour::Palette && table.palette.is_empty() {
        let reason = "a palette picture without a colour table (PLTE)".to_owned();
        return Err(Error::Damaged { format: Format::Png, reason });
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_unpacked_from_the_left() {
        let packed = [0b00_01_10_11, 0b10_00_00_00, 0b11_11_11_11, 0b01_00_00_00];
        assert_eq!(unpack(&packed, 5, 2, 2), [0, 1, 2, 3, 2, 3, 3, 3, 3, 1]);
    }
}
