//! The numbers stored in a PNG, and their meaning as grey, colours and alpha.

use super::header::Chunks;
use crate::decode::header::{Colour, Header};
use crate::error::Error;
use crate::format::Format;
use crate::image::RgbImage;

/// A decoded PNG before interpretation.
#[derive(Debug)]
pub(crate) struct Raw {
    header: Header,
    /// One byte per sample holding the stored number (1, 2 and 4 bits are unpacked, not scaled); two bytes, big
    /// endian, for 16 bits.
    samples: Vec<u8>,
    table: Table,
}

/// PLTE and tRNS.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// RGBA per index; indices past the end are opaque black, as browsers show them.
    palette: Vec<[u8; 4]>,
    /// The one transparent grey or colour, in stored numbers.
    key: Option<[u16; 3]>,
}

impl Table {
    /// Reads the chunks before the pixels.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a palette picture without its colours.
    pub(super) fn read(bytes: &[u8], header: &Header) -> Result<Self, Error> {
        let mut table = Self::default();
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

    fn colour(&self, index: u8) -> [u8; 4] {
        self.palette.get(usize::from(index)).copied().unwrap_or([0, 0, 0, 255])
    }
}

impl Raw {
    /// Takes unfiltered rows with bits packed as stored.
    pub(super) fn new(header: Header, packed: Vec<u8>, table: Table) -> Self {
        let samples = if header.bit_depth < 8 { unpack(&packed, &header) } else { packed };
        Self { header, samples, table }
    }

    pub(crate) fn width(&self) -> usize {
        self.header.size.width
    }

    pub(crate) fn colour(&self) -> Colour {
        self.header.colour
    }

    pub(crate) fn bit_depth(&self) -> u8 {
        self.header.bit_depth
    }

    /// The stored numbers of one channel: indices for a palette.
    pub(crate) fn stored(&self, channel: usize) -> impl Iterator<Item = u16> {
        let (channels, wide) = (self.header.colour.channels(), self.header.bit_depth == 16);
        let step = if wide { 2 * channels } else { channels };
        self.samples.chunks_exact(step).map(move |pixel| {
            if wide {
                u16::from_be_bytes([pixel[2 * channel], pixel[2 * channel + 1]])
            } else {
                u16::from(pixel[channel])
            }
        })
    }

    /// Grey or colour in 8 bits; stored numbers of 1, 2 and 4 bits are scaled to 0..255, 16 bits rounded.
    pub(crate) fn into_rgb(self) -> RgbImage {
        let size = self.header.size;
        let data = match (self.header.colour, self.header.bit_depth) {
            (Colour::Rgb, 8) => self.samples,
            (Colour::Palette, _) => {
                let table: Vec<[u8; 4]> = (0..=255).map(|index| self.table.colour(index)).collect();
                self.samples
                    .iter()
                    .flat_map(|&index| table[usize::from(index)].into_iter().take(3))
                    .collect()
            }
            (Colour::Grey | Colour::GreyAlpha, _) => {
                self.channel(0).into_iter().flat_map(|value| [value; 3]).collect()
            }
            (Colour::Rgba, 8) => {
                let mut data = Vec::with_capacity(3 * size.area());
                self.samples
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .for_each(|pixel| data.extend_from_slice(&pixel[..3]));
                data
            }
            _ => {
                let step = 2 * self.header.colour.channels();
                let narrow = |wide: &[u8; 2]| narrow(u16::from_be_bytes(*wide));
                self.samples
                    .chunks_exact(step)
                    .flat_map(|pixel| pixel[..6].as_chunks::<2>().0.iter().map(narrow))
                    .collect()
            }
        };
        RgbImage { size, data }
    }

    /// One channel of a picture without palette, in 8 bits.
    pub(crate) fn channel(&self, channel: usize) -> Vec<u8> {
        match self.header.bit_depth {
            8 if self.header.colour.channels() == 1 => self.samples.clone(),
            16 => self.stored(channel).map(narrow).collect(),
            bits => {
                let scale = 255 / ((1u32 << bits) - 1);
                self.stored(channel).map(|value| (u32::from(value) * scale) as u8).collect()
            }
        }
    }

    /// The only channel of an 8-bit grey picture without a copy.
    pub(crate) fn into_grey8(self) -> Result<Vec<u8>, Self> {
        if self.header.bit_depth == 8 && self.header.colour == Colour::Grey {
            Ok(self.samples)
        } else {
            Err(self)
        }
    }

    /// Alpha in 8 bits where the file has any: a channel, palette entries, or a transparent colour.
    pub(crate) fn alpha(&self) -> Option<Vec<u8>> {
        match self.header.colour {
            Colour::GreyAlpha => Some(self.channel(1)),
            Colour::Rgba => Some(self.channel(3)),
            Colour::Palette if self.table.palette.iter().any(|entry| entry[3] != 255) => {
                Some(self.samples.iter().map(|&index| self.table.colour(index)[3]).collect())
            }
            Colour::Grey => {
                let [key, ..] = self.table.key?;
                Some(self.stored(0).map(|value| if value == key { 0 } else { 255 }).collect())
            }
            Colour::Rgb => {
                let [red, green, blue] = self.table.key?;
                let pixels = self.stored(0).zip(self.stored(1)).zip(self.stored(2));
                Some(
                    pixels
                        .map(|((r, g), b)| if (r, g, b) == (red, green, blue) { 0 } else { 255 })
                        .collect(),
                )
            }
            Colour::Palette | Colour::Cmyk => None,
        }
    }
}

/// 16 bits to 8: `v / 257` rounded, so that 0 and 65535 become 0 and 255.
fn narrow(wide: u16) -> u8 {
    ((u32::from(wide) + 128) / 257) as u8
}

/// One byte per sample from rows of 1, 2 or 4 bits, leftmost pixel in the highest bits.
fn unpack(packed: &[u8], header: &Header) -> Vec<u8> {
    let bits = usize::from(header.bit_depth);
    let per_byte = 8 / bits;
    let mask = (1u8 << bits) - 1;
    let mut samples = Vec::with_capacity(header.size.area());
    for row in packed.chunks_exact(header.row_bytes()) {
        let end = samples.len() + header.size.width;
        for &byte in row {
            samples.extend((0..per_byte).map(|k| (byte >> (8 - bits * (k + 1))) & mask));
        }
        samples.truncate(end);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::header::Storage;
    use crate::decode::orientation::Orientation;
    use crate::format::Format;
    use crate::size::Size;

    #[test]
    fn sixteen_bits_are_rounded() {
        for wide in 0..=u16::MAX {
            assert_eq!(narrow(wide), (f64::from(wide) / 257.0).round() as u8);
        }
    }

    #[test]
    fn bits_are_unpacked_from_the_left() {
        let header = Header {
            format: Format::Png,
            size: Size::new(2, 5),
            orientation: Orientation::IDENTITY,
            colour: Colour::Grey,
            bit_depth: 2,
            storage: Storage::Png { interlaced: false },
        };
        let packed = vec![0b00_01_10_11, 0b10_00_00_00, 0b11_11_11_11, 0b01_00_00_00];
        let raw = Raw::new(header, packed, Table::default());
        assert_eq!(raw.stored(0).collect::<Vec<_>>(), [0, 1, 2, 3, 2, 3, 3, 3, 3, 1]);
        assert_eq!(raw.channel(0), [0, 85, 170, 255, 170, 255, 255, 255, 255, 85]);
    }
}
