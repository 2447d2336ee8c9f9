//! PBM, PGM, PPM and PAM (Netpbm's formats), as numbers and as text.
//!
//! Their largest number is part of the header, so that a picture of 12 bits says that it is one.

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
pub(crate) struct Pnm;

/// How the numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// As text, with spaces between.
    Text,
    /// As text, a digit per pixel, 1 is black.
    TextBits,
    /// One or two bytes each.
    Bytes,
    /// Eight pixels in a byte, 1 is black.
    Bits,
}

/// All that a header says.
struct Parsed {
    size: Size,
    colour: Colour,
    /// White.
    full: u16,
    writing: Writing,
    /// Where the numbers begin.
    start: usize,
}

impl Codec for Pnm {
    fn starts(&self, bytes: &[u8]) -> bool {
        matches!(bytes, [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace() || *space == b'#')
    }

    fn read_header(&self, bytes: &[u8]) -> Result<Header> {
        let Parsed { size, colour, full, writing, .. } = parse(bytes)?;
        let bit_depth = (16 - full.leading_zeros()) as u8;
        let numbers = size.times(colour.channels() as u64);
        let least_length = match writing {
            Writing::Bits => size.width.div_ceil(8) as u64 * size.height as u64,
            Writing::Bytes if full > 255 => numbers.saturating_mul(2),
            Writing::Bytes | Writing::TextBits => numbers,
            Writing::Text => numbers.saturating_mul(2) - 1,
        };
        Ok(Header {
            format: Format::Pnm,
            size,
            orientation: Orientation::IDENTITY,
            colour,
            bit_depth,
            numbers: NumberKind::Unsigned,
            storage: Storage::Other { held: 0, least_length, lossy: false },
        })
    }

    fn decode_raw(&self, bytes: &[u8], header: &Header, _: &Limits) -> Result<Decoded<Raw>> {
        self.expect_header(bytes, header)?;
        let parsed = parse(bytes)?;
        let numbers = numbers(&bytes[parsed.start..], &parsed)?;
        let pixels = Raw::new(parsed.size, parsed.colour, numbers, Table::default());
        Ok(Decoded { pixels, warnings: Vec::new() })
    }
}

fn numbers(data: &[u8], parsed: &Parsed) -> Result<Numbers> {
    let Parsed { size, colour, full, writing, .. } = *parsed;
    let count = size.area() * colour.channels();
    let ends = || damaged("the file ends before its pixels do".to_owned());
    match writing {
        Writing::Bits => {
            let row = size.width.div_ceil(8);
            let rows = data.get(..row * size.height).ok_or_else(ends)?;
            let bit = |row: &[u8], x: usize| 1 - (row[x / 8] >> (7 - x % 8) & 1);
            let data = rows
                .chunks_exact(row)
                .flat_map(|row| (0..size.width).map(move |x| bit(row, x)))
                .collect();
            Ok(Numbers::Bytes { data, full: 1 })
        }
        Writing::TextBits => {
            let digits = data.iter().filter(|byte| !byte.is_ascii_whitespace()).take(count);
            let data = digits
                .map(|digit| match digit {
                    b'0' => Ok(1),
                    b'1' => Ok(0),
                    other => Err(damaged(format!("byte {other} among its pixels"))),
                })
                .collect::<Result<Vec<u8>>>()?;
            if data.len() < count {
                return Err(ends());
            }
            Ok(Numbers::Bytes { data, full: 1 })
        }
        Writing::Text => {
            let mut words = Words { bytes: data, at: 0 };
            let number = |_| {
                let number = words.number().ok_or_else(ends)?;
                if number > u32::from(full) {
                    return Err(damaged(format!("the number {number} is more than {full}")));
                }
                Ok(number as u16)
            };
            let numbers = (0..count).map(number).collect::<Result<Vec<u16>>>()?;
            Ok(Numbers::up_to(full, numbers))
        }
        Writing::Bytes => Ok(match u8::try_from(full) {
            Ok(full) => {
                let data = data.get(..count).ok_or_else(ends)?.to_vec();
                Numbers::Bytes { data, full }
            }
            Err(_) => {
                let data = data.get(..2 * count).ok_or_else(ends)?.to_vec();
                Numbers::Wide { data, full }
            }
        }),
    }
}

/// Words between white space; `#` begins a comment that ends with its line.
struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<&'a [u8]> {
        loop {
            match self.bytes.get(self.at)? {
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
        let rest = &self.bytes[self.at..];
        let end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'#';
        let length = rest.iter().position(end).unwrap_or(rest.len());
        self.at += length;
        Some(&rest[..length])
    }

    /// The next word as a number.
    fn number(&mut self) -> Option<u32> {
        std::str::from_utf8(self.word()?).ok()?.parse().ok()
    }
}

fn parse(bytes: &[u8]) -> Result<Parsed> {
    let mut words = Words { bytes, at: 2 };
    let kind = bytes.get(1).copied().unwrap_or_default();
    let (width, height, depth, full) = if kind == b'7' {
        let [mut width, mut height, mut depth, mut full] = [None; 4];
        loop {
            match words.word() {
                Some(b"WIDTH") => width = words.number(),
                Some(b"HEIGHT") => height = words.number(),
                Some(b"DEPTH") => depth = words.number(),
                Some(b"MAXVAL") => full = words.number(),
                Some(b"ENDHDR") => break,
                // TUPLTYPE and its word; the depth says as much.
                Some(_) => {}
                None => return Err(header("the file ends before its header does".to_owned())),
            }
        }
        (width, height, depth, full)
    } else {
        let (width, height) = (words.number(), words.number());
        let full = if matches!(kind, b'1' | b'4') { Some(1) } else { words.number() };
        let depth = if matches!(kind, b'3' | b'6') { 3 } else { 1 };
        (width, height, Some(depth), full)
    };
    let (Some(width), Some(height), Some(depth), Some(full)) = (width, height, depth, full) else {
        return Err(header("a number is missing".to_owned()));
    };
    let side = 1..=i32::MAX as u32;
    if !side.contains(&width) || !side.contains(&height) {
        return Err(header(format!("the size is {width} x {height}")));
    }
    let full = u16::try_from(full)
        .ok()
        .filter(|full| *full > 0)
        .ok_or_else(|| header(format!("its largest number is {full}; expected 1 to 65535")))?;
    let colour = match depth {
        1 => Colour::Grey,
        2 => Colour::GreyAlpha,
        3 => Colour::Rgb,
        4 => Colour::Rgba,
        other => return Err(header(format!("{other} channels"))),
    };
    let writing = match kind {
        b'1' => Writing::TextBits,
        b'2' | b'3' => Writing::Text,
        b'4' => Writing::Bits,
        _ => Writing::Bytes,
    };
    // One byte of white space, and no more: the next may be a pixel.
    let start = words.at + 1;
    if start > bytes.len() {
        return Err(header("the file ends before its pixels".to_owned()));
    }
    Ok(Parsed { size: Size::new(height as usize, width as usize), colour, full, writing, start })
}

fn header(reason: String) -> Error {
    Error::Header { format: Format::Pnm, reason }
}

fn damaged(reason: String) -> Error {
    Error::Damaged { format: Format::Pnm, reason }
}
