//! Euclidean distances from the pixels of a mask to what lies outside of it.
//!
//! Exact, in time that grows with the number of pixels alone: Meijster, Roerdink and Hesselink, "A General Algorithm for
//! Computing Distance Transforms in Linear Time", 2000. Squares are whole numbers, so no distance is rounded.

use super::Bitmap;

impl Bitmap {
    /// The square of the Euclidean distance from the centre of each pixel to that of the nearest pixel outside of the mask,
    /// row by row; 0 outside. Everything beyond the frame is outside.
    pub fn squared_distances(&self) -> Vec<u64> {
        let (height, width) = (self.height(), self.width());
        // First along the columns: how far it is to a pixel outside above or below.
        let mut vertical = vec![0u64; height * width];
        for x in 0..width {
            let mut above = 0;
            for y in 0..height {
                above = if self.get(y, x) { above + 1 } else { 0 };
                vertical[y * width + x] = above;
            }
            let mut below = 0;
            for y in (0..height).rev() {
                below = if self.get(y, x) { below + 1 } else { 0 };
                let at = y * width + x;
                vertical[at] = vertical[at].min(below);
            }
        }
        let mut squares = vec![0; height * width];
        let mut envelope = Envelope::default();
        for (row, out) in
            vertical.chunks_exact(width.max(1)).zip(squares.chunks_exact_mut(width.max(1)))
        {
            envelope.nearest(row, out);
        }
        squares
    }
}

/// The lower envelope of the parabolas `(x - column)^2 + vertical(column)^2` of a row's columns.
#[derive(Default)]
struct Envelope {
    /// Columns whose parabola is lowest somewhere, from left to right, and from where on. Columns are counted from 1; 0 and the
    /// one behind the last lie beyond the frame.
    lowest: Vec<(i64, i64)>,
}

impl Envelope {
    fn nearest(&mut self, vertical: &[u64], out: &mut [u64]) {
        let last = vertical.len() as i64 + 1;
        let height = |column: i64| match column {
            0 => 0,
            column if column == last => 0,
            column => {
                let distance = vertical[column as usize - 1] as i64;
                distance * distance
            }
        };
        self.lowest.clear();
        for column in 0..=last {
            let mut from = 0;
            while let Some(&(known, start)) = self.lowest.last() {
                // From this column on, the new parabola is the lower one.
                let rise = column * column - known * known + height(column) - height(known);
                from = rise.div_euclid(2 * (column - known)) + 1;
                if from > start {
                    break;
                }
                self.lowest.pop();
                from = 0;
            }
            if from <= last {
                self.lowest.push((column, from));
            }
        }
        let mut at = 0;
        for (x, out) in (1..).zip(out.iter_mut()) {
            while self.lowest.get(at + 1).is_some_and(|(_, from)| *from <= x) {
                at += 1;
            }
            let column = self.lowest[at].0;
            *out = ((x - column) * (x - column) + height(column)) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Size;

    /// By looking at every pixel outside, those around the frame included.
    fn slowly(mask: &Bitmap) -> Vec<u64> {
        let (height, width) = (mask.height() as i64, mask.width() as i64);
        let inside = |y: i64, x: i64| {
            (0..height).contains(&y) && (0..width).contains(&x) && mask.get(y as usize, x as usize)
        };
        let nearest = |y: i64, x: i64| {
            let all = (-1..=height).flat_map(|v| (-1..=width).map(move |u| (v, u)));
            let outside = all.filter(|&(v, u)| !inside(v, u));
            outside.map(|(v, u)| ((v - y) * (v - y) + (u - x) * (u - x)) as u64).min()
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        pixels
            .map(|(y, x)| if inside(y, x) { nearest(y, x).expect("a frame") } else { 0 })
            .collect()
    }

    proptest! {
        #[test]
        fn distances_are_those_of_a_search(
            (height, width) in (1usize..18, 1usize..18),
            bits in proptest::collection::vec(0u8..10, 18 * 18),
        ) {
            // Mostly inside, so that distances differ.
            let mask = Bitmap::from_fn(Size::new(height, width), |y, x| bits[y * 18 + x] > 0);
            prop_assert_eq!(mask.squared_distances(), slowly(&mask));
        }
    }

    #[test]
    fn the_frame_is_outside() {
        let full = Bitmap::from_fn(Size::new(3, 5), |_, _| true);
        assert_eq!(full.squared_distances(), [1, 1, 1, 1, 1, 1, 4, 4, 4, 1, 1, 1, 1, 1, 1]);
    }
}
