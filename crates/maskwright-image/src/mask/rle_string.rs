//! COCO's compressed string, both ways.

use super::rle::{Rle, RunSum, pixels};
use super::rle_number::{read, write};
use super::rle_quick::push_quickly;
use crate::error::{Error, Result};
use crate::size::Size;

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
        self.refill(size, |counts| {
            let pixels = pixels(size)?;
            if push_quickly(text, pixels, counts).is_some() {
                return Ok(());
            }
            counts.clear();
            each_run(size, text, |run| counts.push(run))
        })
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
        compressed(self.counts())
    }
}

fn compressed(counts: &[u32]) -> String {
    let mut text = String::with_capacity(2 * counts.len());
    for (k, &run) in counts.iter().enumerate() {
        let base = if k > 2 { counts[k - 2] } else { 0 };
        write(i64::from(run) - i64::from(base), &mut text);
    }
    text
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

#[cfg(test)]
mod tests {
    use super::super::rle_number::ZERO;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fourth_run_is_told_by_the_second() {
        let mask = Rle::new(Size::new(7, 5), vec![9, 2, 5, 5, 1, 6, 2, 4, 1]).unwrap();
        assert_eq!(mask.to_compressed(), "9253L11NO");
        assert_eq!(Rle::parse(Size::new(7, 5), b"9253L11NO"), Ok(mask));
        assert_eq!(Rle::check(Size::new(7, 5), b"9253L11NO"), Ok(()));
        assert_eq!(Rle::parse(Size::new(0, 5), b""), Rle::new(Size::new(0, 5), vec![]));
    }

    /// What [`Rle::parse`] has to give.
    fn plain(size: Size, text: &[u8]) -> Result<Rle> {
        let mut counts = Vec::new();
        each_run(size, text, |run| counts.push(run))?;
        Rle::new(size, counts)
    }

    proptest! {
        /// Long and short runs, and zeros anywhere.
        #[test]
        fn strings_are_read_quickly_as_they_are_plainly(
            runs in prop::collection::vec(prop_oneof![4 => 0u32..40, 2 => 0u32..2000, 1 => 0u32..4_000_000], 0..300),
        ) {
            let size = Size::new(1, runs.iter().sum::<u32>() as usize);
            let mask = Rle::new(size, runs).unwrap();
            let text = mask.to_compressed();
            prop_assert_eq!(plain(size, text.as_bytes()), Ok(mask.clone()));
            prop_assert_eq!(Rle::parse(size, text.as_bytes()), Ok(mask.clone()));
            let (mut counts, pixels) = (vec![7], size.width as u32);
            if !text.is_empty() {
                prop_assert_eq!(push_quickly(text.as_bytes(), pixels, &mut counts), Some(()));
                prop_assert_eq!(&counts[1..], mask.counts());
            }
        }

        /// What is not a string of this size has its error whichever way it is read.
        #[test]
        fn damaged_strings_are_refused_alike(
            runs in prop::collection::vec(prop_oneof![0u32..40, 0u32..4_000_000_000], 0..100),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..3),
            wider in prop_oneof![4 => Just(0usize), 1 => 1usize..40],
        ) {
            // More than 32 bits may be needed for what the runs sum to.
            let mut text = compressed(&runs).into_bytes();
            for (at, byte, within) in damage {
                if !text.is_empty() {
                    let at = at.index(text.len());
                    text[at] = if within { ZERO + byte % 64 } else { byte };
                }
            }
            let sum: u64 = runs.iter().map(|&run| u64::from(run)).sum();
            let size = Size::new(1, sum as usize + wider);
            prop_assert_eq!(Rle::parse(size, &text), plain(size, &text));
        }
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
