//! COCO's compressed string, both ways.

use super::rle::{Rle, RunSum};
use crate::error::{Error, Result};
use crate::size::Size;

/// The byte that stands for zero; the alphabet is the 64 bytes from here on.
const ZERO: u8 = b'0';
/// Set in every byte of a number but its last.
const MORE: u8 = 0x20;
/// Groups of five bits in the longest number: the difference of two runs has 33 bits, with its sign.
const LONGEST: usize = 7;

impl Rle {
    /// Reads a compressed string, `counts` in COCO's and SA-1B's files.
    ///
    /// # Errors
    /// [`Error::RleByte`], [`Error::RleEnd`] and [`Error::RleRun`] for strings that are none, [`Error::RleSum`] where
    /// the runs do not sum to height x width, [`Error::RleSize`] where that is over `u32::MAX`.
    pub fn parse(size: Size, text: &[u8]) -> Result<Self> {
        let mut mask = Self::default();
        mask.parse_into(size, text)?;
        Ok(mask)
    }

    /// Makes this the mask that [`Self::parse`] would give, in the memory that it has.
    ///
    /// # Errors
    /// As [`Self::parse`]; then this is a mask of 0 x 0 pixels.
    pub fn parse_into(&mut self, size: Size, text: &[u8]) -> Result<()> {
        self.refill(size, |counts| each_run(size, text, |run| counts.push(run)))
    }

    /// Whether [`Self::parse`] would read a compressed string, told without keeping its runs.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn check(size: Size, text: &[u8]) -> Result<()> {
        each_run(size, text, |_| ())
    }

    /// Writes the compressed string.
    pub fn to_compressed(&self) -> String {
        let counts = self.counts();
        let mut text = String::with_capacity(2 * counts.len());
        for (k, &run) in counts.iter().enumerate() {
            let base = if k > 2 { counts[k - 2] } else { 0 };
            write(i64::from(run) - i64::from(base), &mut text);
        }
        text
    }
}

/// Calls `take` with every run of a compressed string, and holds their sum to height x width.
fn each_run(size: Size, text: &[u8], mut take: impl FnMut(u32)) -> Result<()> {
    let mut sum = RunSum::new(size)?;
    let (mut position, mut number_of) = (0, 0);
    // The run before the last, and the last one.
    let mut before = [0u32; 2];
    while position < text.len() {
        let (number, length) = read(text, position)?;
        let base = if number_of > 2 { i64::from(before[0]) } else { 0 };
        let run = base + number;
        let run = u32::try_from(run).map_err(|_| Error::RleRun { position, run: Some(run) })?;
        sum.add(run)?;
        take(run);
        before = [before[1], run];
        number_of += 1;
        position += length;
    }
    sum.finish()
}

/// The number that starts at `position`, and how many bytes it has.
fn read(text: &[u8], position: usize) -> Result<(i64, usize)> {
    let mut number = 0;
    for (k, &byte) in text[position..].iter().enumerate() {
        let group = byte.wrapping_sub(ZERO);
        if group >= 64 {
            return Err(Error::RleByte { position: position + k, byte });
        }
        if k == LONGEST {
            return Err(Error::RleRun { position, run: None });
        }
        number |= i64::from(group & 31) << (5 * k);
        if group & MORE == 0 {
            // The last group's highest bit is the sign: move it to the top and back.
            let unused = 64 - 5 * (k + 1);
            return Ok((number << unused >> unused, k + 1));
        }
    }
    Err(Error::RleEnd { position, length: text.len() })
}

fn write(mut number: i64, text: &mut String) {
    loop {
        let group = (number & 31) as u8;
        number >>= 5;
        // What is left must be what the sign bit of the last group will be filled up with.
        let last = number == if group & 16 == 0 { 0 } else { -1 };
        text.push(char::from(ZERO + group + if last { 0 } else { MORE }));
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways() {
        let edges = [0i64, 15, 16, 511, 512, 1 << 14, 1 << 31, i64::from(u32::MAX)];
        for number in edges.into_iter().flat_map(|n| [n, n + 1, n - 1, -n, -n - 1, 1 - n]) {
            let mut text = String::new();
            write(number, &mut text);
            assert_eq!(read(text.as_bytes(), 0), Ok((number, text.len())));
        }
    }

    #[test]
    fn the_fourth_run_is_told_by_the_second() {
        let mask = Rle::new(Size::new(7, 5), vec![9, 2, 5, 5, 1, 6, 2, 4, 1]).unwrap();
        assert_eq!(mask.to_compressed(), "9253L11NO");
        assert_eq!(Rle::parse(Size::new(7, 5), b"9253L11NO"), Ok(mask));
        assert_eq!(Rle::check(Size::new(7, 5), b"9253L11NO"), Ok(()));
        assert_eq!(Rle::parse(Size::new(0, 5), b""), Rle::new(Size::new(0, 5), vec![]));
    }

    #[test]
    fn strings_that_are_none() {
        let parse = |text: &[u8]| {
            let error = Rle::parse(Size::square(2), text).unwrap_err();
            assert_eq!(Rle::check(Size::square(2), text), Err(error.clone()));
            error
        };
        assert_eq!(parse(b"1/"), Error::RleByte { position: 1, byte: b'/' });
        assert_eq!(parse(b"p"), Error::RleByte { position: 0, byte: b'p' });
        assert_eq!(parse(&[0x31, 0xFF]), Error::RleByte { position: 1, byte: 0xFF });
        assert_eq!(parse(b"1oo"), Error::RleEnd { position: 1, length: 3 });
        assert_eq!(parse(b"1O"), Error::RleRun { position: 1, run: Some(-1) });
        assert_eq!(parse(b"0110O"), Error::RleSum { size: Size::square(2), expected: 4, found: 3 });
        assert_eq!(parse(b"1PPPPPPP0"), Error::RleRun { position: 1, run: None });
        assert_eq!(parse(b"1oooooo?"), Error::RleRun { position: 1, run: Some((1 << 34) - 1) });
        assert_eq!(
            parse(b"ooo3"),
            Error::RleSum { size: Size::square(2), expected: 4, found: 131_071 }
        );
        assert_eq!(parse(b""), Error::RleSum { size: Size::square(2), expected: 4, found: 0 });
        // Zeros that say nothing are read.
        assert_eq!(Rle::parse(Size::square(2), b"TPPP0"), Rle::new(Size::square(2), vec![4]));
        assert_eq!(
            Rle::parse(Size::square(1 << 16), b""),
            Err(Error::RleSize { size: Size::square(1 << 16) })
        );
    }
}
