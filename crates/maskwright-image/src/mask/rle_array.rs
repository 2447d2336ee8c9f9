//! Arrays of bytes to runs and back, as NumPy and other array libraries hold masks: one byte per pixel, column by column
//! (Fortran order, as pycocotools has it) or row by row (C order).
//!
//! ```
//! use maskwright_image::{Size, mask::Rle};
//! // Two rows of three: `. # #` over `# # .`, column by column.
//! let mask = Rle::from_columns(Size::new(2, 3), &[0, 1, 1, 1, 1, 0])?;
//! assert_eq!(mask.counts(), [1, 4, 1]);
//! let mut rows = [0; 6];
//! mask.draw_rows(&mut rows)?;
//! assert_eq!(rows, [0, 1, 1, 1, 1, 0]);
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use super::bitmap::{Bitmap, pack, spread};
use super::rle::{Rle, counted};
use crate::error::Result;
use crate::size::Size;

impl Rle {
    /// The runs of a mask that lies column by column: every value but 0 is foreground.
    ///
    /// # Errors
    /// [`crate::Error::BufferSize`] where there are not height x width values, [`crate::Error::RleSize`] where that is over `u32::MAX`.
    pub fn from_columns(size: Size, values: &[u8]) -> Result<Self> {
        let pixels = counted(size, values.len())?;
        let mut runs = Self::default();
        runs.refill(size, |counts| {
            let (mut start, mut last) = (0u32, 0);
            let mut take = |first: usize, word: u64, length: usize| {
                // A pixel changes where it differs from the one before.
                let mut changed = (word ^ (word << 1 | last)) & u64::MAX >> (64 - length);
                while changed != 0 {
                    let at = first as u32 + changed.trailing_zeros();
                    counts.push(at - start);
                    start = at;
                    changed &= changed - 1;
                }
                last = word >> (length - 1) & 1;
            };
            let (whole, rest) = values.as_chunks::<64>();
            for (k, chunk) in whole.iter().enumerate() {
                // Most of a mask is background.
                let word = if *chunk == [0; 64] { 0 } else { pack(chunk.map(|value| value != 0)) };
                take(64 * k, word, 64);
            }
            if !rest.is_empty() {
                let mut flags = [false; 64];
                flags.iter_mut().zip(rest).for_each(|(flag, &value)| *flag = value != 0);
                take(64 * whole.len(), pack(flags), rest.len());
            }
            counts.push(pixels - start);
            Ok(())
        })?;
        Ok(runs)
    }

    /// The runs of a mask that lies row by row: every value but 0 is foreground.
    ///
    /// # Errors
    /// As [`Self::from_columns`].
    pub fn from_rows(size: Size, values: &[u8]) -> Result<Self> {
        counted(size, values.len())?;
        Ok(Self::from_bitmap(&Bitmap::from_nonzero(values, size)))
    }

    /// Sets the foreground to 1 in `values`, which lie column by column; the background stays as it is.
    ///
    /// # Errors
    /// [`crate::Error::BufferSize`] where there are not height x width values.
    pub fn draw_columns(&self, values: &mut [u8]) -> Result<()> {
        counted(self.size(), values.len())?;
        for (start, end) in self.foreground() {
            values[start as usize..end as usize].fill(1);
        }
        Ok(())
    }

    /// Writes the mask to `values`, which lie row by row: 1 for the foreground, 0 for the background.
    ///
    /// # Errors
    /// As [`Self::draw_columns`].
    pub fn draw_rows(&self, values: &mut [u8]) -> Result<()> {
        counted(self.size(), values.len())?;
        let (mask, width) = (self.to_bitmap(), self.width());
        for (y, row) in values.chunks_exact_mut(width.max(1)).enumerate() {
            for (word, part) in mask.row(y).iter().zip(row.chunks_mut(64)) {
                let levels = spread(*word);
                part.iter_mut().zip(levels).for_each(|(value, level)| *value = level & 1);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use proptest::prelude::*;

    #[test]
    fn edges_of_a_mask() {
        let runs = |values: &[u8]| {
            Rle::from_columns(Size::new(values.len(), 1), values).unwrap().counts().to_vec()
        };
        assert_eq!(runs(&[]), [0]);
        assert_eq!(runs(&[1]), [0, 1]);
        assert_eq!(runs(&[0, 7, 255, 0]), [1, 2, 1]);
        assert_eq!(runs(&[1; 64]), [0, 64]);
        assert_eq!(runs(&[1; 65]), [0, 65]);
        assert_eq!(runs(&[0; 130]), [130]);
        let error = Rle::from_rows(Size::new(2, 3), &[0; 5]).unwrap_err();
        let size = Size::new(2, 3);
        assert_eq!(error, Error::BufferSize { size, channels: 1, expected: 6, found: 5 });
        assert!(Rle::new(size, vec![6]).unwrap().draw_columns(&mut [0; 7]).is_err());
        assert!(Rle::new(size, vec![6]).unwrap().draw_rows(&mut [0; 7]).is_err());
    }

    proptest! {
        /// Both orders give the runs of the bitmap, and back.
        #[test]
        fn arrays_agree_with_bitmaps(height in 0usize..80, width in 0usize..80, seed: u64, density in 0u64..11) {
            let hash = |at: usize| (seed ^ at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let size = Size::new(height, width);
            let mask = Bitmap::from_fn(size, |y, x| hash(y / 3 * width + x / 3) % 10 < density);
            let expected = Rle::from_bitmap(&mask);
            let value = |y, x| u8::from(mask.get(y, x)) * (1 + (y + x) as u8 % 200);
            let rows: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).map(|(y, x)| value(y, x)).collect();
            let columns: Vec<u8> = (0..width).flat_map(|x| (0..height).map(move |y| (y, x))).map(|(y, x)| value(y, x)).collect();
            prop_assert_eq!(&Rle::from_rows(size, &rows).unwrap(), &expected);
            prop_assert_eq!(&Rle::from_columns(size, &columns).unwrap(), &expected);
            let flat = |values: &[u8]| values.iter().map(|&value| u8::from(value != 0)).collect::<Vec<_>>();
            let mut drawn = vec![0; size.area()];
            expected.draw_columns(&mut drawn).unwrap();
            prop_assert_eq!(&drawn, &flat(&columns));
            drawn.fill(9);
            expected.draw_rows(&mut drawn).unwrap();
            prop_assert_eq!(&drawn, &flat(&rows));
        }
    }
}
