//! Erosion by a square, 64 pixels at a time.

use super::bitmap::Bitmap;

impl Bitmap {
    /// `n` erosions with a 3x3 square; outside counts as background, so objects shrink from the picture's border
    /// too. The same as one erosion with a square of side `2 n + 1`.
    pub fn erode3x3(&self, n: usize) -> Self {
        let mut words = self.words.clone();
        let side = 2 * n + 1;
        // A pixel survives where a run of `side` pixels from n before to n after it is set. The AND of a run of
        // `run` pixels to the right is grown by doubling, then moved to the run's middle.
        let mut run = 1;
        while run < side {
            let step = run.min(side - run);
            for row in words.chunks_exact_mut(self.words_per_row.max(1)) {
                and_right(row, step);
            }
            run += step;
        }
        for row in words.chunks_exact_mut(self.words_per_row.max(1)) {
            move_left_to_right(row, n, self.size.width);
        }
        let stride = self.words_per_row;
        let mut run = 1;
        while run < side {
            let step = run.min(side - run);
            // Rows below the picture are background.
            for k in 0..words.len() {
                words[k] &= words.get(k + step * stride).copied().unwrap_or(0);
            }
            run += step;
        }
        let shift = (n * stride).min(words.len());
        words.copy_within(..self.words.len() - shift, shift);
        words[..shift].fill(0);
        Self::from_words(self.size, words)
    }
}

/// `row[x] &= row[x + step]` for every pixel.
fn and_right(row: &mut [u64], step: usize) {
    let (words, bits) = (step / 64, step % 64);
    for k in 0..row.len() {
        let word = |i: usize| row.get(i).copied().unwrap_or(0);
        let low = word(k + words) >> bits;
        // A shift by 64 is not defined: two steps.
        let high = word(k + words + 1) << (63 - bits) << 1;
        row[k] &= low | high;
    }
}

/// `row[x] = row[x - step]` for every pixel, zeros from the left, nothing past the width.
fn move_left_to_right(row: &mut [u64], step: usize, width: usize) {
    let (words, bits) = (step / 64, step % 64);
    for k in (0..row.len()).rev() {
        let word = |i: Option<usize>| i.map_or(0, |i| row[i]);
        let high = word(k.checked_sub(words)) << bits;
        let low = word(k.checked_sub(words + 1)) >> (63 - bits) >> 1;
        row[k] = high | low;
    }
    if !width.is_multiple_of(64)
        && let Some(last) = row.last_mut()
    {
        *last &= (1 << (width % 64)) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::Size;
    use proptest::prelude::*;

    /// One erosion by the definition.
    fn erode_once(mask: &Bitmap) -> Bitmap {
        let (height, width) = (mask.height() as isize, mask.width() as isize);
        let get = |y: isize, x: isize| {
            (0..height).contains(&y) && (0..width).contains(&x) && mask.get(y as usize, x as usize)
        };
        Bitmap::from_fn(mask.size(), |y, x| {
            (-1..=1).all(|dy| (-1..=1).all(|dx| get(y as isize + dy, x as isize + dx)))
        })
    }

    proptest! {
        #[test]
        fn equals_repeated_erosion(width in 1usize..300, height in 1usize..40, n in 0usize..9, seed: u64) {
            let hash = |y: usize, x: usize| (seed ^ (y * 7919 + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let mask = Bitmap::from_fn(Size::new(height, width), |y, x| hash(y / 9, x / 23) % 5 > 0 && hash(y, x) % 200 > 0);
            let expected = (0..n).fold(mask.clone(), |mask, _| erode_once(&mask));
            prop_assert_eq!(mask.erode3x3(n), expected);
        }
    }

    #[test]
    fn long_runs_cross_words() {
        let full = Bitmap::from_fn(Size::new(300, 400), |_, _| true);
        for n in [31, 32, 33, 63, 64, 65, 100, 149] {
            let expected = Bitmap::from_fn(Size::new(300, 400), |y, x| {
                (n..300 - n).contains(&y) && (n..400 - n).contains(&x)
            });
            assert_eq!(full.erode3x3(n), expected, "n = {n}");
        }
        assert_eq!(full.erode3x3(150).count(), 0);
        assert_eq!(full.erode3x3(10_000).count(), 0);
    }
}
