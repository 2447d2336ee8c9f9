//! How much of each pixel of a smaller picture a mask covers, from runs alone.
//!
//! Both pictures lie on the same rectangle. It is measured so that lengths are whole: a pixel of the mask is as many units
//! wide as the smaller picture has columns, and one of the smaller picture as many as the mask has, and so along the other axis.
//! Shares are then sums of whole numbers, rounded once, and thin parts count with all that they have.
//!
//! A run's end at height `e` fills the pixels above it to their whole height and the one that it lies in up to there. Two
//! numbers per end say so, whatever the run's length; so the work goes with the mask's outline, not with its area.

use super::rle::Rle;
use crate::image::GreyImage;
use crate::size::Size;

/// What the ends of runs say about one column of the smaller picture.
#[derive(Clone, Copy, Default)]
struct Ends {
    /// What all pixels above get: this much of their height.
    above: i64,
    /// Units that this pixel gets.
    here: i64,
}

impl Rle {
    /// How much of each pixel of a picture of `size` the mask covers, stretched over it: from 0, nothing, to 255, all of it.
    ///
    /// A smaller picture is an average over areas. In a larger one pixels are seen as squares.
    ///
    /// ```
    /// use maskwright_image::{Size, mask::{Bitmap, Rle}};
    /// let left = Rle::from_bitmap(&Bitmap::from_fn(Size::new(4, 6), |_, x| x < 2));
    /// assert_eq!(left.coverage(Size::new(1, 2)).data, [170, 0]);
    /// ```
    pub fn coverage(&self, size: Size) -> GreyImage {
        let Size { height, width } = size;
        let mut cover = GreyImage::filled(size, 0);
        if size.is_empty() || self.size().is_empty() {
            return cover;
        }
        // Per column of the picture and row, and one more for ends at the bottom.
        let mut ends = vec![Ends::default(); width * (height + 1)];
        self.pieces(0..self.width(), |x, rows| {
            let (mut left, right) = (x * width, (x + 1) * width);
            while left < right {
                let column = left / self.width();
                let next = right.min((column + 1) * self.width());
                let wide = (next - left) as i64;
                let ends = &mut ends[column * (height + 1)..][..=height];
                for (end, wide) in [(rows.end, wide), (rows.start, -wide)] {
                    let end = end * height;
                    let at = &mut ends[end / self.height()];
                    at.above += wide;
                    at.here += wide * (end % self.height()) as i64;
                }
                left = next;
            }
            true
        });
        let whole = self.size().area() as i64;
        for (x, ends) in ends.chunks_exact(height + 1).enumerate() {
            let mut below = ends[height].above;
            for (y, end) in ends[..height].iter().enumerate().rev() {
                let units = below * self.height() as i64 + end.here;
                cover.data[y * width + x] = ((510 * units + whole) / (2 * whole)) as u8;
                below += end.above;
            }
        }
        cover
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mask::Bitmap;

    /// Pixel by pixel: the share of the rectangle of each that lies under pixels that are set.
    fn plain(mask: &Bitmap, size: Size) -> Vec<f64> {
        let overlap = |one: usize, of: usize, other: usize, of_other: usize| -> f64 {
            let edges = |at: usize, of: usize| (at as f64 / of as f64, (at + 1) as f64 / of as f64);
            let ((a, b), (c, d)) = (edges(one, of), edges(other, of_other));
            (b.min(d) - a.max(c)).max(0.0)
        };
        let mut shares = Vec::new();
        for y in 0..size.height {
            for x in 0..size.width {
                let mut share = 0.0;
                for v in 0..mask.height() {
                    for u in (0..mask.width()).filter(|&u| mask.get(v, u)) {
                        share += overlap(y, size.height, v, mask.height())
                            * overlap(x, size.width, u, mask.width());
                    }
                }
                shares.push(share * size.area() as f64);
            }
        }
        shares
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn shares_are_those_of_areas(
            (width, height) in (1usize..40, 1usize..40), to in (1usize..24, 1usize..24), seed: u64, density in 0u64..11,
        ) {
            let hash = |y: usize, x: usize| (seed ^ (y * 7919 + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let mask = Bitmap::from_fn(Size::new(height, width), |y, x| hash(y, x) % 10 < density);
            let to = Size::new(to.0, to.1);
            let found = Rle::from_bitmap(&mask).coverage(to);
            prop_assert_eq!(found.size, to);
            for (found, share) in found.data.iter().zip(plain(&mask, to)) {
                prop_assert!((f64::from(*found) - 255.0 * share).abs() < 0.5 + 1e-6, "{found} for {share}");
            }
        }
    }

    #[test]
    fn runs_of_no_pixels_and_masks_without_any_change_nothing() {
        let whole = Rle::new(Size::new(3, 2), vec![0, 2, 0, 3, 0, 1]).unwrap();
        assert_eq!(whole.coverage(Size::new(2, 5)), GreyImage::filled(Size::new(2, 5), 255));
        assert_eq!(whole.coverage(Size::new(0, 5)), GreyImage::filled(Size::new(0, 5), 0));
        let none = Rle::new(Size::new(0, 3), vec![]).unwrap();
        assert_eq!(none.coverage(Size::new(2, 2)), GreyImage::filled(Size::new(2, 2), 0));
    }

    #[test]
    fn large_masks_do_not_overflow() {
        // As long as a mask can be: the upper half is set.
        let tall =
            Rle::new(Size::new(u32::MAX as usize - 1, 1), vec![0, u32::MAX / 2, u32::MAX / 2])
                .unwrap();
        assert_eq!(tall.coverage(Size::new(2, 1)).data, [255, 0]);
        assert_eq!(tall.coverage(Size::new(1, 3)).data, [128; 3]);
    }
}
