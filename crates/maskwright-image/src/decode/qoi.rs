//! QOI, the "Quite OK Image Format" (qoiformat.org, version 1.0).

use super::codec::Codec;
use super::header::{Colour, Header, NumberKind, Storage};
use super::limits::Limits;
use super::orientation::Orientation;
use super::raw::{Numbers, Raw, Table};
use super::warning::Decoded;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

/// The format.
pub(crate) struct Qoi;

const HEADER: usize = 14;

impl Codec for Qoi {
    fn starts(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(b"qoif")
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let damaged = |reason: String| Error::Header { format: Format::Qoi, reason };
        let Some(&[_, _, _, _, w3, w2, w1, w0, h3, h2, h1, h0, channels, _]) =
            bytes.first_chunk::<HEADER>()
        else {
            return Err(damaged("the file ends before its header does".to_owned()));
        };
        let width = u32::from_be_bytes([w3, w2, w1, w0]);
        let height = u32::from_be_bytes([h3, h2, h1, h0]);
        if width == 0 || height == 0 || width > i32::MAX as u32 || height > i32::MAX as u32 {
            return Err(damaged(format!("the size is {width} x {height}")));
        }
        let colour = match channels {
            3 => Colour::Rgb,
            4 => Colour::Rgba,
            other => return Err(damaged(format!("{other} channels"))),
        };
        let pixels = u64::from(width) * u64::from(height);
        Ok(Header {
            format: Format::Qoi,
            size: Size::new(height as usize, width as usize),
            orientation: Orientation::IDENTITY,
            colour,
            bit_depth: 8,
            numbers: NumberKind::Unsigned,
            // One byte repeats a pixel 62 times at most.
            storage: Storage::Other { held: 0, least_length: pixels / 62, lossy: false },
        })
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, _: &Limits) -> Result<Decoded<Raw>> {
        self.expect_header(bytes, header)?;
        let channels = header.colour.channels();
        let data = pixels(&bytes[HEADER..], header.size.area(), channels)
            .ok_or_else(|| damaged("the file ends before its pixels do"))?;
        let numbers = Numbers::Bytes { data, full: 255 };
        let pixels = Raw::new(header.size, header.colour, numbers, Table::default());
        Ok(Decoded { pixels, warnings: Vec::new() })
    }
}

/// So many pixels of three or four channels; none where the data end before.
fn pixels(data: &[u8], count: usize, channels: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(count * channels);
    let mut seen = [[0u8; 4]; 64];
    let mut pixel = [0, 0, 0, 255];
    let mut bytes = data.iter().copied();
    while out.len() < count * channels {
        let first = bytes.next()?;
        let mut repeat = 1;
        match first {
            0xFE => pixel = [bytes.next()?, bytes.next()?, bytes.next()?, pixel[3]],
            0xFF => pixel = [bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?],
            0x00..=0x3F => pixel = seen[usize::from(first)],
            0x40..=0x7F => {
                let change =
                    |value: u8, shift: u8| value.wrapping_add(first >> shift & 3).wrapping_sub(2);
                pixel = [change(pixel[0], 4), change(pixel[1], 2), change(pixel[2], 0), pixel[3]];
            }
            0x80..=0xBF => {
                let second = bytes.next()?;
                let green = (first & 0x3F).wrapping_sub(32);
                let change = |value: u8, nibble: u8| {
                    value.wrapping_add(green).wrapping_add(nibble).wrapping_sub(8)
                };
                pixel = [
                    change(pixel[0], second >> 4),
                    pixel[1].wrapping_add(green),
                    change(pixel[2], second & 15),
                    pixel[3],
                ];
            }
            0xC0..=0xFD => repeat = usize::from(first & 0x3F) + 1,
        }
        let [r, g, b, a] = pixel.map(usize::from);
        seen[(r * 3 + g * 5 + b * 7 + a * 11) % 64] = pixel;
        let left = count - out.len() / channels;
        for _ in 0..repeat.min(left) {
            out.extend_from_slice(&pixel[..channels]);
        }
    }
    Some(out)
}

fn damaged(reason: &str) -> Error {
    Error::Damaged { format: Format::Qoi, reason: reason.to_owned() }
}
