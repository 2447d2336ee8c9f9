//! Masks as the page has them: cut to their boxes, as row-major runs.
//!
//! ```text
//!  . . . . .      x 1, y 1, width 3, height 2
//!  . # # . .      runs 0 2 1 1 1 1: no background, 2 of foreground, 1 of background (row 1),
//!  . # . # .      1 of foreground, 1 of background, 1 of foreground (row 2)
//! ```

use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{GreyImage, Size};

use crate::api::CroppedMask;
use crate::error::{Error, Result};

impl CroppedMask {
    /// A mask as the page has it.
    pub(crate) fn of(mask: &Bitmap) -> Self {
        let Some([x0, y0, x1, y1]) = mask.box_xyxy().map(|corners| corners.map(|at| at as usize))
        else {
            return Self { x: 0, y: 0, width: 0, height: 0, runs: Vec::new() };
        };
        let mut runs = Vec::new();
        let (mut inside, mut run) = (false, 0);
        for y in y0..=y1 {
            let row = mask.row(y);
            let mut x = x0;
            while x <= x1 {
                // Of a word all bits that are alike are taken at once.
                let bits = row[x / 64] >> (x % 64);
                let alike = if inside { bits.trailing_ones() } else { bits.trailing_zeros() };
                let length = (alike as usize).min(64 - x % 64).min(x1 + 1 - x);
                run += length as u32;
                x += length;
                if x <= x1 && ((row[x / 64] >> (x % 64)) & 1 == 1) != inside {
                    runs.push(run);
                    (inside, run) = (!inside, 0);
                }
            }
            // The next row may begin with the other.
            if y < y1 && ((mask.row(y + 1)[x0 / 64] >> (x0 % 64)) & 1 == 1) != inside {
                runs.push(run);
                (inside, run) = (!inside, 0);
            }
        }
        runs.push(run);
        Self { x: x0, y: y0, width: x1 + 1 - x0, height: y1 + 1 - y0, runs }
    }

    /// A mask as the page has it.
    pub(crate) fn of_rle(mask: &Rle) -> Self {
        Self::of(&mask.to_bitmap())
    }

    /// Whether there is no pixel.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.iter().skip(1).step_by(2).all(|&run| run == 0)
    }

    /// The mask over an image of this size: 255 and 0.
    ///
    /// # Errors
    /// [`Error::Setting`] for a box that leaves the image, or runs that do not fill it.
    pub(crate) fn to_grey(&self, size: Size) -> Result<GreyImage> {
        let Self { x, y, width, height, ref runs } = *self;
        let inside = |from: usize, length: usize, side: usize| {
            from.checked_add(length).is_some_and(|end| end <= side)
        };
        if !inside(x, width, size.width) || !inside(y, height, size.height) {
            return Err(Error::setting(
                "a mask's box",
                format!("one inside of {size} pixels"),
                format!("{width} x {height} at {x}, {y}"),
            ));
        }
        let sum: u64 = runs.iter().map(|&run| u64::from(run)).sum();
        if sum != width as u64 * height as u64 {
            let expected = format!("{} pixels", width * height);
            return Err(Error::setting("a mask's runs", expected, sum.to_string()));
        }
        let mut grey = GreyImage::filled(size, 0);
        let mut at = 0;
        for (number, &run) in runs.iter().enumerate() {
            let (mut left, set) = (run as usize, number % 2 == 1);
            while left > 0 {
                let (row, column) = (at / width, at % width);
                let length = left.min(width - column);
                if set {
                    grey.row_mut(y + row)[x + column..][..length].fill(255);
                }
                (at, left) = (at + length, left - length);
            }
        }
        Ok(grey)
    }

    /// The mask over an image of this size.
    ///
    /// # Errors
    /// As [`to_grey`](Self::to_grey).
    pub(crate) fn to_bitmap(&self, size: Size) -> Result<Bitmap> {
        self.to_grey(size).map(|grey| Bitmap::from_grey(&grey))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_above_is_true() {
        let rows = [".....", ".##..", ".#.#."];
        let set = |y: usize, x: usize| rows[y].as_bytes()[x] == b'#';
        let mask = CroppedMask::of(&Bitmap::from_fn(Size::new(3, 5), set));
        let expected =
            CroppedMask { x: 1, y: 1, width: 3, height: 2, runs: vec![0, 2, 1, 1, 1, 1] };
        assert_eq!(mask, expected);
    }

    /// Whatever the mask, wide ones and those whose rows end at a word among them.
    #[test]
    fn masks_come_back() {
        for (number, (height, width)) in
            [(1, 1), (3, 5), (7, 64), (4, 128), (9, 130), (2, 63), (5, 65)].into_iter().enumerate()
        {
            let size = Size::new(height, width);
            for salt in 0..40_usize {
                let noise = |y: usize, x: usize| {
                    let hash = (y * 131 + x * 31 + salt * 977 + number).wrapping_mul(2_654_435_761);
                    (hash >> 7) % 10 < salt % 11
                };
                let mask = Bitmap::from_fn(size, noise);
                let cropped = CroppedMask::of(&mask);
                assert_eq!(cropped.is_empty(), mask.count() == 0);
                assert_eq!(cropped.to_bitmap(size).expect("a mask"), mask, "{size} {salt}");
                assert!(cropped.runs.iter().skip(1).all(|&run| run > 0), "{cropped:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mask =
            |x, width, runs: &[u32]| CroppedMask { x, y: 0, width, height: 2, runs: runs.into() };
        let refused =
            |mask: CroppedMask| mask.to_grey(Size::new(2, 4)).expect_err("refused").to_string();
        assert_eq!(
            refused(mask(2, 3, &[6])),
            "a mask's box: expected one inside of 4 x 2 pixels, found 3 x 2 at 2, 0"
        );
        assert_eq!(refused(mask(0, 3, &[5])), "a mask's runs: expected 6 pixels, found 5");
        assert_eq!(
            refused(mask(0, 3, &[u32::MAX, u32::MAX])),
            "a mask's runs: expected 6 pixels, found 8589934590"
        );
        assert!(mask(usize::MAX, 3, &[6]).to_grey(Size::new(2, 4)).is_err());
    }
}
